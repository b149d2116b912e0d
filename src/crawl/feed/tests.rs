//! The stream between a channel of chunks and a caller that plays the workers.

use std::num::NonZeroU32;

use futures_util::stream::LocalBoxStream;
use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::crawl::Pace;
use crate::crawl::handler::lost_row;
use crate::crawl::lineup::{HostHome, LineupRules};
use crate::crawl::spill_file::SpillFile;
use crate::crawl::wire::Later;
use crate::frontier::HoldbackPlan;
use crate::ids::Seq;
use crate::input::Origin;
use crate::model::{FailureKind, RejectReason, Rejected, Target};
use crate::output::RowForm;

struct Feed {
    chunks: Option<async_channel::Sender<Result<Chunk, InputError>>>,
    state: Rc<FeedState>,
    tasks: LocalBoxStream<'static, FetchTask>,
    next_seq: u64,
}

fn plan() -> FeedPlan {
    FeedPlan {
        method: "GET".to_owned(),
        sent: None,
        stop_after: None,
        place: Place::START,
        n_known: 0,
        checks: Vec::new(),
        suspicions: BTreeMap::new(),
    }
}

impl Feed {
    fn new(order: Order, plan: FeedPlan, memory_bytes: usize, pace: Pace) -> Self {
        let (chunks, chunks_rx) = async_channel::bounded(64);
        let most_out = if order == Order::ByHost { NonZeroU32::MIN } else { NonZeroU32::MAX };
        let rules = LineupRules { order, home: HostHome::OneWorker, most_out, delay: Duration::ZERO };
        let held = HoldbackPlan { memory_bytes, block_bytes: 4096, ..rules.holdback_plan() };
        let spill = SpillFile::in_directory(std::env::temp_dir(), 1 << 30);
        let lineup = Lineup::new(rules, held, spill, plan.sent.clone());
        let (state, tasks) = feed(chunks_rx, plan, lineup, Pacer::new(pace, Instant::now()));
        Self { chunks: Some(chunks), state, tasks: tasks.fuse().boxed_local(), next_seq: 0 }
    }

    /// The next lines of the input: of these hosts, or rejected where the name is empty.
    fn send(&mut self, hosts: &[&str]) {
        let start = Place { seq: self.next_seq, ..Place::START };
        let lines = hosts.iter().map(|host| {
            let seq = Seq(self.next_seq);
            self.next_seq += 1;
            match *host {
                "" => Line::Rejected(Rejected {
                    seq,
                    url: "x".into(),
                    reason: RejectReason::NotAbsolute,
                    kept: None,
                }),
                host => Line::Target(Target {
                    seq,
                    url: format!("http://{host}/{}", seq.0),
                    given: None,
                    brought: None,
                }),
            }
        });
        let lines = lines.collect();
        let progress = InputProgress { done: self.next_seq, total: Some(100) };
        let chunk = Chunk { lines, start, next_seq: self.next_seq, checks: Vec::new(), progress };
        self.chunks.as_ref().unwrap().try_send(Ok(chunk)).unwrap();
    }

    fn end(&mut self) {
        self.chunks = None;
    }

    /// What the stream says now. It gives way to others after each chunk.
    fn next(&mut self) -> Option<Option<FetchTask>> {
        (0..100).find_map(|_| self.tasks.next().now_or_never())
    }

    /// The lines that are given now.
    fn take(&mut self) -> Vec<FetchTask> {
        std::iter::from_fn(|| self.next().flatten()).collect()
    }

    #[track_caller]
    fn expect(&mut self, expected: &[u64]) -> Vec<FetchTask> {
        let tasks = self.take();
        assert_eq!(tasks.iter().map(|task| task.seq).collect::<Vec<_>>(), expected);
        tasks
    }

    #[track_caller]
    fn expect_end(&mut self) {
        assert!(matches!(self.next(), Some(None)), "the stream goes on");
    }

    #[track_caller]
    fn expect_no_end(&mut self) {
        assert!(self.next().is_none(), "the stream gives something or ends");
    }

    fn finish(&self, tasks: &[FetchTask]) {
        let lost = |task: &FetchTask| lost_row(task, RowForm::Jsonl, FailureKind::Dns, String::new(), 1);
        let rows: Vec<_> = tasks.iter().map(lost).collect();
        let notes = rows.iter().map(|reply| (reply.numbers.seq, reply.note())).collect();
        let traffic = rows.iter().map(|reply| reply.numbers.traffic).collect();
        self.state.take_back(&mut NewRows { notes, traffic, ..NewRows::default() }, Instant::now());
    }

    fn come_back(&self, tasks: Vec<FetchTask>, wait: Duration) {
        let later = tasks.into_iter().map(|task| Later { task, wait, news: Vec::new() }).collect();
        self.state.take_back(&mut NewRows { later, ..NewRows::default() }, Instant::now());
    }
}

/// Within a runtime, for its clock.
fn within(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

#[test]
fn a_host_that_waits_holds_nobody_up_and_the_stream_ends_with_the_last_row() {
    within(async {
        let mut feed = Feed::new(Order::ByHost, plan(), 1 << 20, Pace::default());
        feed.send(&["a", "a", "", "a"]);
        feed.send(&["b", "c", "a"]);
        feed.end();
        let mut out = feed.expect(&[2, 0, 4, 5]);
        assert!(feed.state.has_ended());
        assert_eq!(feed.state.n_lines(), 7);
        feed.expect_no_end();
        for seq in [1, 3, 6] {
            let a = out.remove(out.iter().position(|task| task.url.starts_with("http://a/")).unwrap());
            feed.finish(&[a]);
            out.extend(feed.expect(&[seq]));
        }
        feed.finish(&out);
        feed.expect_end();
    });
}

#[test]
fn lines_that_come_back_go_out_again_in_either_order() {
    within(async {
        for order in [Order::AsRead, Order::ByHost] {
            let mut feed = Feed::new(order, plan(), 1 << 20, Pace::default());
            feed.send(&["a", "b", "c"]);
            feed.end();
            let out = feed.expect(&[0, 1, 2]);
            feed.come_back(out, Duration::ZERO);
            let mut out = feed.take();
            out.sort_by_key(|task| task.seq);
            assert_eq!(out.iter().map(|task| task.seq).collect::<Vec<_>>(), [0, 1, 2], "{order:?}");
            let last = out.split_off(1);
            feed.come_back(out, Duration::from_secs(3600));
            feed.finish(&last);
            feed.expect_no_end();
            assert_eq!((feed.state.n_lines(), feed.state.lineup.borrow().n_out()), (3, 0));
        }
    });
}

#[test]
fn whoever_waits_is_woken_by_what_comes_back() {
    within(async {
        for order in [Order::AsRead, Order::ByHost] {
            let mut feed = Feed::new(order, plan(), 1 << 20, Pace::default());
            feed.send(&["a"]);
            feed.end();
            let out = feed.expect(&[0]);
            let state = feed.state.clone();
            let waiting = async {
                // It waits already.
                tokio::task::yield_now().await;
                let later =
                    out.into_iter().map(|task| Later { task, wait: Duration::ZERO, news: Vec::new() });
                state
                    .take_back(&mut NewRows { later: later.collect(), ..NewRows::default() }, Instant::now());
            };
            let (task, ()) = tokio::join!(feed.tasks.next(), waiting);
            assert_eq!(task.map(|task| task.seq), Some(0), "{order:?}");
        }
    });
}

#[test]
fn no_more_lines_are_taken_than_were_asked_for() {
    within(async {
        for order in [Order::AsRead, Order::ByHost] {
            for (stop_after, is_cut_short) in [(3, true), (5, false), (6, false)] {
                let plan = FeedPlan { stop_after: Some(stop_after), ..plan() };
                let mut feed = Feed::new(order, plan, 1 << 20, Pace::default());
                feed.send(&["a", "a"]);
                feed.send(&["a", "b", "c"]);
                feed.end();
                let mut n_taken = 0;
                loop {
                    let out = feed.take();
                    if out.is_empty() {
                        break;
                    }
                    // One more turn makes no more lines of it.
                    feed.come_back(out, Duration::ZERO);
                    let out = feed.take();
                    n_taken += out.len() as u64;
                    feed.finish(&out);
                }
                feed.expect_end();
                assert_eq!(n_taken, stop_after.min(5), "{order:?}");
                assert_eq!(feed.state.is_cut_short(), is_cut_short, "{order:?} {stop_after}");
                assert_eq!(feed.state.has_ended(), !is_cut_short, "{order:?} {stop_after}");
                assert_eq!(feed.state.n_lines(), stop_after.min(5), "{order:?} {stop_after}");
            }
        }
    });
}

#[test]
fn reading_begins_again_where_the_first_line_without_a_row_is() {
    within(async {
        let mut feed = Feed::new(Order::ByHost, plan(), 1 << 20, Pace::default());
        feed.send(&["a", "a"]);
        feed.send(&["b", "c"]);
        feed.send(&["d"]);
        let out = feed.expect(&[0, 2, 3, 4]);
        feed.finish(&out[1..]);
        assert_eq!(feed.state.place_of(0).map(|place| place.seq), Some(0));
        assert_eq!(feed.state.place_of(1).map(|place| place.seq), Some(0));
        assert_eq!(feed.state.place_of(2).map(|place| place.seq), Some(2));
        assert_eq!(feed.state.fraction(1), Some(0.01));
    });
}

#[test]
fn lines_go_on_where_the_input_breaks() {
    within(async {
        let mut feed = Feed::new(Order::ByHost, plan(), 1 << 20, Pace::default());
        feed.send(&["a", "a"]);
        let broken = InputError::Directory { origin: Origin::Stdin };
        feed.chunks.as_ref().unwrap().try_send(Err(broken)).unwrap();
        for seq in [0, 1] {
            let out = feed.expect(&[seq]);
            feed.expect_no_end();
            feed.finish(&out);
        }
        feed.expect_end();
        assert!(matches!(feed.state.take_error(), Some(FeedError::Input(_))));
        assert!(!feed.state.has_ended() && !feed.state.is_cut_short());
    });
}

#[test]
fn more_may_wait_than_fits_the_memory() {
    within(async {
        const N_LINES: usize = 3000;
        let mut feed = Feed::new(Order::ByHost, plan(), 64 << 10, Pace::default());
        for _ in 0..N_LINES / 100 {
            feed.send(&["a"; 100]);
        }
        feed.send(&["b"]);
        feed.end();
        let mut out = feed.expect(&[0, N_LINES as u64]);
        feed.finish(&out.split_off(1));
        for seq in 1..N_LINES as u64 {
            feed.finish(&out);
            out = feed.expect(&[seq]);
        }
        feed.finish(&out);
        feed.expect_end();
    });
}

#[test]
fn others_have_their_turn_while_much_is_read_ahead() {
    within(async {
        let mut feed = Feed::new(Order::ByHost, plan(), 1 << 20, Pace::default());
        for _ in 0..60 {
            feed.send(&["a"; 10]);
        }
        assert!(feed.tasks.next().now_or_never().is_none());
        assert_eq!(feed.state.n_lines(), 10);
        feed.expect(&[0]);
        assert_eq!(feed.state.n_lines(), 600);
    });
}

#[test]
fn a_pace_holds_lines_back_but_not_the_end() {
    within(async {
        for order in [Order::AsRead, Order::ByHost] {
            let pace = Pace { requests: Some(0.001), bytes: Some(1) };
            let mut feed = Feed::new(order, plan(), 1 << 20, pace);
            feed.send(&["a", "b"]);
            let out = feed.expect(&[0]);
            feed.expect_no_end();
            feed.finish(&out);
            feed.expect_no_end();
            let mut feed = Feed::new(order, plan(), 1 << 20, pace);
            feed.send(&["a"]);
            feed.end();
            let out = feed.expect(&[0]);
            feed.finish(&out);
            feed.expect_end();
        }
    });
}
