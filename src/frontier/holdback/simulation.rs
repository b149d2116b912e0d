//! A crawl by a clock that jumps: how long a list takes that is sorted by host, against one that is shuffled.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::tests::{Numbered, Place, random, share, start};
use super::*;

const N_HOSTS: u32 = 1000;
const PER_HOST: u32 = 100;
const N_PLACES: usize = 4096;
const CHUNK: usize = 1024;

/// How long a host takes for an answer. It answers one request at a time.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// How long the crawl of these hosts' items takes, one item a mention; and the most memory that was taken.
fn crawl(list: &[u32], plan: HoldbackPlan) -> (Duration, usize) {
    let start = start();
    let mut held = Holdback::new(plan, Place::default());
    let mut chunks = list.chunks(CHUNK);
    let mut is_free_at = vec![start; usize::try_from(N_HOSTS).unwrap()];
    let mut out = BinaryHeap::new();
    let (mut now, mut most_bytes, mut n_done) = (start, 0, 0);
    loop {
        while out.len() < N_PLACES {
            match held.next(now) {
                Next::Item(host, _) => {
                    let free_at = &mut is_free_at[usize::try_from(host).unwrap()];
                    *free_at = now.max(*free_at) + ANSWER_TIME;
                    out.push(Reverse((*free_at, host)));
                }
                Next::NeedInput => match chunks.next() {
                    Some(chunk) => {
                        for &host in chunk {
                            held.push(u64::from(host), Numbered { number: 0, n_bytes: 250 });
                        }
                        most_bytes = most_bytes.max(held.n_bytes());
                    }
                    None => held.end_input(),
                },
                _ => break,
            }
        }
        let Some(Reverse((time, host))) = out.pop() else { break };
        now = time;
        held.done(host);
        n_done += 1;
    }
    assert!(held.is_empty());
    assert_eq!(n_done, list.len());
    (now - start, most_bytes)
}

/// All items, those of a host together.
fn sorted() -> Vec<u32> {
    (0..N_HOSTS).flat_map(|host| (0..PER_HOST).map(move |_| host)).collect()
}

/// The same in an order that is as good as random, and always the same.
fn shuffled() -> Vec<u32> {
    let mut list = sorted();
    let mut seed = 1;
    for place in (1..list.len()).rev() {
        let other = random(&mut seed) % (u64::try_from(place).unwrap() + 1);
        list.swap(place, usize::try_from(other).unwrap());
    }
    list
}

#[test]
fn a_sorted_list_is_crawled_nearly_as_fast_as_a_shuffled_one() {
    let plan = HoldbackPlan::with_share(share(4));
    let (shuffled_time, _) = crawl(&shuffled(), plan);
    let (sorted_time, most_bytes) = crawl(&sorted(), plan);
    let ratio = sorted_time.as_secs_f64() / shuffled_time.as_secs_f64();
    assert!(ratio <= 1.3, "{sorted_time:?} against {shuffled_time:?}");
    assert!(most_bytes <= plan.memory_bytes);
}

#[test]
fn a_short_memory_makes_it_no_slower() {
    let plan =
        HoldbackPlan { memory_bytes: 2 << 20, block_bytes: 16 << 10, ..HoldbackPlan::with_share(share(4)) };
    let (shuffled_time, _) = crawl(&shuffled(), HoldbackPlan::with_share(share(4)));
    let (sorted_time, most_bytes) = crawl(&sorted(), plan);
    let ratio = sorted_time.as_secs_f64() / shuffled_time.as_secs_f64();
    assert!(ratio <= 1.3, "{sorted_time:?} against {shuffled_time:?}");
    assert!(most_bytes <= plan.memory_bytes, "{most_bytes}");
}
