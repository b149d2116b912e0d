//! Whether this process stood still while a fetch was under way: stopped by a signal, or kept from the processor.
//!
//! Does not know why a fetch failed, nor what becomes of it.
//!
//! A process that is stopped hears nothing of it, and when it goes on, all time-outs are over at once. So a task
//! wakes at short intervals while there are fetches, and a wake-up that comes much too late shows a pause. It ends
//! with the fetches: an idle worker wakes for nothing.

#![expect(clippy::disallowed_methods, reason = "compares wake-ups with the clock")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether time has been lost.
const INTERVAL: Duration = Duration::from_millis(250);

/// How late a look must be to show a pause. A guess: a busy machine delays an event loop by less.
const LATENESS: Duration = Duration::from_secs(1);

/// The pauses of a worker's life.
#[derive(Debug)]
pub(super) struct Pauses {
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    n_fetches: usize,
    is_running: bool,
    n_pauses: u64,
    last_look: Instant,
}

/// A fetch under way, from which time may be lost.
#[derive(Debug)]
pub(super) struct Watched {
    pauses: Arc<Pauses>,
    n_known: u64,
}

impl Pauses {
    pub(super) fn none() -> Arc<Self> {
        let watch = Watch { n_fetches: 0, is_running: false, n_pauses: 0, last_look: Instant::now() };
        Arc::new(Self { watch: Mutex::new(watch) })
    }

    /// Watches over a fetch until what is returned is dropped. To be called within a runtime.
    pub(super) fn watch(self: &Arc<Self>) -> Watched {
        let mut watch = self.lock();
        watch.n_fetches += 1;
        if !watch.is_running {
            watch.is_running = true;
            watch.last_look = Instant::now();
            tokio::spawn(look_at_intervals(self.clone()));
        }
        Watched { pauses: self.clone(), n_known: watch.n_pauses }
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last_look) > INTERVAL + LATENESS {
            self.n_pauses += 1;
        }
        self.last_look = now;
    }
}

impl Watched {
    /// Whether there was a pause since the start, or since this was last asked.
    pub(super) fn take_pause(&mut self) -> bool {
        let mut watch = self.pauses.lock();
        // After a pause a fetch may be out of time before the task has had its turn.
        watch.look(Instant::now());
        std::mem::replace(&mut self.n_known, watch.n_pauses) != watch.n_pauses
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.pauses.lock().n_fetches -= 1;
    }
}

async fn look_at_intervals(pauses: Arc<Pauses>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let mut watch = pauses.lock();
        watch.look(Instant::now());
        if watch.n_fetches == 0 {
            watch.is_running = false;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks after so many milliseconds each, from the start on.
    #[track_caller]
    fn check(looks: &[u64], expected: u64) {
        let start = Instant::now();
        let mut watch = Watch { n_fetches: 1, is_running: true, n_pauses: 0, last_look: start };
        for after in looks {
            watch.look(start + Duration::from_millis(*after));
        }
        assert_eq!(watch.n_pauses, expected, "{looks:?}");
    }

    #[test]
    fn a_look_that_comes_much_too_late_shows_a_pause() {
        check(&[250, 500, 750], 0);
        check(&[250, 1500, 1501], 0);
        check(&[250, 1501], 1);
        check(&[250, 5000, 5000, 5250], 1);
        check(&[1251, 2502, 2600, 4000], 3);
        check(&[2000, 1000, 2250], 1);
    }

    #[tokio::test]
    async fn a_fetch_is_told_once_of_a_pause_in_its_life() {
        let pauses = Pauses::none();
        let mut early = pauses.watch();
        assert!(!early.take_pause());
        pauses.lock().n_pauses += 1;
        let mut late = pauses.watch();
        assert_eq!((early.take_pause(), early.take_pause(), late.take_pause()), (true, false, false));
    }
}
