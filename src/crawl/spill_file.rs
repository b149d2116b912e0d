//! The file that held-back lines go to when they are too many for the memory.
//!
//! Does not know what the lines are, nor when they leave memory.
//!
//! Invariants:
//! - the file has no name, so nothing of it is left when the process ends, however it ends;
//! - it takes no more room than its limit, and leaves some of the disk to the rows.
//!
//! It is made when the first block comes; most runs never have one.

#![expect(clippy::disallowed_methods, reason = "the file is opened here")]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, OFlag, fallocate};
use nix::sys::statvfs::fstatvfs;

use crate::frontier::{Block, Spill};

/// What is left free on the disk: rows are worth more than reading ahead. A guess, well above what the run warns at.
const LEFT_FREE: u64 = 512 << 20;

/// Blocks begin at multiples of this, so that freeing one frees all of it: file systems free whole pages alone.
const ALIGNMENT: u64 = 4096;

/// Blocks of bytes in a file without a name.
#[derive(Debug)]
pub struct SpillFile {
    directory: PathBuf,
    max_bytes: u64,
    left_free: u64,
    file: Option<File>,
    /// Where the next block begins.
    end: u64,
    /// Blocks that are not freed.
    n_blocks: u64,
    /// What the disk holds of blocks: where holes can not be made, also of those that are freed.
    n_bytes: u64,
}

impl SpillFile {
    /// In this directory, with at most so many bytes at a time. Nothing is made before the first block.
    ///
    /// A directory that is in memory itself, as that for temporary files often is, saves nothing.
    pub fn in_directory(directory: PathBuf, max_bytes: u64) -> Self {
        Self { directory, max_bytes, left_free: LEFT_FREE, file: None, end: 0, n_blocks: 0, n_bytes: 0 }
    }

    fn check_room(&self, file: &File, n_bytes: u64) -> io::Result<()> {
        if self.n_bytes.saturating_add(n_bytes) > self.max_bytes {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        // A file system that does not tell is left to refuse the block itself.
        let Ok(disk) = fstatvfs(file) else { return Ok(()) };
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        if free < self.left_free.saturating_add(n_bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn append(&mut self, file: &File, bytes: &[u8]) -> io::Result<Block> {
        let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let n_taken = n_taken(length);
        self.check_room(file, n_taken)?;
        if let Err(error) = file.write_all_at(bytes, self.end) {
            // What was written of it may be the last room of a disk; where it can not be cut off, it is written over.
            let _ = file.set_len(self.end);
            return Err(error);
        }
        let offset = self.end;
        self.end += n_taken;
        self.n_blocks += 1;
        self.n_bytes += n_taken;
        Ok(Block { offset, length })
    }
}

impl Spill for SpillFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Block> {
        let directory = self.directory.clone();
        // Whoever is told of it is to know where room is short.
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
        let file = match self.file.take() {
            Some(file) => file,
            None => open_nameless(&directory).map_err(named)?,
        };
        let written = self.append(&file, bytes);
        self.file = Some(file);
        written.map_err(named)
    }

    fn read(&mut self, block: Block, from: u32, into: &mut [u8]) -> io::Result<()> {
        let file = self.file.as_ref().expect("a block that was written is in a file");
        file.read_exact_at(into, block.offset + u64::from(from))
    }

    fn free(&mut self, block: Block) {
        let file = self.file.as_ref().expect("a block that was written is in a file");
        self.n_blocks -= 1;
        if self.n_blocks == 0 && file.set_len(0).is_ok() {
            (self.end, self.n_bytes) = (0, 0);
            return;
        }
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let n_taken = n_taken(block.length);
        let (Ok(offset), Ok(length)) = (i64::try_from(block.offset), i64::try_from(n_taken)) else { return };
        // A file system that makes no holes holds the bytes until all blocks are freed.
        if fallocate(file, hole, offset, length).is_ok() {
            self.n_bytes -= n_taken;
        }
    }
}

/// What a block of this length takes.
fn n_taken(length: u32) -> u64 {
    u64::from(length).next_multiple_of(ALIGNMENT)
}

fn open_nameless(directory: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let nameless = options.clone().custom_flags(OFlag::O_TMPFILE.bits()).open(directory);
    nameless.or_else(|_| {
        // Not every file system knows such files; a name that is taken away at once serves as well.
        let path = directory.join(format!(".held-back-{}", std::process::id()));
        let file = options.create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn spill(max_bytes: u64) -> (tempfile::TempDir, SpillFile) {
        let directory = tempfile::tempdir().unwrap();
        let file = SpillFile::in_directory(directory.path().to_owned(), max_bytes);
        (directory, SpillFile { left_free: 0, ..file })
    }

    fn read(spill: &mut SpillFile, block: Block, from: u32, n_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0; n_bytes];
        spill.read(block, from, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn blocks_are_read_in_any_order_and_in_parts() {
        let (directory, mut spill) = spill(1 << 20);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let blocks: Vec<Block> =
            (0..5_u8).map(|byte| spill.write(&vec![byte; 5000 + usize::from(byte)]).unwrap()).collect();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "it has no name");
        for (byte, &block) in (0..5_u8).zip(&blocks).rev() {
            assert_eq!(
                read(&mut spill, block, 4990, 10 + usize::from(byte)),
                vec![byte; 10 + usize::from(byte)]
            );
            spill.free(block);
        }
        assert_eq!((spill.end, spill.n_bytes), (0, 0));
        let again = spill.write(b"again").unwrap();
        assert_eq!((again.offset, read(&mut spill, again, 1, 4)), (0, b"gain".to_vec()));
    }

    #[test]
    fn what_is_freed_goes_back_to_the_disk() {
        let (_directory, mut spill) = spill(1 << 20);
        let blocks: Vec<Block> = (0..8).map(|_| spill.write(&[1; 10_000]).unwrap()).collect();
        blocks[..7].iter().for_each(|&block| spill.free(block));
        let held = spill.file.as_ref().unwrap().metadata().unwrap().blocks() * 512;
        // Where no holes are made, that is known too.
        assert!(held <= spill.n_bytes, "{held} bytes on disk, {} counted", spill.n_bytes);
        assert_eq!(read(&mut spill, blocks[7], 0, 10_000), [1; 10_000]);
    }

    #[test]
    fn more_than_the_limit_is_refused_and_changes_nothing() {
        let (_directory, mut spill) = spill(3 * ALIGNMENT);
        let first = spill.write(&[1; 5000]).unwrap();
        let second = spill.write(&[2; 4096]).unwrap();
        assert_eq!(spill.write(b"3").unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        assert_eq!(read(&mut spill, first, 0, 5000), [1; 5000]);
        assert_eq!(read(&mut spill, second, 0, 4096), [2; 4096]);
    }

    #[test]
    fn the_rows_keep_their_room() {
        let (_directory, spill) = spill(1 << 20);
        let mut spill = SpillFile { left_free: u64::MAX, ..spill };
        assert_eq!(spill.write(b"1").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_directory_that_is_gone_is_an_error() {
        let (directory, mut spill) = spill(1 << 20);
        let path = directory.path().display().to_string();
        drop(directory);
        let error = spill.write(b"1").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&path), "{error}");
    }
}
