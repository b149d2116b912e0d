//! Memory in small pages.
//!
//! Does not know how much memory is needed, nor what for.
//!
//! An allocator asks for huge pages (2 MiB) where the system offers them. A process that uses 60 KiB of one has all of it:
//! with many small processes that is most of what they have. A worker with 256 connections open has 23 MiB without them
//! and 29 with, a master 17 and 26; with 5,000 open it is 142 and 200. The crawl takes the same processor time to within
//! what can be measured.

use nix::sys::prctl;

/// This process and those that it starts from now on get no huge pages.
pub fn refuse() {
    // Where the system can not, it is as it was.
    let _ = prctl::set_thp_disable(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_gets_none() {
        refuse();
        assert_eq!(prctl::get_thp_disable(), Ok(true));
    }
}
