//! Appends records to a journal, and replaces it by one that begins with a snapshot.
//!
//! Does not know what a record says, nor when a sync or a snapshot is due.
//!
//! Invariants:
//! - the journal ends with a whole record, or with one that is cut off before the next is written;
//! - in the journal's place there is always a whole journal, the old or the new one, whatever dies between two calls;
//! - what was synced stays synced when the journal is replaced.
//!
//! A snapshot takes time to write and to sync, so that a thread does it while the loop goes on with the old journal:
//! `begin_rewrite` in the loop, `Rewrite::write` in the thread, `finish_rewrite` in the loop, which copies what was
//! appended meanwhile. A snapshot vouches for rows, so they must be synced before it takes the journal's place.

use std::fs::File;
use std::io;

use crate::state::disk::{Disk, DiskFile};
use crate::state::{Event, Header, JournalFiles, Snapshot, record};

/// How much of the old journal is copied at a time.
const COPY_SIZE: usize = 64 * 1024;

/// The journal could not be handled. The text completes "could not ...".
#[derive(Debug, thiserror::Error)]
#[error("{action} the journal")]
pub struct JournalError {
    /// What was being done, such as `write`.
    pub action: &'static str,
    /// What the system said: `StorageFull` where the disk is full.
    pub source: io::Error,
}

/// The journal of a run, open at its end.
#[derive(Debug)]
pub struct JournalStore<D: Disk = JournalFiles> {
    disk: D,
    file: D::File,
    /// Magic, version and header: what every journal of this run begins with.
    preamble: Vec<u8>,
    length: u64,
    end: End,
    /// Where the records since the snapshot begin.
    snapshot_end: u64,
    /// How much of the journal may have been synced.
    synced: u64,
    /// Counts the journals that were begun, so that one that was overtaken is not put in place.
    n_begun: u64,
}

/// How the file ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// With a whole record, at `length`.
    Whole,
    /// Perhaps with the beginning of a record that must be cut off first.
    Torn,
}

/// A journal that is being made beside the old one: to be written in a thread.
#[derive(Debug)]
#[must_use = "the snapshot is not written yet"]
pub struct Rewrite<F = File> {
    file: F,
    preamble: Vec<u8>,
    snapshot: Snapshot,
    /// How far the snapshot tells what the old journal tells.
    covers: u64,
    number: u64,
}

/// A journal beside the old one, synced, that lacks what was appended to the old one meanwhile.
#[derive(Debug)]
#[must_use = "the journal is not in its place yet"]
pub struct Rewritten<F = File> {
    file: F,
    length: u64,
    covers: u64,
    number: u64,
}

/// Makes what was appended so far survive the machine: to be used in a thread.
#[derive(Debug)]
pub struct JournalSync<D: Disk = JournalFiles> {
    disk: D,
    file: D::File,
}

impl<D: Disk> JournalStore<D> {
    /// Makes a journal that begins with this snapshot, and puts it in place of the one that is there.
    /// A new run begins so, with an empty snapshot, and a resumed one with all that it found.
    ///
    /// # Errors
    /// When it could not be written, synced and put in place; the old one is there then, if there was one.
    pub fn create(disk: D, header: &Header, snapshot: &Snapshot) -> Result<Self, JournalError> {
        let preamble = record::preamble(header).map_err(error("write"))?;
        let (file, length) = replace(&disk, &preamble, snapshot, &[])?;
        Ok(Self {
            disk,
            file,
            preamble,
            length,
            end: End::Whole,
            snapshot_end: length,
            synced: length,
            n_begun: 0,
        })
    }

    /// Appends one whole record, or several.
    ///
    /// # Errors
    /// When it could not be written in full; the journal then ends where it ended before.
    pub fn append(&mut self, record: &[u8]) -> Result<(), JournalError> {
        self.mend()?;
        if let Err(source) = write_all(&mut self.file, record) {
            self.end = End::Torn;
            // The write has failed and that is what is told; where the cut fails too, the next append tries it again.
            let _ = self.mend();
            return Err(error("write")(source));
        }
        self.length += length_of(record);
        Ok(())
    }

    /// Length of the journal.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How much was appended since the snapshot: what resuming would have to read.
    pub fn grown(&self) -> u64 {
        self.length - self.snapshot_end
    }

    /// Replaces the journal by one that begins with this snapshot. The rows that it vouches for must be synced.
    ///
    /// # Errors
    /// When it could not be written, synced and put in place. The old journal is good as long as it is in its place.
    pub fn rewrite(&mut self, snapshot: &Snapshot) -> Result<(), JournalError> {
        self.rewrite_with(snapshot, &[])
    }

    /// The same with something that has happened since: both are there, or neither is.
    ///
    /// # Errors
    /// As `rewrite`.
    pub fn rewrite_with(&mut self, snapshot: &Snapshot, events: &[Event]) -> Result<(), JournalError> {
        self.n_begun += 1;
        let (file, length) = replace(&self.disk, &self.preamble, snapshot, events)?;
        self.take_over(file, length, length);
        Ok(())
    }

    /// Begins to replace the journal by one that begins with this snapshot, which tells all that was appended so far.
    /// A rewrite that had been begun before is overtaken: it will not be put in place.
    ///
    /// # Errors
    /// When the new file could not be made.
    pub fn begin_rewrite(&mut self, snapshot: Snapshot) -> Result<Rewrite<D::File>, JournalError> {
        self.n_begun += 1;
        let file = self.disk.create_beside().map_err(error("create"))?;
        let preamble = self.preamble.clone();
        Ok(Rewrite { file, preamble, snapshot, covers: self.length, number: self.n_begun })
    }

    /// Copies what was appended meanwhile behind the new snapshot, and puts the new journal in place.
    ///
    /// Takes a sync of its own only where a `sync_handle` was asked for since the rewrite was begun: what that may have
    /// made durable must not become less so. Whoever waits with the next sync until here spares the loop that time.
    ///
    /// # Errors
    /// When it could not be copied or put in place; the old journal then goes on.
    pub fn finish_rewrite(&mut self, new: Rewritten<D::File>) -> Result<(), JournalError> {
        let Rewritten { mut file, length: snapshot_end, covers, number } = new;
        if number != self.n_begun {
            return Ok(());
        }
        let finished = copy(&self.file, covers..self.length, &mut file)
            .and_then(|()| if self.synced > covers { file.sync() } else { Ok(()) })
            .and_then(|()| self.disk.rename());
        if let Err(source) = finished {
            // It is of no use any more, and on a full disk its room is.
            let _ = self.disk.remove_beside();
            return Err(error("replace")(source));
        }
        self.take_over(file, snapshot_end + (self.length - covers), snapshot_end);
        Ok(())
    }

    /// Gives back the room of a rewrite that was begun and could not be written.
    pub fn abandon_rewrite(&self) {
        // Where it can not be removed, the next rewrite does.
        let _ = self.disk.remove_beside();
    }

    /// Makes the journal survive the machine.
    ///
    /// # Errors
    /// When the disk does not take what the system has. What is on it is then unknown: do not go on.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.synced = self.length;
        self.file.sync().and_then(|()| self.disk.sync_names()).map_err(error("sync"))
    }

    fn take_over(&mut self, file: D::File, length: u64, snapshot_end: u64) {
        self.file = file;
        self.length = length;
        self.snapshot_end = snapshot_end;
        self.synced = snapshot_end;
        self.end = End::Whole;
    }

    fn mend(&mut self) -> Result<(), JournalError> {
        if self.end == End::Torn {
            self.file.truncate(self.length).map_err(error("cut"))?;
            self.end = End::Whole;
        }
        Ok(())
    }
}

impl<D: Disk + Clone> JournalStore<D> {
    /// What a thread needs to sync all that was appended so far.
    ///
    /// # Errors
    /// When the file could not be shared.
    pub fn sync_handle(&mut self) -> Result<JournalSync<D>, JournalError> {
        let file = self.file.try_clone().map_err(error("share"))?;
        self.synced = self.length;
        Ok(JournalSync { disk: self.disk.clone(), file })
    }
}

impl<D: Disk> JournalSync<D> {
    /// Makes the journal survive the machine, its name too, since it may be a new file.
    ///
    /// # Errors
    /// When the disk does not take what the system has. What is on it is then unknown: do not go on.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file.sync().and_then(|()| self.disk.sync_names()).map_err(error("sync"))
    }
}

impl<F: DiskFile> Rewrite<F> {
    /// Writes and syncs the snapshot; takes as long as the disk does.
    ///
    /// # Errors
    /// When it could not be written; the old journal goes on.
    pub fn write(self) -> Result<Rewritten<F>, JournalError> {
        let Self { mut file, preamble, snapshot, covers, number } = self;
        let length = write_beginning(&mut file, &preamble, &snapshot, &[])?;
        Ok(Rewritten { file, length, covers, number })
    }
}

/// Makes a whole journal and puts it in place, so that it survives the machine.
fn replace<D: Disk>(
    disk: &D,
    preamble: &[u8],
    snapshot: &Snapshot,
    events: &[Event],
) -> Result<(D::File, u64), JournalError> {
    let mut file = disk.create_beside().map_err(error("create"))?;
    let placed = write_beginning(&mut file, preamble, snapshot, events)
        .and_then(|length| disk.rename().map(|()| length).map_err(error("replace")));
    if placed.is_err() {
        // It is of no use to anyone, and on a full disk its room is.
        let _ = disk.remove_beside();
    }
    let length = placed?;
    disk.sync_names().map_err(error("sync"))?;
    Ok((file, length))
}

fn write_beginning(
    file: &mut impl DiskFile,
    preamble: &[u8],
    snapshot: &Snapshot,
    events: &[Event],
) -> Result<u64, JournalError> {
    let mut bytes = preamble.to_vec();
    record::put_snapshot(&mut bytes, snapshot).map_err(error("write"))?;
    events.iter().for_each(|event| bytes.extend(event.to_record()));
    write_all(file, &bytes).map_err(error("write"))?;
    file.sync().map_err(error("sync"))?;
    Ok(length_of(&bytes))
}

fn copy<F: DiskFile>(from: &F, range: std::ops::Range<u64>, into: &mut F) -> io::Result<()> {
    let mut buffer = vec![0; COPY_SIZE];
    let mut offset = range.start;
    while offset < range.end {
        let wanted = usize::try_from(range.end - offset).unwrap_or(COPY_SIZE).min(COPY_SIZE);
        match from.read_at(&mut buffer[..wanted], offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n_read) => {
                write_all(into, &buffer[..n_read])?;
                offset += length_of(&buffer[..n_read]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write_all(file: &mut impl DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n_written) => bytes = &bytes[n_written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits 64 bits")
}

fn error(action: &'static str) -> impl FnOnce(io::Error) -> JournalError {
    move |source| JournalError { action, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::state::{RowsFile, Suspicion};

    const SUSPICION: Suspicion = Suspicion { crashes: 1, kills: 0 };

    fn header() -> Header {
        Header { description: "{}".to_owned() }
    }

    fn event(seq: u64) -> Vec<u8> {
        Event::Suspect { seq, suspicion: SUSPICION }.to_record()
    }

    fn store_in(directory: &Path) -> JournalStore {
        let disk = JournalFiles::at(&directory.join("journal"));
        JournalStore::create(disk, &header(), &Snapshot::default()).unwrap()
    }

    /// The seqs that the journal suspects, in its snapshot and behind it.
    fn suspects_in(directory: &Path) -> Vec<u64> {
        let journal = JournalFiles::at(&directory.join("journal")).open().unwrap();
        crate::state::resume(journal, |_| Ok(None::<RowsFile<io::Empty>>), |_| 0)
            .unwrap()
            .suspicions
            .into_keys()
            .collect()
    }

    #[test]
    fn a_journal_is_made_at_once_and_grows() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("journal.new"), "left behind").unwrap();
        let mut store = store_in(scratch.path());
        assert!(!scratch.path().join("journal.new").exists());
        let length = store.length();
        store.append(&event(1)).unwrap();
        store.append(&event(2)).unwrap();
        let grown = length_of(&event(1)) + length_of(&event(2));
        assert_eq!((store.grown(), store.length()), (grown, length + grown));
        store.sync().unwrap();
        store.sync_handle().unwrap().sync().unwrap();
        assert_eq!(suspects_in(scratch.path()), [1, 2]);
        assert_eq!(fs::metadata(scratch.path().join("journal")).unwrap().len(), store.length());
    }

    #[test]
    fn a_rewrite_keeps_what_was_appended_meanwhile() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = store_in(scratch.path());
        store.append(&event(1)).unwrap();
        let rewrite = store
            .begin_rewrite(Snapshot { suspicions: vec![(1, SUSPICION)], ..Snapshot::default() })
            .unwrap();
        store.append(&event(2)).unwrap();
        let rewritten = std::thread::spawn(|| rewrite.write()).join().unwrap().unwrap();
        store.append(&event(3)).unwrap();
        store.finish_rewrite(rewritten).unwrap();
        assert_eq!(store.grown(), length_of(&event(2)) + length_of(&event(3)));
        store.append(&event(4)).unwrap();
        assert_eq!(suspects_in(scratch.path()), [1, 2, 3, 4]);
        assert!(!scratch.path().join("journal.new").exists());
    }

    #[test]
    fn a_snapshot_may_come_with_what_happened_since() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = store_in(scratch.path());
        store.append(&event(1)).unwrap();
        let since = Event::Suspect { seq: 2, suspicion: SUSPICION };
        store.rewrite_with(&Snapshot::default(), &[since]).unwrap();
        store.append(&event(3)).unwrap();
        assert_eq!(suspects_in(scratch.path()), [2, 3]);
    }

    #[test]
    fn a_rewrite_that_was_overtaken_changes_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = store_in(scratch.path());
        let slow = store.begin_rewrite(Snapshot::default()).unwrap();
        store.rewrite(&Snapshot { suspicions: vec![(7, SUSPICION)], ..Snapshot::default() }).unwrap();
        let slow = slow.write().unwrap();
        store.finish_rewrite(slow).unwrap();
        assert_eq!(suspects_in(scratch.path()), [7]);
    }

    #[test]
    fn a_rewrite_that_came_to_nothing_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let mut store = store_in(scratch.path());
        drop(store.begin_rewrite(Snapshot::default()).unwrap());
        assert!(scratch.path().join("journal.new").exists());
        store.abandon_rewrite();
        assert!(!scratch.path().join("journal.new").exists());
        store.append(&event(1)).unwrap();
        assert_eq!(suspects_in(scratch.path()), [1]);
    }

    #[test]
    fn an_error_says_what_was_done() {
        let scratch = tempfile::tempdir().unwrap();
        let disk = JournalFiles::at(&scratch.path().join("nowhere/journal"));
        let error = JournalStore::create(disk, &header(), &Snapshot::default()).unwrap_err();
        assert_eq!(error.to_string(), "create the journal");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
