//! What is known of names, each asked for once however many wait for it.
//!
//! Does not know how a name is asked for, nor what an answer is: whoever asks says how long it holds.
//!
//! Invariants:
//! - while a name is asked for, nobody else asks for it; if whoever asks is dropped, one of those who wait asks;
//! - at most [`CAPACITY`] names are kept.
//!
//! Names are kept in two generations: a name that is used goes into the young one, and when that is full, it becomes
//! the old one and what was old is forgotten. So the names in use stay, and nothing is ever searched or sorted.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;

/// Names kept: those of a crawl over very many hosts, at some hundred bytes each.
pub(super) const CAPACITY: usize = 16_384;

/// An answer, and until when it holds. Those who wait for it get it even if that is over.
#[derive(Clone, Debug)]
pub(super) struct Known<A> {
    pub(super) answer: A,
    pub(super) until: Instant,
}

/// What is known of names.
#[derive(Debug)]
pub(super) struct NameCache<A> {
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    names: Mutex<Generations<A>>,
}

type Cell<A> = Arc<OnceCell<Known<A>>>;

#[derive(Debug)]
struct Generations<A> {
    young: HashMap<Box<str>, Cell<A>>,
    old: HashMap<Box<str>, Cell<A>>,
    capacity: usize,
}

impl<A: Clone> NameCache<A> {
    /// One that keeps at most so many names.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        let names = Generations { young: HashMap::new(), old: HashMap::new(), capacity };
        Self { names: Mutex::new(names) }
    }

    /// Whether a name was asked for and what came of it satisfies; while it is asked for, it is not known.
    pub(super) fn knows(&self, name: &str, satisfies: impl FnOnce(&Known<A>) -> bool) -> bool {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = names.young.get(name).or_else(|| names.old.get(name));
        cell.and_then(|cell| cell.get()).is_some_and(satisfies)
    }

    /// What is known of a name at `now`, or else what asking brings.
    pub(super) async fn get_or_ask<F>(&self, name: &str, now: Instant, ask: impl FnOnce() -> F) -> A
    where
        F: Future<Output = Known<A>>,
    {
        let cell = self.names.lock().unwrap_or_else(PoisonError::into_inner).cell(name, now);
        cell.get_or_init(ask).await.answer.clone()
    }
}

impl<A> Generations<A> {
    /// Where the answer for a name is, or will be.
    fn cell(&mut self, name: &str, now: Instant) -> Cell<A> {
        if let Some(cell) = self.young.get_mut(name) {
            if is_over(cell, now) {
                *cell = Cell::default();
            }
            return cell.clone();
        }
        let cell = self.old.remove(name).filter(|cell| !is_over(cell, now)).unwrap_or_default();
        if self.young.len() >= self.capacity / 2 {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(name.into(), cell.clone());
        cell
    }
}

fn is_over<A>(cell: &Cell<A>, now: Instant) -> bool {
    cell.get().is_some_and(|known| known.until <= now)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "one instant, to count from")]

    use std::cell::Cell as Counter;
    use std::future::{pending, ready};
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// Asks for a name that is answered at once; whether it had to be asked for.
    fn is_asked(cache: &NameCache<u32>, name: &str, now: Instant, lasts: Duration) -> bool {
        let asked = Counter::new(false);
        let found = cache.get_or_ask(name, now, || {
            asked.set(true);
            ready(Known { answer: 7, until: now + lasts })
        });
        assert_eq!(found.now_or_never(), Some(7));
        asked.get()
    }

    #[test]
    fn an_answer_holds_until_it_is_over() {
        let (cache, now) = (NameCache::with_capacity(8), Instant::now());
        assert!(is_asked(&cache, "a", now, HOUR));
        assert!(!is_asked(&cache, "a", now, HOUR));
        assert!(is_asked(&cache, "b", now, HOUR));
        assert!(!is_asked(&cache, "a", now + HOUR - Duration::from_nanos(1), HOUR));
        assert!(is_asked(&cache, "a", now + HOUR, Duration::ZERO));
        assert!(is_asked(&cache, "a", now + HOUR, HOUR));
    }

    #[test]
    fn a_name_is_known_once_it_is_answered() {
        let (cache, now) = (NameCache::with_capacity(8), Instant::now());
        assert!(!cache.knows("a", |_| true));
        let mut asking = Box::pin(cache.get_or_ask("a", now, pending::<Known<u32>>));
        assert!(asking.as_mut().now_or_never().is_none());
        assert!(!cache.knows("a", |_| true));
        drop(asking);
        assert!(is_asked(&cache, "a", now, HOUR));
        assert!(cache.knows("a", |known| (known.answer, known.until) == (7, now + HOUR)));
        assert!(!cache.knows("a", |_| false));
        for idx in 0..4 {
            is_asked(&cache, &idx.to_string(), now, HOUR);
        }
        assert!(cache.knows("a", |_| true), "one that is about to be forgotten");
    }

    #[tokio::test]
    async fn many_who_wait_ask_once() {
        let (cache, now) = (NameCache::with_capacity(8), Instant::now());
        let n_asked = Counter::new(0);
        let (answer_tx, answer) = oneshot::channel();
        let answer = answer.shared();
        let waiting = (0..100).map(|_| {
            cache.get_or_ask("a", now, || {
                n_asked.set(n_asked.get() + 1);
                let answer = answer.clone();
                async move { Known { answer: answer.await.unwrap(), until: now } }
            })
        });
        let mut waiting = Box::pin(join_all(waiting));
        assert!(waiting.as_mut().now_or_never().is_none());
        answer_tx.send(7).unwrap();
        assert_eq!(waiting.await, [7; 100]);
        assert_eq!(n_asked.get(), 1);
    }

    #[test]
    fn one_who_is_dropped_is_replaced() {
        let (cache, now) = (NameCache::with_capacity(8), Instant::now());
        let mut first = Box::pin(cache.get_or_ask("a", now, pending::<Known<u32>>));
        assert!(first.as_mut().now_or_never().is_none());
        let mut second =
            Box::pin(cache.get_or_ask("a", now, || ready(Known { answer: 7, until: now + HOUR })));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(second.now_or_never(), Some(7));
        assert!(!is_asked(&cache, "a", now, HOUR));
    }

    #[test]
    fn names_in_use_stay_and_the_number_is_bounded() {
        let (cache, now) = (NameCache::with_capacity(8), Instant::now());
        is_asked(&cache, "used", now, HOUR);
        for idx in 0..1000 {
            assert!(is_asked(&cache, &idx.to_string(), now, HOUR));
            assert!(!is_asked(&cache, "used", now, HOUR), "{idx}");
            let names = cache.names.lock().unwrap();
            assert!(names.young.len() + names.old.len() <= 8);
        }
        assert!(is_asked(&cache, "0", now, HOUR));
    }
}
