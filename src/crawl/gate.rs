//! How many requests go to one host at a time, and how many in all.
//!
//! Does not know other workers: a host lives in one of them, or the limit would hold in each.
//!
//! Invariant: a request holds a place of its host before it takes one of the fetch slots, so a host that must wait
//! holds no slot.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Position, Url};

/// Places for requests, for each host and in all.
#[derive(Debug)]
pub(super) struct Gate {
    per_host: usize,
    slots: Arc<Semaphore>,
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    hosts: Mutex<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    places: HashMap<String, Arc<Semaphore>>,
    closed: bool,
}

/// The right to make requests for one URL; gives its places back when dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    host: String,
    place: Option<OwnedSemaphorePermit>,
    _slot: OwnedSemaphorePermit,
}

impl Gate {
    /// At most `per_host` requests to a host, and `n_slots` in all.
    pub(super) fn new(per_host: NonZeroU32, n_slots: NonZeroU32) -> Self {
        Self {
            per_host: per_host.get().try_into().unwrap_or(Semaphore::MAX_PERMITS),
            slots: Arc::new(Semaphore::new(n_slots.get().try_into().unwrap_or(Semaphore::MAX_PERMITS))),
            hosts: Mutex::new(Hosts::default()),
        }
    }

    /// Waits until the host of `url` may be asked and a slot is free; `None` once the gate is closed.
    pub(super) async fn pass(&self, url: &Url) -> Option<Pass<'_>> {
        let host = host_of(url);
        let place = self.places_of(&host)?.acquire_owned().await.ok()?;
        let slot = self.slots.clone().acquire_owned().await.ok()?;
        Some(Pass { gate: self, host, place: Some(place), _slot: slot })
    }

    /// Lets nobody through any more; whoever waits is turned away.
    pub(super) fn close(&self) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.closed = true;
        hosts.places.values().for_each(|places| places.close());
        self.slots.close();
    }

    fn places_of(&self, host: &str) -> Option<Arc<Semaphore>> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.closed {
            return None;
        }
        if let Some(places) = hosts.places.get(host) {
            return Some(places.clone());
        }
        let places = Arc::new(Semaphore::new(self.per_host));
        hosts.places.insert(host.to_owned(), places.clone());
        Some(places)
    }

    #[cfg(test)]
    fn n_hosts(&self) -> usize {
        self.hosts.lock().unwrap().places.len()
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut hosts = self.gate.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        self.place = None;
        // Whoever waits for the host, or is about to, holds its places too: one holder is the table alone.
        if hosts.places.get(&self.host).is_some_and(|places| Arc::strong_count(places) == 1) {
            hosts.places.remove(&self.host);
        }
    }
}

/// Scheme, name and port, without credentials.
fn host_of(url: &Url) -> String {
    let name = &url[Position::BeforeHost..Position::BeforePath];
    let mut host = String::with_capacity(url.scheme().len() + 1 + name.len());
    host.push_str(url.scheme());
    host.push(':');
    host.push_str(name);
    host
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn number(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn a_host_has_its_places_and_no_more() {
        let gate = Gate::new(number(2), number(10));
        let url = Url::parse("http://user@h:81/x").unwrap();
        let same = Url::parse("http://h:81/y").unwrap();
        let other = Url::parse("http://h/").unwrap();
        let first = gate.pass(&url).now_or_never().flatten().unwrap();
        let _second = gate.pass(&same).now_or_never().flatten().unwrap();
        assert!(gate.pass(&url).now_or_never().is_none());
        assert!(gate.pass(&other).now_or_never().is_some());
        drop(first);
        assert!(gate.pass(&url).now_or_never().is_some());
    }

    #[test]
    fn a_host_that_waits_holds_no_slot() {
        let gate = Gate::new(number(1), number(2));
        let busy = Url::parse("http://busy/").unwrap();
        let free = Url::parse("http://free/").unwrap();
        let _held = gate.pass(&busy).now_or_never().flatten().unwrap();
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(gate.pass(&busy))).collect();
        assert!(waiting.iter_mut().all(|pass| pass.now_or_never().is_none()));
        assert!(gate.pass(&free).now_or_never().is_some());
    }

    #[test]
    fn a_closed_gate_turns_everybody_away_and_takes_nothing_back() {
        let gate = Gate::new(number(1), number(2));
        let busy = Url::parse("http://busy/").unwrap();
        let _held = gate.pass(&busy).now_or_never().flatten().unwrap();
        let mut waiting = Box::pin(gate.pass(&busy));
        assert!(waiting.as_mut().now_or_never().is_none());
        gate.close();
        assert!(matches!(waiting.now_or_never(), Some(None)));
        assert!(matches!(gate.pass(&Url::parse("http://free/").unwrap()).now_or_never(), Some(None)));
    }

    #[test]
    fn a_host_that_nobody_asks_is_forgotten() {
        let gate = Gate::new(number(1), number(2));
        for name in ["a", "b", "c"] {
            drop(
                gate.pass(&Url::parse(&format!("http://{name}/")).unwrap()).now_or_never().flatten().unwrap(),
            );
        }
        assert_eq!(gate.n_hosts(), 0);
    }
}
