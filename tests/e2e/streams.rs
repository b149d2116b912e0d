//! Standard input and output as pipes: rows alone, readers that leave or dawdle, writers that say nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use crate::support::{
    MODES, Rows, TestOrigin, cpu_ticks, crawl, eventually, let_pass, myriapod, peak_memory, worker,
};

/// Above what a master needs, below what it would need to hold the rows that nobody reads.
const MASTER_MEMORY: u64 = 60 << 20;

#[test]
fn standard_output_holds_rows_and_nothing_else() {
    let origin = TestOrigin::start();
    for display in ["--progress plain --log trace", "--progress bar --log debug --log-format json"] {
        let urls = origin.url("/small/{1..30}");
        let finished = myriapod().arg("crawl").words(display).arg(urls).run().expect_code(0);
        finished.rows().expect_each_once(30).expect_all("ok");
    }
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let origin = TestOrigin::start();
    for mode in MODES {
        let urls = origin.url("/small/{1..100000}");
        let mut running = crawl().words(mode).arg(urls).hold_stdout().start();
        let mut first = String::new();
        BufReader::new(running.take_stdout()).read_line(&mut first).unwrap();
        assert_eq!(Rows::parse(first.as_bytes()).len(), 1, "{mode}");
        assert_eq!(running.wait().expect_code(0).stderr, "", "{mode}");
        assert!(origin.stats().requests() < 100_000);
    }
}

#[test]
fn a_reader_that_was_never_there_ends_the_run_quietly() {
    let origin = TestOrigin::start();
    let urls = origin.url("/small/{1..100000}");
    let mut running = crawl().arg(urls).hold_stdout().start();
    drop(running.take_stdout());
    assert_eq!(running.wait().expect_code(0).stderr, "");

    let urls = origin.url("/small/{1..100000}");
    let mut talkative = myriapod().arg("crawl").words("--progress none").arg(urls).hold_stdout().start();
    drop(talkative.take_stdout());
    assert_eq!(talkative.wait().expect_code(0).stderr, "", "no summary where nobody reads the rows");

    let mut filter =
        worker().hold_stdout().stdin(format!("{}\n", origin.url("/small/1")).repeat(1000)).start();
    drop(filter.take_stdout());
    assert_eq!(filter.wait().expect_code(0).stderr, "");
}

#[test]
fn rows_that_nobody_reads_are_not_piled_up() {
    // Rows of 1 KiB: together more bytes than the master may hold.
    let url = format!("http://h/{}{{1..80000}}", "x".repeat(320));
    let words = "-w 2 --fetcher null --per-host 0 --no-robots";
    let mut running = crawl().words(words).arg(url).hold_stdout().start();
    let mut output = running.take_stdout();
    let mut head = [0; 1];
    output.read_exact(&mut head).unwrap();
    // All is still once the pipes are full: a quarter of a second without work for anybody.
    let ticks = || {
        let workers = running.workers();
        workers.into_iter().chain([running.pid()]).map(cpu_ticks).sum::<u64>()
    };
    eventually("the run waits for its reader", || {
        let before = ticks();
        let_pass(Duration::from_millis(250));
        ticks() == before
    });
    let mut rest = Vec::new();
    let mut chunk = vec![0; 1 << 20];
    let mut peak = peak_memory(running.pid());
    while rest.len() < 70 << 20 {
        let length = output.read(&mut chunk).unwrap();
        assert!(length > 0, "the rows end after {} bytes", rest.len());
        rest.extend_from_slice(&chunk[..length]);
    }
    peak = peak.max(peak_memory(running.pid()));
    output.read_to_end(&mut rest).unwrap();
    running.wait().expect_code(0);
    let n_lines = rest.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(n_lines, 80_000);
    assert!(peak < MASTER_MEMORY, "{peak} bytes");
    let last_line = rest[..rest.len() - 1].rsplit(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(Rows::parse(&[last_line, b"\n"].concat()).len(), 1);
}

#[test]
fn a_row_comes_before_the_next_line_is_there() {
    let origin = TestOrigin::start();
    for invocation in [crawl().words("-w 2 -"), crawl().words("--mode multi -"), worker()] {
        let mut running = invocation.hold_stdin().start();
        let mut stdin = running.take_stdin();
        for nth in 1..=3 {
            writeln!(stdin, "{}", origin.url(&format!("/small/{nth}"))).unwrap();
            running
                .until("its row comes", |running| Rows::parse(&whole_lines(&running.stdout())).len() == nth);
        }
        drop(stdin);
        running.wait().expect_code(0).rows().expect_each_once(3);
    }
}

/// What of the bytes is whole lines: a pipe may be read in the middle of one.
fn whole_lines(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes[..end].to_vec()
}

#[test]
fn waiting_for_a_silent_input_takes_no_time() {
    let origin = TestOrigin::start();
    let mut running = crawl().words("-w 2 --per-host 0 -").hold_stdin().start();
    let mut stdin = running.take_stdin();
    let urls: String = (0..10).map(|nth| origin.url(&format!("/small/{nth}\n"))).collect();
    stdin.write_all(urls.as_bytes()).unwrap();
    running.until("all rows come", |running| {
        whole_lines(&running.stdout()).iter().filter(|byte| **byte == b'\n').count() == 10
    });
    let mut processes = running.workers();
    assert!(!processes.is_empty());
    processes.push(running.pid());
    let before: u64 = processes.iter().copied().map(cpu_ticks).sum();
    let_pass(Duration::from_secs(1));
    let used = processes.iter().copied().map(cpu_ticks).sum::<u64>() - before;
    assert!(used <= 3, "{used} ticks in a second");
    drop(stdin);
    running.wait().expect_code(0).rows().expect_each_once(10);
}
