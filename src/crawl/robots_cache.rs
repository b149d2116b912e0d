//! What the worker knows of the robots.txt of hosts, and how those that ask wait for it together.
//!
//! Does not know how it is fetched, nor what is done with a verdict.
//!
//! Invariants:
//! - a host is asked by one inquiry at a time, whoever and how many want to know;
//! - an inquiry is a task of its own, so that it goes on where who caused it ends; without one nothing runs;
//! - nobody waits for long while an inquiry does, be it between two tries or because a host is to be left alone: all
//!   that ask are told when the next request is;
//! - once the cache is closed, nobody waits and nothing is asked.
//!
//! `inquiry` says what answers mean and when a host is asked again, `memory` what is remembered for how long.

#![expect(clippy::disallowed_methods, reason = "reads both clocks, and waits between two tries")]

mod inquiry;
mod memory;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::crawl::gate::LONGEST_WAIT;
use crate::crawl::wire::Traffic;
use crate::fetch::Chain;
use crate::model::{FailureKind, HostKey};
use crate::robots::Rules;
pub(super) use inquiry::Asked;
use inquiry::{Finding, Inquiry, Step};
use memory::{Memory, Moment, Room};

/// The robots.txt of hosts, for the life of a worker.
#[derive(Debug)]
pub(super) struct RobotsCache {
    agent: String,
    // Shared by the threads of the work-stealing mode; no await is crossed while it is locked.
    state: Mutex<State>,
}

/// What is known of a host's robots.txt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// It says this; without rules where there is none.
    Rules(Arc<Rules>),
    /// There may be one that can not be had, so nothing of the host may be asked; why it can not be had.
    Unreachable(String),
    /// The host itself was not reached, which says nothing of its rules: the next to ask causes another inquiry.
    HostFails {
        /// What it failed of.
        kind: FailureKind,
        /// The same in words.
        message: String,
    },
    /// Nothing yet: it is asked for again after so long, and those that want to know should come back then.
    AskedAgain(Duration),
    /// The cache is closed.
    Leaving,
}

/// What came of one try to fetch robots.txt.
pub(super) type Tried = Result<Asked, Postponed>;

/// A request that was not made, because the host that it goes to is to be left alone.
#[derive(Debug)]
pub(super) struct Postponed {
    pub(super) wait: Duration,
    /// The redirects that have led there, if any.
    pub(super) chain: Option<Chain>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    inquiries: HashMap<HostKey, Running>,
    /// What has not been told of.
    traffic: Traffic,
    n_tries: u64,
    closed: bool,
}

/// An inquiry under way. All receivers are made while it is in the table, so its end is news to each.
#[derive(Debug)]
struct Running {
    answer: watch::Sender<Known>,
    /// When the next try begins, where the inquiry waits for one.
    asks_again: Option<Instant>,
    task: AbortHandle,
}

enum Look {
    Known(Known),
    Wait(watch::Receiver<Known>),
}

impl RobotsCache {
    /// Without hosts, for the crawler that calls itself by this product token.
    pub(super) fn new(agent: String) -> Arc<Self> {
        let memory = Memory::new(Room::USUAL);
        let state = State {
            memory,
            inquiries: HashMap::new(),
            traffic: Traffic::default(),
            n_tries: 0,
            closed: false,
        };
        Arc::new(Self { agent, state: Mutex::new(state) })
    }

    /// What is known of a host, at once where it is; else it is asked, which takes as long as a fetch may: to be called
    /// within a runtime, without a place that others need.
    ///
    /// `fetch` makes one try to fetch the host's robots.txt, and is called for each; with the redirects that one was
    /// postponed behind, it goes on from there. It is not called where the host is known, or being asked already.
    pub(super) async fn ask<F>(self: &Arc<Self>, host: &HostKey, fetch: F) -> Known
    where
        F: Fn(Option<Chain>) -> BoxFuture<'static, Tried> + Send + 'static,
    {
        let mut answer = match self.look(host, fetch) {
            Look::Known(known) => return known,
            Look::Wait(answer) => answer,
        };
        match answer.changed().await {
            Ok(()) => answer.borrow_and_update().clone(),
            // The inquiry was given up. What is there is what it told those who asked before.
            Err(_) => Known::Leaving,
        }
    }

    /// What robots.txt cost since this was asked last: somebody has to count it.
    pub(super) fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.lock().traffic)
    }

    /// Ends all inquiries. Whoever waits or asks from now on is told that we are leaving.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let inquiries = std::mem::take(&mut state.inquiries);
        drop(state);
        inquiries.values().for_each(|running| running.task.abort());
    }

    fn look<F>(self: &Arc<Self>, host: &HostKey, fetch: F) -> Look
    where
        F: Fn(Option<Chain>) -> BoxFuture<'static, Tried> + Send + 'static,
    {
        let now = now();
        let mut state = self.lock();
        if state.closed {
            return Look::Known(Known::Leaving);
        }
        if let Some(known) = state.memory.look(host, now) {
            return Look::Known(known);
        }
        if let Some(running) = state.inquiries.get(host) {
            return match running.asks_again {
                Some(at) => {
                    Look::Known(Known::AskedAgain(at.into_std().saturating_duration_since(now.machine)))
                }
                None => Look::Wait(running.answer.subscribe()),
            };
        }
        let (answer, receiver) = watch::channel(Known::Leaving);
        let task = tokio::spawn(inquire(self.clone(), host.clone(), fetch)).abort_handle();
        state.inquiries.insert(host.clone(), Running { answer, asks_again: None, task });
        Look::Wait(receiver)
    }

    /// Notes a try, and draws the seed for the wait that may follow.
    fn note_try(&self, host: &HostKey, asked: &Asked) -> u64 {
        let mut state = self.lock();
        state.traffic.add(asked.traffic);
        state.n_tries += 1;
        // The keys of the hasher are random, so two workers that begin together do not ask together again.
        state.inquiries.hasher().hash_one((host, state.n_tries))
    }

    /// Sends away those that wait, since the next try is so far off.
    fn note_wait(&self, host: &HostKey, wait: Duration) {
        let mut state = self.lock();
        let Some(running) = state.inquiries.get_mut(host) else { return };
        running.asks_again = Some(Instant::now() + wait);
        running.answer.send_replace(Known::AskedAgain(wait));
    }

    fn note_next_try(&self, host: &HostKey) {
        if let Some(running) = self.lock().inquiries.get_mut(host) {
            running.asks_again = None;
        }
    }

    fn conclude(&self, host: &HostKey, finding: Finding) {
        let now = now();
        let mut state = self.lock();
        // Those that waited left when the cache was closed.
        let Some(running) = state.inquiries.remove(host) else { return };
        let known = match finding {
            Finding::Rules(rules) => state.memory.learn_rules(host, rules, now),
            Finding::Unreachable(message) => state.memory.learn_unreachable(host, message, now),
            Finding::HostFails { kind, message } => Known::HostFails { kind, message },
        };
        drop(state);
        running.answer.send_replace(known);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn inquire<F>(cache: Arc<RobotsCache>, host: HostKey, fetch: F)
where
    F: Fn(Option<Chain>) -> BoxFuture<'static, Tried> + Send + 'static,
{
    let finding = AssertUnwindSafe(find_out(&cache, &host, fetch)).catch_unwind().await;
    // A fault of ours says as little of the rules as a host that fails, and those that wait must hear of it.
    let finding = finding.unwrap_or_else(|_| Finding::HostFails {
        kind: FailureKind::Internal,
        message: "a fault in the crawler; standard error says more".to_owned(),
    });
    cache.conclude(&host, finding);
}

async fn find_out<F>(cache: &RobotsCache, host: &HostKey, fetch: F) -> Finding
where
    F: Fn(Option<Chain>) -> BoxFuture<'static, Tried> + Send + 'static,
{
    let mut inquiry = Inquiry::default();
    let mut chain = None;
    loop {
        let wait = match fetch(chain.take()).await {
            Ok(asked) => {
                let seed = cache.note_try(host, &asked);
                match inquiry.handle_asked(asked, &cache.agent, seed) {
                    Step::AskAfter(wait) => wait,
                    Step::End(finding) => return finding,
                }
            }
            Err(postponed) => {
                chain = postponed.chain;
                postponed.wait
            }
        };
        if wait > LONGEST_WAIT {
            cache.note_wait(host, wait);
        }
        tokio::time::sleep(wait).await;
        cache.note_next_try(host);
    }
}

fn now() -> Moment {
    Moment { machine: Instant::now().into_std(), world: SystemTime::now() }
}

#[cfg(test)]
mod tests;
