//! The limits of one request and of one host.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use tempfile::tempdir;
use tokio::net::TcpSocket;

use crate::support::{List, Model, Rules, TestOrigin, crawl};

/// The kind of the row that one URL gives, and why its body is not whole.
#[track_caller]
fn check(options: &str, url: &str, expected: (&str, Option<&str>)) {
    let rows = crawl().words(options).arg(url).run().expect_code(0).rows();
    rows.expect_each_once(1).expect_all("failed");
    let row = rows.get(0);
    assert_eq!(
        (row["error"]["kind"].as_str(), row["truncated"].as_str()),
        (Some(expected.0), expected.1),
        "{row}"
    );
    assert!(!row["error"]["message"].as_str().unwrap().is_empty());
}

#[test]
fn redirects_are_followed_as_far_as_allowed() {
    let origin = TestOrigin::start();
    let list = List::of((0..4).map(|hops| origin.url(&format!("/redirect/{hops}"))));
    for max_redirects in [0, 1, 2, 20] {
        let most = max_redirects.to_string();
        let rules = Rules { max_redirects, ..Rules::default() };
        let expected = Model::with(rules).rows(&list);
        for command in crawl().args(["--max-redirs", &most, "-"]).stdin(list.text()).both_ways() {
            assert_eq!(command.run().expect_code(0).rows().same(), expected, "{max_redirects}");
        }
    }
}

#[test]
fn a_body_is_kept_as_far_as_allowed() {
    let origin = TestOrigin::start();
    let paths = ["/bytes/999", "/bytes/1000", "/bytes/1001", "/bytes/100000000", "/page/1", "/status/404"];
    let list = List::of(paths.map(|path| origin.url(path)));
    let rows = crawl().words("--max-body 1000 -").stdin(list.text()).run().expect_code(0).rows();
    let rules = Rules { max_body: 1000, ..Rules::default() };
    assert_eq!(rows.same(), Model::with(rules).rows(&list));

    let rows = crawl().words("--max-body 100KiB").arg(origin.url("/bad/endless")).run().expect_code(0).rows();
    let row = rows.expect_all("ok").get(0);
    assert_eq!((row["bytes"].as_u64(), row["truncated"].as_str()), (Some(100 << 10), Some("length")));
}

#[test]
fn silence_ends_at_its_limit() {
    let origin = TestOrigin::start();
    check("--read-timeout 300ms", &origin.url("/bad/silent"), ("read_timeout", None));
    check("--read-timeout 300ms", &origin.url("/slow?ms=60000"), ("read_timeout", None));
    // A byte now and then is no head.
    check("--read-timeout 1s", &origin.url("/bad/slow-head"), ("read_timeout", None));
}

#[test]
fn an_attempt_ends_at_its_limit() {
    let origin = TestOrigin::start();
    check("--max-time 300ms", &origin.url("/bad/silent"), ("timeout", None));
    check("--max-time 300ms", &origin.url("/bad/drip"), ("timeout", Some("time")));
    check("--max-time 300ms --read-timeout 200ms", &origin.url("/bad/drip"), ("read_timeout", Some("time")));
    check("--speed-time 300ms", &origin.url("/bad/drip"), ("too_slow", Some("time")));
}

#[test]
fn a_port_that_refuses_is_told_apart_from_one_that_says_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    // Bound, so that nobody else gets the port, and not listening.
    let refusing = bound_socket();
    let url = |socket: &TcpSocket| format!("http://{}/", socket.local_addr().unwrap());
    check("--connect-timeout 5s", &url(&refusing), ("connect_refused", None));

    let silent = bound_socket();
    let silent_url = url(&silent);
    let address = silent.local_addr().unwrap();
    let _listening = silent.listen(0).unwrap();
    let _connections = fill_backlog(address);
    check("--connect-timeout 300ms", &silent_url, ("connect_timeout", None));
    check("--connect-timeout 20s --max-time 300ms", &silent_url, ("timeout", None));
}

fn bound_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    socket
}

/// Connects until the listener, which accepts nothing, takes no more.
fn fill_backlog(address: SocketAddr) -> Vec<TcpStream> {
    let soon = Duration::from_millis(200);
    let mut connections = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, soon) {
        connections.push(stream);
        assert!(connections.len() < 100, "the backlog has no end");
    }
    connections
}

#[test]
fn a_name_without_an_address_is_a_row() {
    // RFC 6761 section 6.4: no resolver knows a name under this one.
    check("", "http://nowhere.invalid/", ("dns", None));
}

/// The most requests at once that 24 slow pages of one host make.
fn peak(options: &str) -> u64 {
    let origin = TestOrigin::start();
    let urls = origin.url("/slow?ms=40&{1..24}");
    crawl().words(options).arg(urls).run().expect_code(0).rows().expect_each_once(24).expect_all("ok");
    origin.stats().peak_in_flight()
}

#[test]
fn a_host_gets_no_more_requests_at_once_than_allowed() {
    for options in ["-w 4", "--mode threads -w 4", "--mode multi -w 4", "--mode single"] {
        assert_eq!(peak(&format!("{options} --per-host 2")), 2, "{options}");
        assert_eq!(peak(options), 4, "{options}");
    }
    assert_eq!(peak("--mode serial"), 1);
}

#[test]
fn without_a_limit_a_host_gets_as_many_requests_as_there_are() {
    assert!(peak("-w 2 --per-host 0") > 4);
    assert!(peak("--mode multi -w 2 --per-host 0") > 4);
    assert!(peak("-w 2 -c 3 --per-host 0") <= 6);
}

#[test]
fn the_limit_of_a_host_outlives_its_worker() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("urls");
    fs::write(&file, (0..80).map(|nth| origin.url(&format!("/slow?ms=40&{nth}\n"))).collect::<String>())
        .unwrap();
    let mut running = crawl().words("-w 2 --per-host 2 --log off").arg(&file).start();
    running.until("a worker asks", |_| origin.stats().requests() > 10);
    for worker in running.workers() {
        kill(worker, Signal::SIGKILL).unwrap();
    }
    running.wait().expect_code(0).rows().expect_each_once(80).expect_all("ok");
    // The server may not have noticed yet that the dead worker's two requests are gone.
    assert!(origin.stats().peak_in_flight() <= 4, "{}", origin.stats().peak_in_flight());
}
