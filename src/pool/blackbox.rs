#![expect(unsafe_code, reason = "maps a page that the master reads when this process can not speak any more")]
//! The black box of a worker process: which task is on its CPU at this instant, and how many turns tasks have had there.
//!
//! Does not know what a task is, nor what is made of the last word of a dead process.
//!
//! Invariants:
//! - a box is one page of a file in memory whose size is sealed, so nobody who maps it can be made to fault;
//! - one process writes it, a word at a time; the name of the task is read after that process is gone, so it is not
//!   torn, and a count that is torn is one that moves, which is all that is asked of it;
//! - the master never maps it, so whatever a worker does to the page, the master can only read a wrong number.
//!
//! A process that dies has no time to say what it was doing, and a message sent ahead of each step would cost a system
//! call. A store into a shared page costs next to nothing and outlives the process that made it. It also tells of a loop
//! that is too busy to answer, and goes round all the same.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};

use crate::pool::lease::LeaseId;

/// What is mapped: the smallest page of any system, of which the first two words are used.
const LENGTH: NonZeroUsize = NonZeroUsize::new(4096).expect("a page has a size");

/// `MFD_NOEXEC_SEAL`: systems that forbid executable files in memory refuse others. Older ones do not know it.
const NOT_EXECUTABLE: MFdFlags = MFdFlags::from_bits_retain(0x8);

/// The word of a box that names no task.
const NOTHING: u64 = 0;

/// What is at the start of the page.
#[derive(Debug)]
#[repr(C)]
struct Words {
    /// The lease whose task is on the CPU.
    lease: AtomicU64,
    /// How often a task was given the CPU.
    n_turns: AtomicU64,
}

/// The master's end: made for one process.
#[derive(Debug)]
pub(super) struct BlackBox {
    file: File,
}

impl BlackBox {
    /// A box that names nothing.
    pub(super) fn new() -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let made = match memfd_create(c"myriapod-box", flags | NOT_EXECUTABLE) {
            Err(Errno::EINVAL) => memfd_create(c"myriapod-box", flags),
            made => made,
        };
        let file = File::from(made?);
        file.set_len(LENGTH.get() as u64)?;
        let sealed = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(sealed))?;
        Ok(Self { file })
    }

    /// The lease whose task was on the CPU when the process ended, if one was.
    pub(super) fn read(&self) -> Option<LeaseId> {
        LeaseId::from_word(self.word(offset_of!(Words, lease))?)
    }

    /// A number that changes whenever a task is given the CPU.
    pub(super) fn n_turns(&self) -> u64 {
        // One that can not be read does not change: then the process has to answer.
        self.word(offset_of!(Words, n_turns)).unwrap_or(0)
    }

    fn word(&self, offset: usize) -> Option<u64> {
        let mut word = [0; size_of::<u64>()];
        self.file.read_exact_at(&mut word, offset as u64).ok()?;
        Some(u64::from_ne_bytes(word))
    }
}

impl AsRawFd for BlackBox {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// The worker's end: where it notes what it is about to do.
#[derive(Debug)]
pub(super) struct Recorder {
    /// None where the worker is no process: a thread can not die alone.
    words: Option<&'static Words>,
    n_turns: Cell<u64>,
}

impl Recorder {
    /// Notes nothing.
    pub(super) fn none() -> Self {
        Self { words: None, n_turns: Cell::new(0) }
    }

    /// Maps the box that the parent made for this process, for as long as the process lives.
    pub(super) fn open(file: OwnedFd) -> nix::Result<Self> {
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, at an address that the kernel chooses, touches no memory that is in use.
        let page = unsafe { mmap(None, LENGTH, access, MapFlags::MAP_SHARED, file, 0) }?;
        // SAFETY: the address is that of a page, so it is aligned and has room for two words, of which any bits are
        // good; the page is never unmapped, and the file's size is sealed, so it is valid for as long as the
        // process; nobody else in this process has it, and other processes look at it through the file only.
        let words = unsafe { page.cast::<Words>().as_ref() };
        Ok(Self { words: Some(words), n_turns: Cell::new(0) })
    }

    /// Notes that the task of `lease` has the CPU until the returned value is dropped, also by a panic.
    pub(super) fn enter(&self, lease: LeaseId) -> Entry<'_> {
        self.note(lease);
        Entry { recorder: self }
    }

    /// Notes that the task of `lease` has the CPU from now on.
    pub(super) fn note(&self, lease: LeaseId) {
        if let Some(words) = self.words {
            // This process alone writes it, so it need not be read back from the page.
            self.n_turns.set(self.n_turns.get().wrapping_add(1));
            words.n_turns.store(self.n_turns.get(), Ordering::Relaxed);
        }
        self.store(lease.to_word());
    }

    /// Notes that no task has the CPU.
    pub(super) fn clear(&self) {
        self.store(NOTHING);
    }

    fn store(&self, word: u64) {
        let Some(words) = self.words else { return };
        // What reads this comes after the end of the process, as a signal handler would: nothing may be moved across
        // by the compiler, and for the processor the order is that of the program.
        compiler_fence(Ordering::SeqCst);
        words.lease.store(word, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
}

/// A task has the CPU.
#[derive(Debug)]
#[must_use = "the task has the CPU until this is dropped"]
pub(super) struct Entry<'a> {
    recorder: &'a Recorder,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.recorder.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn lease(index: u32, generation: u32) -> LeaseId {
        LeaseId::from_word((u64::from(index) + 1) << 32 | u64::from(generation)).expect("a lease")
    }

    fn pair() -> (BlackBox, Recorder) {
        let master = BlackBox::new().unwrap();
        let recorder = Recorder::open(OwnedFd::from(master.file.try_clone().unwrap())).unwrap();
        (master, recorder)
    }

    #[test]
    fn what_is_on_the_cpu_is_read_and_nothing_else() {
        let (master, recorder) = pair();
        assert_eq!(master.read(), None);
        for lease in [lease(0, 0), lease(7, u32::MAX), lease(u32::MAX - 1, 3)] {
            let entry = recorder.enter(lease);
            assert_eq!(master.read(), Some(lease));
            drop(entry);
            assert_eq!(master.read(), None);
        }
        recorder.note(lease(1, 2));
        assert_eq!(master.read(), Some(lease(1, 2)));
        recorder.clear();
        assert_eq!(master.read(), None);
    }

    #[test]
    fn each_turn_of_a_task_is_counted_and_nothing_else() {
        let (master, recorder) = pair();
        assert_eq!(master.n_turns(), 0);
        for n_turns in 1..=3 {
            drop(recorder.enter(lease(7, 0)));
            assert_eq!(master.n_turns(), n_turns, "also of the same task");
        }
        recorder.note(lease(8, 0));
        recorder.clear();
        assert_eq!(master.n_turns(), 4);
    }

    #[test]
    fn a_panic_that_is_caught_leaves_nothing_behind() {
        let (master, recorder) = pair();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _entry = recorder.enter(lease(0, 1));
            panic!("on purpose");
        }));
        assert!(caught.is_err());
        assert_eq!(master.read(), None);
    }

    #[test]
    fn the_size_can_not_be_changed() {
        let (master, _) = pair();
        assert!(master.file.set_len(0).is_err());
        assert!(master.file.set_len(1 << 20).is_err());
        let none = SealFlag::empty();
        assert!(fcntl(&master.file, FcntlArg::F_ADD_SEALS(none)).is_err(), "nor can the seals");
    }

    #[test]
    fn without_a_box_nothing_is_noted() {
        let recorder = Recorder::none();
        drop(recorder.enter(lease(0, 1)));
        recorder.note(lease(0, 1));
    }
}
