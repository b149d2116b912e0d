//! A small run on a disk that stops: behind every operation, in the middle of every write, with and without power.
//!
//! The steps are those of a master: rows first, then their record; rows are synced before the journal, and before a
//! snapshot that vouches for them. A promise is what a user may rely on from an operation on.

use crate::state::tests::{Books, assert_sound, header, resume_bytes};
use crate::state::tests_disk::{Dice, FakeDisk, FakeFile};
use crate::state::{DiskFile, JournalStore, Resumed};

struct Promise {
    /// It holds once so many operations were done.
    n_operations: usize,
    n_rows: u64,
    /// Whether it survives the machine.
    durable: bool,
}

struct Master {
    disk: FakeDisk,
    rows: FakeFile,
    store: JournalStore<FakeDisk>,
    books: Books,
    promises: Vec<Promise>,
}

impl Master {
    fn begin(disk: FakeDisk, books: Books) -> Self {
        let store = JournalStore::create(disk.clone(), &header(), &books.snapshot).unwrap();
        let mut master = Self { rows: disk.rows(), disk, store, books, promises: Vec::new() };
        master.promise(true);
        master
    }

    fn resume(disk: FakeDisk) -> Self {
        let n_promised = disk.n_operations();
        let found = resume_from(&disk).unwrap();
        let mut rows = disk.rows();
        rows.truncate(found.output.bytes).unwrap();
        rows.sync().unwrap();
        let mut master = Self::begin(disk, Books::resumed(&found));
        let n_rows = found.output.rows;
        master.promises.insert(0, Promise { n_operations: n_promised, n_rows, durable: false });
        master
    }

    fn promise(&mut self, durable: bool) {
        let n_rows = self.books.snapshot.output.rows;
        self.promises.push(Promise { n_operations: self.disk.n_operations(), n_rows, durable });
    }

    /// What is promised of a disk on which so many operations were done.
    fn promised(&self, n_operations: usize, durable_only: bool) -> Option<u64> {
        let mut holding = self.promises.iter().rev();
        holding
            .find(|promise| promise.n_operations <= n_operations && (promise.durable || !durable_only))
            .map(|promise| promise.n_rows)
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0..6 => self.write_batch(dice),
            6 | 7 => self.sync(),
            8 => self.rewrite(),
            9 | 10 => self.rewrite_in_a_thread(dice),
            _ => self.write_batch_to_a_full_disk(dice),
        }
    }

    /// A few of the first lines without a row, in any order.
    fn draw(&self, dice: &mut Dice) -> Vec<u64> {
        let done = &self.books.snapshot.done;
        let mut open: Vec<u64> =
            (done.first_missing()..).filter(|&seq| !done.contains(seq)).take(8).collect();
        (0..=dice.below(4)).map(|_| open.swap_remove(dice.below(open.len()))).collect()
    }

    fn write_batch(&mut self, dice: &mut Dice) {
        let (rows, record) = self.books.add(&self.draw(dice));
        self.write_rows(&rows);
        self.store.append(&record).unwrap();
        self.promise(false);
    }

    fn write_rows(&mut self, rows: &[u8]) {
        assert_eq!(self.rows.write(rows).unwrap(), rows.len());
    }

    fn write_batch_to_a_full_disk(&mut self, dice: &mut Dice) {
        let before = self.books.clone();
        let (rows, record) = self.books.add(&self.draw(dice));
        self.write_rows(&rows);
        self.disk.set_room(dice.below(record.len()));
        self.store.append(&record).unwrap_err();
        self.disk.set_room(usize::MAX);
        self.books = before;
        self.rows.truncate(self.books.snapshot.output.bytes).unwrap();
    }

    fn sync(&mut self) {
        self.rows.sync().unwrap();
        self.store.sync_handle().unwrap().sync().unwrap();
        self.promise(true);
    }

    fn rewrite(&mut self) {
        self.rows.sync().unwrap();
        self.store.rewrite(&self.books.snapshot).unwrap();
        assert_eq!(self.store.grown(), 0);
        self.promise(true);
    }

    /// Rows and syncs go on while the snapshot is on its way; the disk may be full when it arrives.
    fn rewrite_in_a_thread(&mut self, dice: &mut Dice) {
        let rewrite = self.store.begin_rewrite(self.books.snapshot.clone()).unwrap();
        self.rows.sync().unwrap();
        if dice.below(2) == 0 {
            self.write_batch(dice);
        }
        let rewritten = rewrite.write().unwrap();
        for _ in 0..dice.below(3) {
            self.write_batch(dice);
        }
        match dice.below(4) {
            0 => self.sync(),
            1 => self.rewrite(),
            _ => {}
        }
        self.disk.set_room([0, usize::MAX][dice.below(2)]);
        let _ = self.store.finish_rewrite(rewritten);
        self.disk.set_room(usize::MAX);
        assert_eq!(self.disk.files().journal().map(<[u8]>::len), usize::try_from(self.store.length()).ok());
    }
}

/// What is found on a disk; `None` where no run has begun.
fn resume_from(disk: &FakeDisk) -> Option<Resumed> {
    let files = disk.files();
    let found = resume_bytes(files.journal()?, files.rows()).unwrap();
    assert_sound(&found, files.rows());
    Some(found)
}

/// Lets the process die behind every operation from one on, and in the middle of it; hands over what is left.
fn deaths(master: &Master, from: usize, mut handle: impl FnMut(FakeDisk, Option<u64>)) {
    for n_done in from..=master.disk.n_operations() {
        let length = master.disk.n_written(n_done);
        let mut torn = vec![0, 1, 7, 9, length / 2, length.saturating_sub(1)];
        torn.retain(|&torn| torn == 0 || torn < length);
        torn.sort_unstable();
        torn.dedup();
        for torn in torn {
            handle(master.disk.after_death(n_done, torn), master.promised(n_done, false));
        }
    }
}

/// Cuts the power behind every operation from one on, several times; hands over what is left.
fn power_cuts(master: &Master, from: usize, dice: &mut Dice, mut handle: impl FnMut(FakeDisk, Option<u64>)) {
    for n_done in from..=master.disk.n_operations() {
        for _ in 0..4 {
            handle(master.disk.after_power_cut(n_done, dice), master.promised(n_done, true));
        }
    }
}

fn run(seed: u64, n_steps: usize) -> (Master, Dice) {
    let mut dice = Dice(seed);
    let mut master = Master::begin(FakeDisk::new(), Books::new());
    for _ in 0..n_steps {
        master.step(&mut dice);
    }
    (master, dice)
}

#[test]
fn a_dead_process_leaves_all_rows_of_the_last_whole_mark() {
    let mut n_states = 0;
    for seed in 0..12 {
        let (master, _) = run(seed, 40);
        deaths(&master, 0, |disk, promised| {
            n_states += 1;
            let found = resume_from(&disk).map(|found| found.output.rows);
            // The journal is there a moment before it is promised.
            assert_eq!(found, promised.or(found.map(|_| 0)), "seed {seed}");
        });
    }
    assert!(n_states > 4_000, "{n_states}");
}

#[test]
fn a_power_cut_leaves_all_rows_of_the_last_sync() {
    let mut n_states = 0;
    for seed in 100..112 {
        let (master, mut dice) = run(seed, 40);
        power_cuts(&master, 0, &mut dice, |disk, promised| {
            n_states += 1;
            let found = resume_from(&disk).map(|found| found.output.rows);
            assert!(found >= promised, "seed {seed}: {found:?} of {promised:?}");
        });
    }
    assert!(n_states > 4_000, "{n_states}");
}

#[test]
fn a_resumed_run_may_die_again() {
    let mut n_states = 0;
    for seed in 200..206 {
        let (master, mut dice) = run(seed, 15);
        let mut left = Vec::new();
        deaths(&master, 0, |disk, _| left.push(disk));
        power_cuts(&master, 0, &mut Dice(seed), |disk, _| left.push(disk));
        for disk in left.into_iter().filter(|disk| resume_from(disk).is_some()).step_by(23) {
            let from = disk.n_operations();
            let mut resumed = Master::resume(disk);
            for _ in 0..4 {
                resumed.step(&mut dice);
            }
            deaths(&resumed, from, |disk, promised| {
                n_states += 1;
                let found = resume_from(&disk).map(|found| found.output.rows);
                // The journal is there a moment before it is promised.
                assert_eq!(found, promised.or(found.map(|_| 0)), "seed {seed}");
            });
            power_cuts(&resumed, from, &mut dice, |disk, promised| {
                n_states += 1;
                let found = resume_from(&disk).map(|found| found.output.rows);
                assert!(found >= promised, "seed {seed}: {found:?} of {promised:?}");
            });
        }
    }
    assert!(n_states > 4_000, "{n_states}");
}
