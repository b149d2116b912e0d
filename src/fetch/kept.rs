//! Connections that wait for their next request.
//!
//! Does not know what a connection is; is told the time, but for where it gets one back.
//!
//! Invariants:
//! - no more connections of one server wait than its limit, and none is handed out that waited longer than it may;
//! - what waited too long is closed though nobody asks for anything: somebody may wait for its descriptor;
//! - the one that came last goes first, so that those that are not needed grow old.

#![expect(
    clippy::disallowed_methods,
    reason = "notes since when a connection waits, and looks for old ones now and then"
)]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Old connections are looked for so often while they may wait: each is gone a quarter of that time later at the latest.
const SWEEPS_IN_IDLE_TIME: u32 = 4;

/// As good as always; a shorter time between looks would cost more than it frees.
const SHORTEST_TIME_BETWEEN_SWEEPS: Duration = Duration::from_millis(10);

/// A connection that can wait.
pub(super) trait Kept {
    /// The server that it leads to.
    fn server(&self) -> &Arc<str>;
    /// Whether it is known to be of no more use.
    fn has_ended(&self) -> bool;
}

/// The connections that wait, for the loop of a worker or the threads of the work-stealing mode.
pub(super) struct KeptConnections<C> {
    most_of_server: NonZeroUsize,
    idle_time: Duration,
    by_server: Mutex<ByServer<C>>,
    is_looked_after: AtomicBool,
}

/// The connections of each server and since when they wait, the newest last.
type ByServer<C> = HashMap<Arc<str>, Vec<(Instant, C)>>;

impl<C: Kept> KeptConnections<C> {
    /// None so far; up to `most_of_server` for each, which wait up to `idle_time`.
    pub(super) fn new(most_of_server: NonZeroUsize, idle_time: Duration) -> Self {
        let (by_server, is_looked_after) = (Mutex::new(HashMap::new()), AtomicBool::new(false));
        Self { most_of_server, idle_time, by_server, is_looked_after }
    }

    /// Closes what waits too long, from now on and as long as there is one like this. To be called from a runtime.
    pub(super) fn look_after(self: &Arc<Self>)
    where
        C: Send + 'static,
    {
        if self.is_looked_after.swap(true, Ordering::Relaxed) {
            return;
        }
        let interval = (self.idle_time / SWEEPS_IN_IDLE_TIME).max(SHORTEST_TIME_BETWEEN_SWEEPS);
        let kept = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(kept) = kept.upgrade() else { break };
                kept.sweep(Instant::now());
            }
        });
    }

    /// One to this server.
    pub(super) fn take(&self, server: &str, now: Instant) -> Option<C> {
        let mut by_server = self.lock();
        let of_server = by_server.get_mut(server)?;
        while let Some((since, connection)) = of_server.pop() {
            if now.saturating_duration_since(since) > self.idle_time {
                // All others are older.
                of_server.clear();
                return None;
            }
            if !connection.has_ended() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps one, unless it has ended or there are enough.
    pub(super) fn put(&self, connection: C) {
        if connection.has_ended() {
            return;
        }
        let now = Instant::now();
        let mut by_server = self.lock();
        match by_server.get_mut(connection.server()) {
            Some(of_server) if of_server.len() < self.most_of_server.get() => {
                of_server.push((now, connection));
            }
            Some(_) => {}
            None => {
                let server = Arc::clone(connection.server());
                by_server.insert(server, vec![(now, connection)]);
            }
        }
    }

    fn sweep(&self, now: Instant) {
        self.lock().retain(|_, of_server| {
            of_server.retain(|(since, connection)| {
                now.saturating_duration_since(*since) <= self.idle_time && !connection.has_ended()
            });
            !of_server.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, ByServer<C>> {
        self.by_server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    const TIME: Duration = Duration::from_secs(10);

    /// A connection with a number, whose end a test can tell.
    struct Numbered {
        number: u32,
        server: Arc<str>,
        has_ended: Rc<Cell<bool>>,
    }

    impl Kept for Numbered {
        fn server(&self) -> &Arc<str> {
            &self.server
        }

        fn has_ended(&self) -> bool {
            self.has_ended.get()
        }
    }

    fn numbered(server: &str, number: u32) -> Numbered {
        Numbered { number, server: server.into(), has_ended: Rc::default() }
    }

    fn connections(most: usize) -> KeptConnections<Numbered> {
        KeptConnections::new(NonZeroUsize::new(most).unwrap(), TIME)
    }

    #[track_caller]
    fn check(connections: &KeptConnections<Numbered>, server: &str, now: Instant, expected: Option<u32>) {
        assert_eq!(connections.take(server, now).map(|connection| connection.number), expected);
    }

    #[test]
    fn each_server_has_its_own_and_the_last_goes_first() {
        let connections = connections(8);
        for (server, number) in [("a:80", 1), ("b:80", 2), ("a:80", 3)] {
            connections.put(numbered(server, number));
        }
        let now = Instant::now();
        check(&connections, "c:80", now, None);
        check(&connections, "a:80", now, Some(3));
        check(&connections, "b:80", now, Some(2));
        check(&connections, "a:80", now, Some(1));
        check(&connections, "a:80", now, None);
    }

    #[test]
    fn no_more_wait_than_the_limit() {
        let connections = connections(2);
        (0..5).for_each(|number| connections.put(numbered("a", number)));
        let now = Instant::now();
        check(&connections, "a", now, Some(1));
        check(&connections, "a", now, Some(0));
        check(&connections, "a", now, None);
    }

    #[test]
    fn what_waited_too_long_is_closed() {
        let connections = connections(8);
        connections.put(numbered("a", 1));
        check(&connections, "a", Instant::now() + TIME + TIME, None);
        assert!(connections.lock()["a"].is_empty(), "and so are those before it");
    }

    #[test]
    fn what_has_ended_is_neither_kept_nor_handed_out() {
        let connections = connections(8);
        let ended = numbered("a", 1);
        ended.has_ended.set(true);
        connections.put(ended);
        assert!(connections.lock().is_empty());
        let ends = numbered("a", 3);
        let has_ended = Rc::clone(&ends.has_ended);
        connections.put(numbered("a", 2));
        connections.put(ends);
        has_ended.set(true);
        check(&connections, "a", Instant::now(), Some(2));
    }

    #[test]
    fn servers_that_are_no_longer_asked_are_forgotten() {
        let connections = connections(8);
        (0..100).for_each(|number| connections.put(numbered(&number.to_string(), number)));
        connections.sweep(Instant::now() + TIME + TIME);
        assert!(connections.lock().is_empty());
    }
}
