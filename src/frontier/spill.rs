//! What leaves memory and comes back: the bytes of items, and the place they are kept in.
//!
//! Does not know hosts, nor whether the place is a file.
//!
//! Invariants:
//! - a block is freed once, when all of it was read;
//! - what could not be written is where it was, and what could not be read can be asked for again.
//!
//! A block is written in one piece and read in sips, so that a host whose turn has come does not bring back more into a
//! memory that is full already. Each record is a little-endian `u32` length and as many bytes.

use std::io;

/// An item that can leave memory.
pub trait HeldItem: Sized {
    /// The memory it takes, itself included; never zero.
    fn n_bytes(&self) -> usize;

    /// Appends what `decode` makes the same item of: at least one byte, since a hole in a file reads as zeros.
    fn encode(&self, into: &mut Vec<u8>);

    /// The item of these bytes; `None` where they are no item's.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A place for bytes outside of memory.
pub trait Spill {
    /// Keeps `bytes`.
    ///
    /// # Errors
    ///
    /// They are not kept, and the place is as it was before.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Block>;

    /// Fills `into` with what stands in a block from its byte number `from` on.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read; the block is still there.
    fn read(&mut self, block: Block, from: u32, into: &mut [u8]) -> io::Result<()>;

    /// Gives up a block that was read.
    fn free(&mut self, block: Block);
}

/// Where bytes are kept, as the place has named it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub length: u32,
}

/// Why items can not leave memory, or not come back. Each text completes "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// They stay in memory.
    #[error("move lines that wait for their host out of memory")]
    Write {
        /// What the place says.
        #[source]
        source: io::Error,
    },
    /// They stay outside.
    #[error("read lines that wait for their host back into memory")]
    Read {
        /// What the place says.
        #[source]
        source: io::Error,
    },
    /// What is read is not what was written.
    #[error("understand lines that wait for their host: they are not as they were written")]
    Damaged,
}

/// A block that was read up to here.
#[derive(Debug)]
pub(super) struct Part {
    block: Block,
    n_read: u32,
}

/// Items to blocks and back.
#[derive(Debug)]
pub(super) struct Store<S> {
    spill: S,
    /// About as much is written at a time, by the memory that it took.
    block_bytes: usize,
    refusal: Refusal,
    /// Of the first refusal, until someone asks.
    warning: Option<SpillError>,
    scratch: Vec<u8>,
}

/// Whether blocks are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// None was refused so far.
    Never,
    /// One was, and none is tried.
    Resting,
    /// One was; the next is tried again.
    Past,
}

/// The length that stands before a record.
const HEAD: usize = 4;

impl<S: Spill> Store<S> {
    pub(super) fn new(spill: S, block_bytes: usize) -> Self {
        let (block_bytes, refusal) = (block_bytes.max(1), Refusal::Never);
        Self { spill, block_bytes, refusal, warning: None, scratch: Vec::new() }
    }

    pub(super) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// The least that is worth a block, so that their number stays small; and what is read of one at a time.
    pub(super) fn least_bytes(&self) -> usize {
        (self.block_bytes / 16).max(1)
    }

    /// Lets the next block be tried after one was refused.
    pub(super) fn end_rest(&mut self) {
        if self.refusal == Refusal::Resting {
            self.refusal = Refusal::Past;
        }
    }

    /// Why the first block was refused; told once.
    pub(super) fn take_warning(&mut self) -> Option<SpillError> {
        self.warning.take()
    }

    /// Writes items in one block; `None` where it is refused.
    pub(super) fn write<'a, T: HeldItem + 'a>(&mut self, items: impl Iterator<Item = &'a T>) -> Option<Part> {
        if self.refusal == Refusal::Resting {
            return None;
        }
        self.scratch.clear();
        for item in items {
            append(item, &mut self.scratch);
        }
        match self.spill.write(&self.scratch) {
            Ok(block) => Some(Part { block, n_read: 0 }),
            Err(source) => {
                if self.refusal == Refusal::Never {
                    self.warning = Some(SpillError::Write { source });
                }
                self.refusal = Refusal::Resting;
                None
            }
        }
    }

    /// Gives the next items of a block to `take`: at least one, at most `n_items`, and no more than a sip.
    pub(super) fn read<T: HeldItem>(
        &mut self,
        part: &mut Part,
        n_items: usize,
        mut take: impl FnMut(T),
    ) -> Result<(), SpillError> {
        self.fill(part, HEAD.max(self.least_bytes()))?;
        let first = record_length(&self.scratch).ok_or(SpillError::Damaged)?;
        if first > self.scratch.len() {
            self.fill(part, first)?;
        }
        let mut rest = self.scratch.as_slice();
        let mut n_taken = 0;
        while n_taken < n_items
            && let Some(length) = record_length(rest)
            && let Some((record, behind)) = rest.split_at_checked(length)
        {
            let Some(item) = Some(&record[HEAD..]).filter(|bytes| !bytes.is_empty()).and_then(T::decode)
            else {
                break;
            };
            take(item);
            n_taken += 1;
            part.n_read += u32::try_from(length).expect("a record is no longer than its block");
            rest = behind;
        }
        // One that is damaged further on is met when its turn has come.
        if n_taken == 0 { Err(SpillError::Damaged) } else { Ok(()) }
    }

    /// Gives a block up if it was read. Says whether it was.
    pub(super) fn free_if_read(&mut self, part: &Part) -> bool {
        let is_read = part.n_read == part.block.length;
        if is_read {
            self.spill.free(part.block);
            self.end_rest();
        }
        is_read
    }

    /// Reads so many of the bytes of a block that come next, or all that are left.
    fn fill(&mut self, part: &Part, n_bytes: usize) -> Result<(), SpillError> {
        let left = usize::try_from(part.block.length - part.n_read).expect("a block fits the memory");
        self.scratch.resize(n_bytes.min(left), 0);
        self.spill
            .read(part.block, part.n_read, &mut self.scratch)
            .map_err(|source| SpillError::Read { source })
    }
}

fn append<T: HeldItem>(item: &T, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0; HEAD]);
    item.encode(into);
    let length = u32::try_from(into.len() - start - HEAD).expect("an item is far shorter than 4 GiB");
    into[start..start + HEAD].copy_from_slice(&length.to_le_bytes());
}

/// The length of the record that begins here, its head included.
fn record_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<HEAD>()?;
    Some(HEAD + usize::try_from(u32::from_le_bytes(*head)).expect("a length fits the memory"))
}
