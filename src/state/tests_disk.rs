//! A disk in memory that remembers every operation, and tells what a death of the process or of the machine leaves.
//!
//! Knows of journals only that one file takes another's name.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::state::{Disk, DiskFile};

/// The file of the rows, which is there from the beginning.
const ROWS: usize = 0;

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Create,
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    Truncate { file: usize, length: usize },
    Sync { file: usize },
    Rename,
    RemoveBeside,
    SyncNames,
}

/// What is on a disk at one moment.
#[derive(Clone)]
pub(super) struct Files {
    contents: Vec<Vec<u8>>,
    journal: Option<usize>,
    beside: Option<usize>,
}

impl Files {
    fn new() -> Self {
        Self { contents: vec![Vec::new()], journal: None, beside: None }
    }

    pub(super) fn rows(&self) -> &[u8] {
        &self.contents[ROWS]
    }

    pub(super) fn journal(&self) -> Option<&[u8]> {
        self.journal.map(|file| &self.contents[file][..])
    }

    fn write(&mut self, file: usize, offset: usize, bytes: &[u8]) {
        let content = &mut self.contents[file];
        content.resize(content.len().max(offset + bytes.len()), 0);
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create => {
                self.contents.push(Vec::new());
                self.beside = Some(self.contents.len() - 1);
            }
            Operation::Write { file, offset, bytes } => self.write(*file, *offset, bytes),
            Operation::Truncate { file, length } => self.contents[*file].resize(*length, 0),
            Operation::Rename => self.journal = self.beside.take(),
            Operation::RemoveBeside => self.beside = None,
            Operation::Sync { .. } | Operation::SyncNames => {}
        }
    }
}

struct State {
    start: Files,
    operations: Vec<Operation>,
    live: Files,
    /// How many bytes are written until the disk is full.
    room: usize,
}

/// The disk of one journal and one file of rows.
#[derive(Clone)]
pub(super) struct FakeDisk(Arc<Mutex<State>>);

/// A file of such a disk.
pub(super) struct FakeFile {
    disk: FakeDisk,
    file: usize,
}

impl FakeDisk {
    pub(super) fn new() -> Self {
        Self::with(Files::new(), Vec::new())
    }

    fn with(start: Files, operations: Vec<Operation>) -> Self {
        let mut live = start.clone();
        operations.iter().for_each(|operation| live.apply(operation));
        Self(Arc::new(Mutex::new(State { start, operations, live, room: usize::MAX })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn carry_out(&self, operation: Operation) {
        let mut state = self.state();
        state.live.apply(&operation);
        state.operations.push(operation);
    }

    pub(super) fn rows(&self) -> FakeFile {
        FakeFile { disk: self.clone(), file: ROWS }
    }

    pub(super) fn files(&self) -> Files {
        self.state().live.clone()
    }

    pub(super) fn n_operations(&self) -> usize {
        self.state().operations.len()
    }

    pub(super) fn set_room(&self, room: usize) {
        self.state().room = room;
    }

    /// How many bytes operation `number` writes.
    pub(super) fn n_written(&self, number: usize) -> usize {
        match self.state().operations.get(number) {
            Some(Operation::Write { bytes, .. }) => bytes.len(),
            _ => 0,
        }
    }

    /// The disk after the process has died behind `n_done` operations and `torn` bytes of the next.
    pub(super) fn after_death(&self, n_done: usize, torn: usize) -> Self {
        let state = self.state();
        let mut operations = state.operations[..n_done].to_vec();
        if torn > 0 {
            let Operation::Write { file, offset, bytes } = &state.operations[n_done] else {
                panic!("only a write can be torn");
            };
            operations.push(Operation::Write { file: *file, offset: *offset, bytes: bytes[..torn].to_vec() });
        }
        Self::with(state.start.clone(), operations)
    }

    /// The disk after a power cut behind `n_done` operations: of what was not synced anything may be missing.
    pub(super) fn after_power_cut(&self, n_done: usize, dice: &mut Dice) -> Self {
        let state = self.state();
        let mut files = state.start.clone();
        let mut of_files = Vec::new();
        let mut of_names = Vec::new();
        for operation in &state.operations[..n_done] {
            match operation {
                // The file itself; its name comes with the names.
                Operation::Create => {
                    files.contents.push(Vec::new());
                    of_names.push(NameChange::Beside(files.contents.len() - 1));
                }
                Operation::Rename => of_names.push(NameChange::Rename),
                Operation::RemoveBeside => of_names.push(NameChange::Remove),
                Operation::SyncNames => of_names.drain(..).for_each(|change| change.apply(&mut files)),
                Operation::Sync { file } => {
                    of_files.retain(|pending: &&Operation| {
                        !pending.is_of(*file) || {
                            files.apply(pending);
                            false
                        }
                    });
                }
                Operation::Write { .. } | Operation::Truncate { .. } => of_files.push(operation),
            }
        }
        // Names change in order, if they do; what is in files comes to the disk in any order.
        let n_changes = dice.below(of_names.len() + 1);
        of_names.drain(..n_changes).for_each(|change| change.apply(&mut files));
        of_files.into_iter().for_each(|operation| operation.apply_perhaps(&mut files, dice));
        Self::with(files, Vec::new())
    }
}

enum NameChange {
    Beside(usize),
    Rename,
    Remove,
}

impl NameChange {
    fn apply(self, files: &mut Files) {
        match self {
            Self::Beside(file) => files.beside = Some(file),
            Self::Rename => files.journal = files.beside.take(),
            Self::Remove => files.beside = None,
        }
    }
}

impl Operation {
    fn is_of(&self, wanted: usize) -> bool {
        match self {
            Self::Write { file, .. } | Self::Truncate { file, .. } | Self::Sync { file } => *file == wanted,
            Self::Create | Self::Rename | Self::RemoveBeside | Self::SyncNames => false,
        }
    }

    /// Carries it out wholly, in part, with zeros for its bytes, or not at all.
    fn apply_perhaps(&self, files: &mut Files, dice: &mut Dice) {
        match (self, dice.below(4)) {
            (_, 0) => {}
            (Self::Write { file, offset, bytes }, 1) => files.write(*file, *offset, &vec![0; bytes.len()]),
            (Self::Write { file, offset, bytes }, 2) => {
                files.write(*file, *offset, &bytes[..dice.below(bytes.len() + 1)]);
            }
            _ => files.apply(self),
        }
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;

    fn create_beside(&self) -> io::Result<FakeFile> {
        self.carry_out(Operation::Create);
        let file = self.state().live.contents.len() - 1;
        Ok(FakeFile { disk: self.clone(), file })
    }

    fn rename(&self) -> io::Result<()> {
        assert!(self.state().live.beside.is_some(), "nothing is there to be renamed");
        self.carry_out(Operation::Rename);
        Ok(())
    }

    fn remove_beside(&self) -> io::Result<()> {
        self.carry_out(Operation::RemoveBeside);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.carry_out(Operation::SyncNames);
        Ok(())
    }
}

impl DiskFile for FakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let length = bytes.len().min(state.room);
        if length == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.room -= length;
        let offset = state.live.contents[self.file].len();
        drop(state);
        self.disk.carry_out(Operation::Write { file: self.file, offset, bytes: bytes[..length].to_vec() });
        Ok(length)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let content = &state.live.contents[self.file][usize::try_from(offset).unwrap()..];
        // Short, as any read may be.
        let length = content.len().min(into.len()).min(50);
        into[..length].copy_from_slice(&content[..length]);
        Ok(length)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk
            .carry_out(Operation::Truncate { file: self.file, length: usize::try_from(length).unwrap() });
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.carry_out(Operation::Sync { file: self.file });
        Ok(())
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { disk: self.disk.clone(), file: self.file })
    }
}
