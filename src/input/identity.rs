#![expect(clippy::disallowed_methods, reason = "reads the two ends of a file")]
//! What a list is told apart by: the size of a file, and a hash of its two ends.
//!
//! Does not read it through: that a line in the middle of a file has changed, its size kept, is not seen.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::input::{InputPlan, Source};

/// How much of either end of a file is hashed.
const END: u64 = 64 * 1024;

/// What one source is told apart by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceIdentity {
    /// A regular file.
    File {
        /// Its name as given.
        path: String,
        /// Its length, in bytes.
        bytes: u64,
        /// A hash of its first and last 64 KiB: FNV-1a, 64 bits.
        ends: u64,
    },
    /// A stream: nothing is known of it before it is read.
    Stream {
        /// Its name as given; `-` for standard input.
        path: String,
    },
}

impl InputPlan {
    /// What each file and stream is told apart by, in their order. An argument of the command line stands for itself.
    pub fn identity(&self) -> Vec<SourceIdentity> {
        self.sources.iter().filter_map(identity).collect()
    }
}

fn identity(source: &Source) -> Option<SourceIdentity> {
    match source {
        Source::Url(_) | Source::Template(_) => None,
        Source::Stdin => Some(SourceIdentity::Stream { path: "-".to_owned() }),
        Source::File(path) => {
            let name = path.display().to_string();
            Some(match ends(path) {
                Ok(Some((bytes, ends))) => SourceIdentity::File { path: name, bytes, ends },
                // One that can not be read is refused when it is opened.
                Ok(None) | Err(_) => SourceIdentity::Stream { path: name },
            })
        }
    }
}

/// The length of a regular file, and the hash of its two ends.
fn ends(path: &Path) -> io::Result<Option<(u64, u64)>> {
    // A named pipe would wait for its writer when it is opened.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut read = Vec::new();
    file.by_ref().take(END).read_to_end(&mut read)?;
    if length > END {
        file.seek(SeekFrom::Start(length.saturating_sub(END).max(END)))?;
        file.take(END).read_to_end(&mut read)?;
    }
    Ok(Some((length, fnv_1a(&read))))
}

/// FNV-1a (Fowler, Noll and Vo; constants of draft-eastlake-fnv): small, and the same in every version.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_draft() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_file_is_known_by_its_length_and_its_ends() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &[u8]| {
            let path = folder.path().join("list");
            std::fs::write(&path, content).unwrap();
            ends(&path).unwrap().unwrap()
        };
        let long = vec![b'x'; 300_000];
        let changed = |position: usize| {
            let mut other = long.clone();
            other[position] = b'y';
            other
        };
        assert_eq!(of(&long), of(&long));
        assert_ne!(of(&long), of(&changed(0)));
        assert_ne!(of(&long), of(&changed(299_999)));
        assert_ne!(of(b"a"), of(b"ab"));
        assert_eq!(of(b""), (0, fnv_1a(b"")));
    }

    #[test]
    fn a_stream_is_not_opened() {
        assert_eq!(ends(Path::new("/dev/null")).unwrap(), None);
    }
}
