//! `myriapod-worker` started by hand: a filter from URLs to rows.

use crate::support::{List, Model, TestOrigin, Witness, worker};

#[test]
fn a_filter_gives_the_rows_of_a_crawl() {
    let origin = TestOrigin::with_hosts(3);
    let list = List::of_all_kinds(&origin);
    let finished = worker().stdin(list.text()).run().expect_code(0);
    assert_eq!(finished.rows().same(), Model::default().rows(&list));
    assert_eq!(finished.stderr, "");
}

#[test]
fn a_filter_takes_request_options_and_a_default_scheme() {
    let witness = Witness::start();
    let line = format!("{}/x", witness.address());
    let invocation = worker().words("-X PURGE -A me --default-scheme http -c 1");
    invocation.stdin(line).run().expect_code(0).rows().expect_each_once(1).expect_all("ok");
    let seen = witness.take_one();
    assert_eq!((seen.method.as_str(), seen.values("user-agent")), ("PURGE", vec!["me"]));
}

#[test]
fn a_filter_without_input_ends_at_once() {
    let finished = worker().run().expect_code(0);
    assert_eq!((finished.stdout.len(), finished.stderr.as_str()), (0, ""));
}

#[test]
fn a_filter_takes_nothing_that_needs_a_master() {
    for option in ["-o", "--workers", "--mode", "--resume"] {
        worker().args([option, "2"]).run().expect_code(2);
    }
}

#[test]
fn a_filter_explains_itself() {
    assert!(worker().arg("--help").run().expect_code(0).text().contains("--max-time"));
    let version = worker().arg("--version").run().expect_code(0);
    assert!(version.text().starts_with("myriapod-worker "), "{}", version.text());
}
