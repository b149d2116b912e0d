//! A thread that waits for the disk, so that the loop does not.
//!
//! Does not know what is written, nor where.
//!
//! The thread is there from the start: a system that gives no more threads later on does not end a run.

use std::io;
use std::sync::mpsc::{Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Job<T> = Box<dyn FnOnce() -> T + Send>;

/// The thread; it ends when this is dropped and what it was given last is done.
#[derive(Debug)]
pub(super) struct DiskThread<T> {
    jobs: Sender<Job<T>>,
    ends: UnboundedReceiver<T>,
    n_out: usize,
}

impl<T: Send + 'static> DiskThread<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, jobs_rx) = channel::<Job<T>>();
        let (ends_tx, ends) = unbounded_channel();
        std::thread::Builder::new().name("disk".to_owned()).spawn(move || {
            while let Ok(job) = jobs_rx.recv()
                && ends_tx.send(job()).is_ok()
            {}
        })?;
        Ok(Self { jobs, ends, n_out: 0 })
    }

    /// Gives it something to do, after what it has already.
    pub(super) fn begin(&mut self, job: impl FnOnce() -> T + Send + 'static) {
        // A thread that is gone took its jobs along, and `next_end` says so.
        let _ = self.jobs.send(Box::new(job));
        self.n_out += 1;
    }

    /// Whether it has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.n_out == 0
    }

    /// What came of the first job that is out; waits for ever while none is. Cancelling loses nothing.
    ///
    /// # Errors
    /// When the thread is gone.
    pub(super) async fn next_end(&mut self) -> io::Result<T> {
        if self.is_idle() {
            return std::future::pending().await;
        }
        let end = self.ends.recv().await;
        self.n_out -= 1;
        end.ok_or_else(|| io::Error::other("the thread that waits for the disk has ended"))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn jobs_are_done_in_turn() {
        let mut thread = DiskThread::start().unwrap();
        assert!(thread.is_idle() && thread.next_end().now_or_never().is_none());
        for number in 0..3 {
            thread.begin(move || number);
        }
        for number in 0..3 {
            assert!(!thread.is_idle());
            assert_eq!(thread.next_end().await.unwrap(), number);
        }
        assert!(thread.is_idle());
    }

    #[tokio::test]
    async fn a_thread_that_is_gone_is_told_of() {
        let mut thread = DiskThread::start().unwrap();
        thread.begin(|| panic!("a job that fails in no way that was foreseen"));
        assert_eq!(
            thread.next_end().await.unwrap_err().to_string(),
            "the thread that waits for the disk has ended"
        );
    }
}
