//! The examples, as their users run them; what they should print is read off the pages by other means.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{Finished, TestOrigin, example};

/// The examples that fetch something.
const NAMES: [&str; 5] = ["list_and_details", "semaphore", "slow_pages", "table", "titles"];

/// A page as it stands in every origin.
fn page(origin: &TestOrigin, path: &str) -> String {
    let mut stream = TcpStream::connect(origin.addresses()[0]).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The texts that stand between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split_once(after).unwrap().0).collect()
}

fn lines(finished: &Finished) -> Vec<&str> {
    finished.text().lines().collect()
}

/// The files of a folder with what they hold.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let content = |path| fs::read_to_string(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), content(entry.path()))).collect()
}

/// Compares what was printed line by line; a line that ends with `...` says how one begins.
#[track_caller]
fn check_lines(finished: &Finished, expected: &[String]) {
    let printed = lines(finished);
    for (line, expected) in printed.iter().zip(expected) {
        match expected.strip_suffix("...") {
            Some(beginning) => assert!(line.starts_with(beginning), "{line}"),
            None => assert_eq!(line, expected),
        }
    }
    assert_eq!(printed.len(), expected.len(), "{printed:#?}");
}

#[test]
fn a_hundred_slow_pages_take_as_long_as_one() {
    let finished = example("slow_pages").run().expect_code(0);
    let [first, second, at_once, one_after_another] = lines(&finished)[..] else { panic!("{finished:?}") };
    assert_eq!([first, second], ["worker 0: 50 pages", "worker 1: 50 pages"]);
    let seconds = |line: &str, before| {
        let number = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(" s"));
        number.expect(line).parse::<f64>().unwrap()
    };
    // Six is what it takes where not all of them are fetched at once.
    let took = seconds(at_once, "100 pages in ");
    assert!((3.0..6.0).contains(&took), "{took}");
    let sum = seconds(one_after_another, "one after another: ");
    assert!((300.0..600.0).contains(&sum), "{sum}");
}

#[test]
fn titles_are_printed_in_the_order_of_the_pages() {
    let origin = TestOrigin::start();
    let title = |path: &str| format!("{path}: {}", between(&page(&origin, path), "<title>", "</title>")[0]);
    let mut expected = vec!["/slow?ms=500: Slow page".to_owned()];
    expected.extend((0..20).map(|number| title(&format!("/page/{number}"))));
    expected.extend([
        "/status/404 did not come: HTTP status client error (404 Not Found)...".to_owned(),
        "/bytes/1000 has no title".to_owned(),
        "/bad/cut did not come: error decoding response body...".to_owned(),
        title("/small/7"),
        "25 pages: 22 titles, 2 failed".to_owned(),
    ]);
    check_lines(&example("titles").run().expect_code(0), &expected);
}

#[test]
fn titles_are_found_by_an_expression_of_the_user() {
    let origin = TestOrigin::start();
    let finished = example("titles").arg("<h1>(.*?)</h1>").run().expect_code(0);
    let heading = between(&page(&origin, "/page/3"), "<h1>", "</h1>")[0].to_owned();
    assert_eq!(lines(&finished)[4], format!("/page/3: {heading}"));

    let finished = example("titles").arg("(").run().expect_code(1);
    let expected = "error: start the pool: worker can not work with this configuration: regex parse error";
    assert!(finished.stderr.starts_with(expected), "{}", finished.stderr);
}

#[test]
fn each_row_of_a_table_is_a_record() {
    let origin = TestOrigin::start();
    let mut n_cents = 0;
    let mut expected = Vec::new();
    let mut add_table = |expected: &mut Vec<String>, path: &str| {
        let page = page(&origin, path);
        let names = between(&page, "<td class=\"name\">", "</td>");
        let prices = between(&page, "<td class=\"price\">", "</td>");
        n_cents += prices.iter().map(|price| price.replace('.', "").parse::<u64>().unwrap()).sum::<u64>();
        expected.extend(names.iter().zip(prices).map(|(name, price)| format!("{path} | {name} | {price}")));
    };
    for path in ["/page/0", "/page/1", "/page/2"] {
        add_table(&mut expected, path);
    }
    expected.push("/small/0 has no table".to_owned());
    expected
        .push("/status/503 did not come: HTTP status server error (503 Service Unavailable)...".to_owned());
    add_table(&mut expected, "/page/3");
    expected.push(format!("40 records, {}.{:02} in all", n_cents / 100, n_cents % 100));
    check_lines(&example("table").run().expect_code(0), &expected);
}

#[test]
fn details_are_saved_as_they_came() {
    let origin = TestOrigin::start();
    let scratch = tempdir().unwrap();
    let folder = scratch.path().join("deep/details");
    let finished = example("list_and_details").arg(&folder).run().expect_code(0);

    let mut expected = BTreeMap::new();
    for list in ["/page/0", "/page/1", "/page/2"] {
        for number in between(&page(&origin, list), "<a href=\"/page/", "\"") {
            expected.insert(format!("{number}.html"), page(&origin, &format!("/page/{number}")));
        }
    }
    assert_eq!(expected.len(), 150);
    assert!(files(&folder) == expected, "{:?}", files(&folder).keys());
    let n_bytes: usize = expected.values().map(String::len).sum();
    let gone = "a list did not come: HTTP status client error (410 Gone)...".to_owned();
    check_lines(&finished, &[gone, format!("150 files, {n_bytes} bytes, in {}", folder.display())]);
}

#[test]
fn details_go_into_a_folder_that_is_named_where_none_is_given() {
    let scratch = tempdir().unwrap();
    let finished = example("list_and_details").env("TMPDIR", scratch.path()).run().expect_code(0);
    let folder = Path::new(lines(&finished)[1].split_once(", in ").unwrap().1);
    assert_eq!(folder.parent(), Some(scratch.path()));
    assert_eq!(files(folder).len(), 150);
}

#[test]
fn a_file_that_can_not_be_saved_is_told_and_counted() {
    let folder = tempdir().unwrap();
    // The first entry of the first list.
    fs::create_dir(folder.path().join("1.html")).unwrap();
    let finished = example("list_and_details").arg(folder.path()).run().expect_code(1);
    assert_eq!(finished.stderr, "error: could not save 1 of 150 pages\n");
    let told = "a page was not saved: could not write the file: Is a directory";
    assert_eq!(lines(&finished).iter().filter(|line| line.starts_with(told)).count(), 1, "{finished:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 150);
}

#[test]
fn a_semaphore_lets_no_more_in_than_it_has_permits() {
    let finished = example("semaphore").run().expect_code(0);
    let [first, second, tasks] = lines(&finished)[..] else { panic!("{finished:?}") };
    let expected = [0, 1].map(|worker| format!("worker {worker}: at most 500 inside at once"));
    assert_eq!([first, second], expected);
    let seen = tasks.strip_prefix("2000 tasks; the origin saw at most ");
    let seen: u64 = seen.and_then(|rest| rest.strip_suffix(" at once")).expect(tasks).parse().unwrap();
    assert!((501..=1000).contains(&seen), "{seen}");
}

#[test]
fn an_example_whose_workers_die_says_so_and_fails() {
    for name in NAMES {
        let folder = tempdir().unwrap();
        let invocation = example(name).env("TMPDIR", folder.path()).env("MYRIAPOD_POOL_IMAGE", "/bin/false");
        let finished = invocation.run().expect_code(1);
        assert_eq!(finished.text(), "", "{name}");
        let expected =
            "error: start the pool: workers can not be kept alive: 5 in a row died without finishing a task";
        assert!(finished.stderr.starts_with(expected), "{name}: {}", finished.stderr);
    }
}
