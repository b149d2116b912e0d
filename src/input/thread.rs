//! Runs a reader on a thread of its own, so that a slow source does not stop an event loop.
//!
//! Does not know which runtime waits at the other end, if any.
//!
//! Invariant: a channel that closes without an error means that the input has ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use async_channel::{Receiver, Sender};

use crate::input::{Chunk, InputError, Reader};

/// Chunks that wait to be taken: one to go on with at once, and one that is ready after it.
const N_WAITING: usize = 2;

/// Reads on a detached thread; it waits while nobody takes chunks, and ends once the receiver is dropped.
///
/// A read that is blocked can not be interrupted: with a silent standard input, the thread ends with the process.
/// After an error the channel is closed.
///
/// # Errors
///
/// No thread could be started.
pub fn read_on_thread(reader: Reader) -> Result<Receiver<Result<Chunk, InputError>>, InputError> {
    let (chunk_tx, chunk_rx) = async_channel::bounded(N_WAITING);
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            // A panic would close the channel like the end of the input does, and rows would be missing in silence.
            // Nothing of the reader is used after it, so that nothing half done is seen.
            if catch_unwind(AssertUnwindSafe(|| forward(reader, &chunk_tx))).is_err() {
                // Nobody listens any more: then nobody misses anything either.
                let _ = chunk_tx.send_blocking(Err(InputError::Panicked));
            }
        })
        .map_err(|source| InputError::Thread { source })?;
    Ok(chunk_rx)
}

/// Sends chunks until the input or the interest in it ends.
fn forward(mut reader: Reader, chunk_tx: &Sender<Result<Chunk, InputError>>) {
    while let Some(result) = reader.next_chunk().transpose() {
        let failed = result.is_err();
        if chunk_tx.send_blocking(result).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::sync::mpsc;

    use super::*;
    use crate::input::{CHUNK_LINES, InputPlan, Source};

    fn open(source: Source, stdin: impl Read + Send + 'static) -> Reader {
        let plan = InputPlan::of([source]);
        Reader::open_with_stdin(&plan, stdin).unwrap()
    }

    #[test]
    fn chunks_come_in_order_and_then_the_end() {
        let template = Source::Template(format!("http://h/{{1..{}}}", CHUNK_LINES * 5 + 1));
        let chunks = read_on_thread(open(template, io::empty())).unwrap();
        let mut n_lines = 0;
        while let Ok(chunk) = chunks.recv_blocking() {
            n_lines += chunk.unwrap().lines.len();
        }
        assert_eq!(n_lines, CHUNK_LINES * 5 + 1);
    }

    #[test]
    fn a_dropped_receiver_ends_the_thread() {
        struct Endless(mpsc::Sender<()>);
        impl Read for Endless {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                into[..2].copy_from_slice(b"h\n");
                Ok(2)
            }
        }
        impl Drop for Endless {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (ended_tx, ended_rx) = mpsc::channel();
        let chunks = read_on_thread(open(Source::Stdin, Endless(ended_tx))).unwrap();
        chunks.recv_blocking().unwrap().unwrap();
        drop(chunks);
        ended_rx.recv().unwrap();
    }

    #[test]
    fn an_error_is_the_last_that_comes() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let chunks = read_on_thread(open(Source::Stdin, Failing)).unwrap();
        assert!(matches!(chunks.recv_blocking(), Ok(Err(InputError::Broken { .. }))));
        assert!(chunks.recv_blocking().is_err());
    }

    #[test]
    fn a_panic_is_not_taken_for_the_end() {
        struct Panicking;
        impl Read for Panicking {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("a broken source")
            }
        }
        let chunks = read_on_thread(open(Source::Stdin, Panicking)).unwrap();
        assert!(matches!(chunks.recv_blocking(), Ok(Err(InputError::Panicked))));
        assert!(chunks.recv_blocking().is_err());
    }
}
