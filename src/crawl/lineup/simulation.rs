//! A crawl by a clock that jumps, with workers that have windows and slots: a list that is sorted by host against the
//! same list shuffled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tests::{RULES, hash, line, lineup, start};
use super::*;

const N_HOSTS: u64 = 300;
const PER_HOST: u64 = 60;
const N_WORKERS: u64 = 2;
const SLOTS: u32 = 32;
const REQUESTS: u32 = 2;
const CHUNK: u64 = 256;

/// How long a host takes for an answer.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// One worker, or what it knows of a host: what waits there and what is under way.
#[derive(Default)]
struct Place {
    waiting: VecDeque<(u64, u64)>,
    n_busy: u32,
}

struct Crawl {
    lineup: Lineup,
    hosts: FnvHashMap<u64, Place>,
    workers: Vec<Place>,
    /// When rows come, of which line and host.
    rows: BinaryHeap<Reverse<(Instant, u64, u64)>>,
    now: Instant,
}

impl Crawl {
    fn arrive(&mut self, seq: u64, host: u64) {
        self.hosts.entry(host).or_default().waiting.push_back((seq, host));
        self.ask(host);
    }

    /// Lines of the host take their place at it, and then wait for a slot of their worker.
    fn ask(&mut self, host: u64) {
        let place = self.hosts.entry(host).or_default();
        let worker = &mut self.workers[usize::try_from(host % N_WORKERS).unwrap()];
        while place.n_busy < REQUESTS
            && let Some(line) = place.waiting.pop_front()
        {
            place.n_busy += 1;
            worker.waiting.push_back(line);
        }
        while worker.n_busy < SLOTS
            && let Some((seq, host)) = worker.waiting.pop_front()
        {
            worker.n_busy += 1;
            self.rows.push(Reverse((self.now + ANSWER_TIME, seq, host)));
        }
    }

    /// The next row comes. Says whether there was one.
    fn answer(&mut self) -> bool {
        let Some(Reverse((time, seq, host))) = self.rows.pop() else { return false };
        self.now = time;
        self.hosts.entry(host).or_default().n_busy -= 1;
        self.workers[usize::try_from(host % N_WORKERS).unwrap()].n_busy -= 1;
        self.lineup.finish(seq);
        self.ask(host);
        true
    }
}

/// How long the crawl of these hosts takes, one line a mention.
fn crawl(list: &[u64]) -> Duration {
    let most_out = NonZeroU32::new(REQUESTS).unwrap().saturating_mul(LINES_PER_REQUEST);
    let rules = LineupRules { most_out, ..RULES };
    let start = start();
    let mut crawl = Crawl {
        lineup: lineup(rules, rules.holdback_plan()),
        hosts: FnvHashMap::default(),
        workers: (0..N_WORKERS).map(|_| Place::default()).collect(),
        rows: BinaryHeap::new(),
        now: start,
    };
    let capacity = N_WORKERS * u64::from(SLOTS) * 4 * 2;
    let mut lines = (0..).zip(list.iter().map(|host| format!("http://host-{host}/")));
    loop {
        while crawl.lineup.n_out() < capacity {
            match crawl.lineup.next(crawl.now) {
                Next::Item(host, task) => crawl.arrive(task.seq, host),
                Next::NeedInput => {
                    let mut n_read = 0;
                    for (seq, url) in lines.by_ref().take(usize::try_from(CHUNK).unwrap()) {
                        crawl.lineup.push(line(seq, &url), crawl.now);
                        n_read += 1;
                    }
                    if n_read == 0 {
                        crawl.lineup.end_input();
                    }
                }
                _ => break,
            }
        }
        if !crawl.answer() {
            assert!(crawl.lineup.is_empty());
            return crawl.now - start;
        }
    }
}

#[test]
fn a_sorted_list_is_crawled_nearly_as_fast_as_a_shuffled_one() {
    let sorted: Vec<u64> = (0..N_HOSTS).flat_map(|host| (0..PER_HOST).map(move |_| host)).collect();
    let mut shuffled: Vec<(u64, u64)> =
        (0..).zip(&sorted).map(|(seq, host)| (hash(&format!("http://{seq}/")), *host)).collect();
    shuffled.sort_unstable();
    let shuffled: Vec<u64> = shuffled.into_iter().map(|(_, host)| host).collect();
    let (sorted, shuffled) = (crawl(&sorted), crawl(&shuffled));
    let ratio = sorted.as_secs_f64() / shuffled.as_secs_f64();
    assert!(ratio <= 1.3, "{sorted:?} against {shuffled:?}");
}
