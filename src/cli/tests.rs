//! The whole way from arguments to a plan, as a caller sees it.
//!
//! Single values are tested where they are read; here stands what only the steps together can show.

use std::ffi::OsString;
use std::fs;
use std::num::{NonZeroU32, NonZeroU64};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use super::options::{MASTER, WORKER};
use super::{MasterPlan, Parsed, Surroundings, parse, parse_worker};
use crate::crawl::{
    EnvironmentProxies, Mode, OutputPlan, ProgressStyle, ProxyChoice, RunLimits, RunPlan, WorkerLimits,
};
use crate::input::Source;

mod bench;
mod extraction;
mod limits;
mod rows;
mod shape;

const INPUT: &str = "http://h/";

fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect(),
        n_cpus: NonZeroU32::new(3).unwrap(),
        stdout_is_terminal: false,
        stdout_has_colour: false,
        stderr_is_terminal: true,
    }
}

fn arguments(program: &str, line: &[&str]) -> Vec<OsString> {
    std::iter::once(program).chain(line.iter().copied()).map(OsString::from).collect()
}

fn crawl_with(line: &[&str], variables: &[(&str, &str)]) -> Parsed<MasterPlan> {
    let line: Vec<&str> = std::iter::once("crawl").chain(line.iter().copied()).collect();
    parse(arguments(MASTER, &line), &surroundings(variables))
}

#[track_caller]
fn plan_with(line: &[&str], variables: &[(&str, &str)]) -> RunPlan {
    match crawl_with(line, variables) {
        Parsed::Plan { plan: MasterPlan::Crawl(plan), .. } => *plan,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[track_caller]
fn plan(line: &[&str]) -> RunPlan {
    plan_with(line, &[])
}

/// The mistakes, without what stands around them.
#[track_caller]
fn mistakes_with(line: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let Parsed::Mistakes(mut lines) = crawl_with(line, variables) else { panic!("{line:?} is taken") };
    assert_eq!(lines.pop().as_deref(), Some("try 'myriapod crawl --help'"));
    let bare = |line: String| line.strip_prefix("myriapod crawl: error: ").expect("a prefix").to_owned();
    lines.into_iter().map(bare).collect()
}

#[track_caller]
fn check_mistake(line: &[&str], expected: &str) {
    let mistakes = mistakes_with(line, &[]);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0].starts_with(expected), "{mistakes:?}");
}

#[track_caller]
fn printed(parsed: Parsed<MasterPlan>) -> String {
    let Parsed::Print(text) = parsed else { panic!("{parsed:?}") };
    text
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let plan = plan(&[INPUT]);
    assert_eq!(plan.input.sources, [Source::Url(INPUT.to_owned())]);
    assert_eq!(plan.output, OutputPlan::Stdout);
    assert_eq!(plan.mode, Mode::Processes);
    assert_eq!((plan.n_workers.get(), plan.concurrency.get()), (3, 256));
    assert_eq!(plan.courtesy.per_host.map(NonZeroU32::get), Some(4));
    assert_eq!(plan.progress, ProgressStyle::Bar);
    assert_eq!(plan.log.filter, "warn");
    assert_eq!(plan.fetch.method, "GET");
    assert_eq!(plan.fetch.proxy, ProxyChoice::Environment(EnvironmentProxies::default()));
    assert_eq!(plan.fetch.max_redirects, 10);
    assert_eq!(plan.fetch.connect_timeout, Duration::from_secs(10));
    assert_eq!(plan.fetch.read_timeout, Duration::from_secs(20));
    assert_eq!(plan.fetch.max_time, Duration::from_secs(120));
    assert_eq!(plan.fetch.speed_limit, limits::speed(100, Duration::from_secs(30)));
    assert_eq!(plan.fetch.max_body, 8 << 20);
    assert!(plan.fetch.user_agent.starts_with("myriapod/"));
    assert!(plan.fetch.headers.is_empty() && plan.fetch.body.is_none() && !plan.demo);
    assert_eq!(plan.command_line, ["myriapod", "crawl", INPUT]);
    let workers =
        WorkerLimits { memory: 2 << 30, recycle_after: None, hang_timeout: Duration::from_secs(30) };
    assert_eq!((plan.workers, plan.limits), (Some(workers), RunLimits::default()));
    assert!(!plan.resume && plan.shape.is_empty(), "{:?}", plan.shape);
}

#[test]
fn every_refused_value_names_its_option() {
    let cases: &[(&[&str], &str)] = &[
        (&["--workers", "0"], "--workers 0: not a whole number from 1 to 4096"),
        (&["-w", "-1"], "--workers -1: not a whole number"),
        (&["-c", "100001"], "--concurrency 100001: not a whole number from 1 to 100000"),
        (&["--per-host", "x"], "--per-host x: not a whole number"),
        (&["--mode", "forks"], "--mode forks: not one of processes, threads"),
        (&["-X", "G T"], "--method G T: not a request method"),
        (&["-H", "nothing"], "--header nothing: not a header field"),
        (&["-d", "@/no/such/file"], "--data @/no/such/file: could not read /no/such/file: No such file"),
        (&["-A", "a\nb"], "--user-agent a\\u{a}b: holds characters"),
        (&["-u", "ann"], "--user ann: must be NAME:PASSWORD"),
        (&["-b", "cookies.txt"], "--cookie cookies.txt: must be NAME=VALUE"),
        (&["-x", "ftp://p"], "--proxy ftp://p: a proxy is asked by"),
        (&["--cacert", "/dev/null"], "--cacert /dev/null: holds no certificate"),
        (&["--resolve", "h:80"], "--resolve h:80: not HOST:PORT:ADDR"),
        (&["--max-redirs", "-1"], "--max-redirs -1: not a whole number"),
        (&["--connect-timeout", "10x"], "--connect-timeout 10x: not a time"),
        (&["--read-timeout", "0"], "--read-timeout 0: must be longer than zero"),
        (&["--max-time", ""], "--max-time '': not a time"),
        (&["--speed-limit", "-1"], "--speed-limit -1: not a size"),
        (&["--speed-time", "soon"], "--speed-time soon: not a time"),
        (&["--max-body", "8XB"], "--max-body 8XB: not a size"),
        (&["--default-scheme", "ftp"], "--default-scheme ftp: not one of http, https"),
        (&["--fetcher", "curl"], "--fetcher curl: not one of http, null"),
        (&["--progress", "much"], "--progress much: not one of auto, bar, plain, none"),
        (&["--log", "wran"], "--log wran: not a level"),
        (&["--log-format", "xml"], "--log-format xml: not one of text, json"),
        (&["-o", "/dev/null"], "--output /dev/null: is a file"),
        (&["--config", "/no/such/file"], "--config /no/such/file: could not read"),
        (&["/no/such/list"], "INPUT /no/such/list: neither a readable file nor a URL"),
        (&["-", "-"], "INPUT -: standard input can be read once only"),
        (&["-", "-d", "@-"], "--data @-: standard input is the list of URLs"),
        (&["--resume"], "--resume: goes on with a run in a directory, and needs --output DIR"),
        (&["--resume", "-o", "-"], "--resume: goes on with a run in a directory, and needs --output DIR"),
        (&["--stop-after", "0"], "--stop-after 0: not a whole number from 1 on"),
        (&["--max-run-time", "0"], "--max-run-time 0: must be longer than zero"),
        (&["--max-run-time", "soon"], "--max-run-time soon: not a time"),
        (&["--fail-over", "101"], "--fail-over 101: not a percentage from 0 to 100"),
        (&["--fail-over", "-1"], "--fail-over -1: not a percentage from 0 to 100"),
        (&["--worker-memory", "1MiB"], "--worker-memory 1MiB: must be at least 64MiB"),
        (&["--recycle-after", "0"], "--recycle-after 0: not a whole number from 1 on"),
        (&["--hang-timeout", "99ms"], "--hang-timeout 99ms: must be at least 100ms"),
        (
            &["--mode", "threads", "--worker-memory", "1GiB"],
            "--worker-memory 1GiB: is for worker processes, and --mode threads has none",
        ),
        (
            &["--mode", "multi", "--recycle-after", "9"],
            "--recycle-after 9: is for worker processes, and --mode multi has none",
        ),
        (
            &["--mode", "single", "--hang-timeout", "30s"],
            "--hang-timeout 30s: is for worker processes, and --mode single has none",
        ),
        (&["--demo"], "--demo: brings its own list"),
        (&["-q", "--progress", "bar"], "--quiet: shows errors only"),
        (&["--mode", "single", "-w", "4"], "--workers 4: mode single has one worker"),
        (&["--mode", "serial", "-c", "4"], "--concurrency 4: mode serial fetches one URL at a time"),
    ];
    for (line, expected) in cases {
        let line: Vec<&str> = line.iter().copied().chain([INPUT]).collect();
        check_mistake(&line, expected);
    }
    check_mistake(&[], "no INPUT: ");
    check_mistake(&["--demo", "--resume", "-o", "run"], "--demo: has other addresses each time");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let line = ["--nonsense", "5", "-w", "0", "--max-time=0", "--also-nonsense", "-o", "/dev/null"];
    let mistakes = mistakes_with(&line, &[("MYRIAPOD_MAX_BODY", "many")]);
    assert_eq!(
        mistakes,
        [
            "unknown option --nonsense",
            "unknown option --also-nonsense",
            "--output /dev/null: is a file, and must be a directory",
            "--workers 0: not a whole number from 1 to 4096",
            "--max-time 0: must be longer than zero",
            "MYRIAPOD_MAX_BODY=many: not a size such as 64KiB, 8MiB or 1MB (a bare number is bytes)",
        ]
    );
}

#[test]
fn an_option_given_twice_holds_as_given_last() {
    assert_eq!(plan(&["-w", "2", "-w", "4", INPUT]).n_workers.get(), 4);
    assert!(plan(&["-k", "-k", INPUT]).fetch.insecure);
}

#[test]
fn the_nearest_place_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(
        &path,
        "workers = 2\nper-host = 2\nmax-redirs = 2\ninsecure = true\n\
         header = ['X-A: file', 'X-B: file']\ninput = 'http://file/'\n",
    )
    .unwrap();
    let config = path.to_str().unwrap();
    let variables = [
        ("MYRIAPOD_CONFIG", config),
        ("MYRIAPOD_PER_HOST", "3"),
        ("MYRIAPOD_MAX_REDIRS", "3"),
        ("MYRIAPOD_INSECURE", "no"),
        ("MYRIAPOD_MAX_TIME", ""),
    ];
    let plan = plan_with(&["--max-redirs", "4", "-H", "X-C: line"], &variables);
    assert_eq!(plan.n_workers.get(), 2);
    assert_eq!(plan.courtesy.per_host.map(NonZeroU32::get), Some(3));
    assert_eq!(plan.fetch.max_redirects, 4);
    assert!(!plan.fetch.insecure);
    assert_eq!(plan.fetch.max_time, Duration::from_secs(120));
    assert_eq!(plan.fetch.headers, [("X-C".to_owned(), "line".to_owned())]);
    assert_eq!(plan.input.sources, [Source::Url("http://file/".to_owned())]);
}

#[test]
fn lists_in_the_environment_stand_one_a_line() {
    let variables = [("MYRIAPOD_HEADER", "X-A: 1\nX-B: 2\n"), ("MYRIAPOD_DATA", "a\nb")];
    let plan = plan_with(&[INPUT], &variables);
    assert_eq!(
        plan.fetch.headers[..2],
        [("X-A".to_owned(), "1".to_owned()), ("X-B".to_owned(), "2".to_owned())]
    );
    assert_eq!(plan.fetch.body.as_deref(), Some(&b"a\nb"[..]));
}

#[test]
fn a_mistake_names_the_file_and_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(
        &path,
        "conection-timeout = '1s'\nconnect-timeout = '10x'\ninsecure = 1\nprint-config = true\nqqqq = 1\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let mistakes = mistakes_with(&["--config", path, INPUT], &[]);
    let expected = [
        "conection-timeout: unknown key (did you mean 'connect-timeout'?)",
        "print-config: belongs on the command line",
        "qqqq: unknown key",
        "insecure: must be true or false in a file",
        "connect-timeout: not a time such as 250ms, 30s or 1m30s (a bare number is seconds)",
    ];
    assert_eq!(mistakes, expected.map(|text| format!("{path}: {text}")));

    fs::write(path, "workers = \n").unwrap();
    let mistakes = mistakes_with(&["--config", path, INPUT], &[]);
    assert!(mistakes[0].starts_with(&format!("--config {path}: line 1, column")), "{mistakes:?}");
}

#[test]
fn a_variable_of_no_option_is_a_warning() {
    let variables = [("MYRIAPOD_WORKRES", "4"), ("MYRIAPOD_LISTEN", "x"), ("MYRIAPOD_POOL_FD", "3")];
    let Parsed::Plan { warnings, .. } = crawl_with(&[INPUT], &variables) else { panic!("refused") };
    assert_eq!(
        warnings,
        ["MYRIAPOD_WORKRES is the variable of no option (did you mean 'MYRIAPOD_WORKERS'?)"]
    );
    let mistakes = mistakes_with(&[INPUT], &[("MYRIAPOD_INSECURE", "perhaps")]);
    assert!(mistakes[0].starts_with("MYRIAPOD_INSECURE=perhaps: not a switch"), "{mistakes:?}");
}

#[test]
fn of_two_that_contradict_each_other_the_nearer_holds() {
    let file = [("MYRIAPOD_WORKERS", "8"), ("MYRIAPOD_CONCURRENCY", "9"), ("MYRIAPOD_PROGRESS", "bar")];
    let serial = plan_with(&["--mode", "serial", "-q", INPUT], &file);
    assert_eq!((serial.n_workers.get(), serial.concurrency.get()), (1, 1));
    assert_eq!(serial.progress, ProgressStyle::Quiet);
    let single = plan_with(&["--mode", "single", INPUT], &file);
    assert_eq!((single.n_workers.get(), single.concurrency.get()), (1, 9));
    assert_eq!(plan(&["--mode", "single", "-w", "1", INPUT]).n_workers.get(), 1);
    let loud = plan_with(&["--progress", "plain", INPUT], &[("MYRIAPOD_QUIET", "1")]);
    assert_eq!(loud.progress, ProgressStyle::Plain);
    assert!(!plan_with(&[INPUT], &[("MYRIAPOD_DEMO", "1")]).demo);
    assert!(plan(&["--demo"]).demo);
    let recycled = [("MYRIAPOD_RECYCLE_AFTER", "9"), ("MYRIAPOD_HANG_TIMEOUT", "9s")];
    assert_eq!(plan_with(&["--mode", "threads", INPUT], &recycled).workers, None);
    let workers = plan_with(&[INPUT], &recycled).workers.unwrap();
    assert_eq!((workers.recycle_after, workers.hang_timeout), (NonZeroU64::new(9), Duration::from_secs(9)));
    let always = [("MYRIAPOD_RESUME", "1")];
    assert!(!plan_with(&["-o", "-", INPUT], &always).resume);
    assert!(!plan_with(&["--demo", "-o", "run"], &always).resume);
    assert!(plan_with(&["-o", "run", INPUT], &always).resume);
    assert!(plan_with(&["--resume", INPUT], &[("MYRIAPOD_OUTPUT", "run")]).resume);
    let mistakes = mistakes_with(&["--recycle-after", "9", INPUT], &[("MYRIAPOD_MODE", "single")]);
    assert_eq!(mistakes, ["--recycle-after 9: is for worker processes, and --mode single has none"]);
    let mistakes = mistakes_with(&["-w", "4", INPUT], &[("MYRIAPOD_MODE", "single")]);
    assert_eq!(mistakes, ["--workers 4: mode single has one worker"]);
}

#[test]
fn a_body_makes_a_post_with_a_content_type() {
    let form = plan(&["-d", "a=1", "-d", "b=2", INPUT]).fetch;
    assert_eq!((form.method.as_str(), form.body.as_deref()), ("POST", Some(&b"a=1&b=2"[..])));
    assert_eq!(form.headers, [("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);
    let json = plan(&["-d", "{}", "-X", "put", "-H", "content-type: application/json", INPUT]).fetch;
    assert_eq!((json.method.as_str(), json.headers.len()), ("PUT", 1));
    let untyped = plan(&["-d", "-x", "-H", "Content-Type:", INPUT]).fetch;
    assert!(untyped.headers.is_empty());
    assert_eq!(untyped.removed_headers, ["content-type"]);
    assert_eq!(plan(&["-A", "", INPUT]).fetch.removed_headers, ["user-agent"]);
}

#[test]
fn groups_of_robots_txt_are_those_of_whom_the_server_hears() {
    let check = |line: &[&str], expected: Option<&str>| {
        let line: Vec<&str> = line.iter().copied().chain([INPUT]).collect();
        assert_eq!(plan(&line).courtesy.robots_agent.as_deref(), expected, "{line:?}");
    };
    check(&[], Some("myriapod"));
    check(&["-A", "foobot/1.0 (+https://h/)"], Some("foobot"));
    check(&["-A", "foobot", "-H", "X: y", "-H", "user-agent: barbot/2"], Some("barbot"));
    check(&["-H", "User-Agent: barbot", "--robots-agent", "bazbot"], Some("bazbot"));
    check(&["-H", "User-Agent: barbot", "--no-robots"], None);
}

#[test]
fn what_is_printed_gives_the_same_plan_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    let lines: &[&[&str]] = &[
        &[INPUT],
        &["--demo"],
        &["--mode", "serial", INPUT],
        &["--resume", "-o", "run", "--stop-after", "7", "--max-run-time", "1h", "--fail-over", "0.5%", INPUT],
        &["--fail-fast", "--worker-memory", "1GiB", "--recycle-after", "9", "--hang-timeout", "1", INPUT],
        &["--mode", "threads", "--fail-over", "5", INPUT],
        &["-q", "-o", "run", "-w", "2", "--per-host", "0", "http://h/{1..3}", "-g"],
        &[
            "-d",
            "a=\"1\"\n\tb",
            "-H",
            "X: 'q'",
            "-H",
            "Y;",
            "-u",
            "ann:p#w",
            "-b",
            "a=1",
            "-x",
            "",
            "-k",
            INPUT,
        ],
        &[
            "--resolve",
            "h:80:[::1]",
            "--max-time",
            "2.5",
            "--max-body",
            "1MB",
            "--log",
            "myriapod=debug",
            INPUT,
        ],
        &["-H", "X: \u{202e}\u{200b}\"\\'", "-A", "\u{2066}", INPUT],
    ];
    for line in lines {
        let asked: Vec<&str> = line.iter().copied().chain(["--print-config"]).collect();
        fs::write(&path, printed(crawl_with(&asked, &[]))).unwrap();
        let comparable = |plan: RunPlan| format!("{:?}", RunPlan { command_line: Vec::new(), ..plan });
        let again = plan(&["--config", path.to_str().unwrap()]);
        assert_eq!(comparable(again), comparable(plan(line)), "{line:?}");
    }
    let hostile = "X: \u{202e}a\u{ad}\"\\";
    let text = printed(crawl_with(&["--print-config", "-H", hostile, "-o", "a\u{9b}\n"], &[]));
    assert!(text.contains(r#"header = ["X: \u202ea\u00ad\"\\"]"#), "{text}");
    assert!(text.contains(r#"output = "a\u009b\n""#), "{text}");
    let text = printed(crawl_with(&["--print-config", "-c", "5"], &[("MYRIAPOD_PIN", "1")]));
    assert!(text.contains("concurrency = 5  # command line\n"), "{text}");
    assert!(text.contains("pin = true  # MYRIAPOD_PIN\n"), "{text}");
    assert!(text.contains("# cookie is not set\n"), "{text}");
}

#[test]
fn secrets_are_not_kept() {
    let line = [
        "-u",
        "ann:hidden",
        "--proxy=http://b:hidden@p:1",
        "-H",
        "Authorization: hidden",
        "-b",
        "s=hidden",
        INPUT,
    ];
    let plan = plan(&line);
    assert!(!plan.options.to_string().contains("hidden"), "{}", plan.options);
    assert!(!plan.command_line.join(" ").contains("hidden"), "{:?}", plan.command_line);
    assert_eq!(plan.options["user"], "ann:***");
    assert_eq!(plan.options["workers"], 3);
    assert_eq!(plan.fetch.user, Some(("ann".to_owned(), "hidden".to_owned())));
}

#[test]
fn the_password_of_an_input_is_not_kept() {
    let plan = plan(&["http://ann:hidden@h/", "-g", "http://:hidden@{g}/", "-H", "X-Api-Key: hidden"]);
    assert!(!plan.options.to_string().contains("hidden"), "{}", plan.options);
    assert!(!plan.command_line.join(" ").contains("hidden"), "{:?}", plan.command_line);
    assert_eq!(plan.options["input"][0], "http://ann:***@h/");
    assert_eq!(plan.input.sources[0], Source::Url("http://ann:hidden@h/".to_owned()));
    let mistakes = mistakes_with(&["http://ann:hidden@{1..}/"], &[]);
    assert!(mistakes[0].starts_with("INPUT http://ann:***@{1..}/: a template"), "{mistakes:?}");
    assert!(!mistakes[0].contains("hidden"), "{mistakes:?}");
}

#[test]
fn a_directory_as_input_is_told_with_the_other_mistakes() {
    let mistakes = mistakes_with(&["/no/such/list", "/no/such/other", "/"], &[]);
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert_eq!(mistakes[2], "INPUT /: is a directory, and must be a file, a URL or the directory of a run");
}

#[test]
fn a_default_scheme_is_taken_in_any_case() {
    assert_eq!(plan(&["--default-scheme", "HTTPS", "h"]).input.default_scheme.as_deref(), Some("https"));
}

#[track_caller]
fn check_warnings(line: &[&str], expected: &[&str]) {
    let Parsed::Plan { warnings, .. } = crawl_with(line, &[]) else { panic!("{line:?} is refused") };
    assert_eq!(warnings, expected, "{line:?}");
}

#[test]
fn a_header_that_frames_the_body_is_a_warning() {
    let length = "--header content-length: 5: content-length is set to fit the body; \
                  one that is given can break every request";
    let coding = "--header Transfer-Encoding: chunked: Transfer-Encoding is set to fit the body; \
                  one that is given can break every request";
    check_warnings(
        &["-H", "content-length: 5", "-H", "Transfer-Encoding: chunked", INPUT],
        &[length, coding],
    );
    check_warnings(&["-H", "Content-Length:", "-H", "Content-Type: a/b", INPUT], &[]);
}

#[test]
fn a_short_name_in_a_file_is_answered_with_its_long_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    fs::write(&path, "m = 1\nx = 'http://p:1'\n").unwrap();
    let path = path.to_str().unwrap();
    let expected = ["m: unknown key", "x: unknown key (did you mean 'proxy'?)"];
    let mistakes = mistakes_with(&["--config", path, INPUT], &[]);
    assert_eq!(mistakes, expected.map(|text| format!("{path}: {text}")));
}

#[test]
fn a_dash_as_output_is_standard_output() {
    assert_eq!(plan(&["-o", "-", INPUT]).output, OutputPlan::Stdout);
    assert_eq!(plan(&["-o", "./-", INPUT]).output, OutputPlan::Directory("./-".into()));
    let on_screen = Surroundings { stdout_is_terminal: true, ..surroundings(&[]) };
    let parsed = parse(arguments(MASTER, &["crawl", "-o", "-", INPUT]), &on_screen);
    let Parsed::Plan { plan: MasterPlan::Crawl(plan), .. } = parsed else { panic!("{parsed:?}") };
    assert_eq!(plan.progress, ProgressStyle::None);
}

#[test]
fn an_argument_that_is_no_text_is_a_mistake() {
    let mut line = arguments(MASTER, &["crawl", INPUT, "-w", "0"]);
    line.push(OsString::from_vec(b"caf\xe9".to_vec()));
    let Parsed::Mistakes(lines) = parse(line, &surroundings(&[])) else { panic!("taken") };
    assert!(lines[0].contains("argument 5 is not valid UTF-8: caf"), "{lines:?}");
    assert!(lines[1].contains("--workers 0"), "{lines:?}");
}

#[track_caller]
fn check_printed(line: &[&str], expected: &[&str]) {
    let text = printed(parse(arguments(MASTER, line), &surroundings(&[])));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in expected {
        assert!(words.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn help_tells_what_a_stranger_needs() {
    check_printed(&["--help"], &["crawl Crawl a list", "origin", "completions", "man", "--version"]);
    check_printed(
        &["crawl", "--help"],
        &[
            "Usage: myriapod crawl [OPTIONS] INPUT...",
            "-w, --workers <N>",
            "[default: 256]",
            "[default: 8MiB]",
            "--no-templates",
            "Where values come from:",
            "MYRIAPOD_PER_HOST=8",
            "When to stop:",
            "--recycle-after <N>",
            "[default: 2GiB]",
            "--resume urls.txt",
            "Examples:",
            "Exit codes:",
        ],
    );
    check_printed(&["help", "crawl"], &["--no-templates", "Exit codes:"]);
    check_printed(
        &["bench", "--help"],
        &["[default: small]", "bench.html", "1 worker to one per CPU", "TMPDIR"],
    );
    check_printed(&["origin", "--help"], &["--listen <ADDR:PORT>", "[default: 127.0.0.1:8080]"]);
    check_printed(&["--version"], &[concat!("myriapod ", env!("CARGO_PKG_VERSION"), " (build ")]);
    let short = printed(crawl_with(&["-h"], &[]));
    let whole = printed(crawl_with(&["--help"], &[]));
    assert!(short.lines().count() < whole.lines().count() / 2, "{short}");
    assert!(!short.contains("--no-templates") && !whole.contains("--fetcher"), "{short}");
}

#[test]
fn completions_and_the_manual_are_there() {
    for shell in ["bash", "zsh", "fish"] {
        check_printed(&["completions", shell], &["myriapod", "concurrency"]);
    }
    check_printed(&["man"], &[".SH NAME", ".SH SYNOPSIS", "concurrency", ".SH \"EXIT CODES\""]);
    let Parsed::Mistakes(lines) = parse(arguments(MASTER, &["completions", "tcsh"]), &surroundings(&[]))
    else {
        panic!("taken")
    };
    assert!(lines[0].contains("SHELL tcsh: not one of bash"), "{lines:?}");
}

#[test]
fn no_arguments_at_all_bring_the_short_help_as_a_mistake() {
    let Parsed::Mistakes(lines) = parse(arguments(MASTER, &[]), &surroundings(&[])) else { panic!("taken") };
    assert!(lines.iter().any(|line| line.starts_with("Usage: myriapod")), "{lines:?}");
    let Parsed::Mistakes(lines) = parse(arguments(MASTER, &["juggle"]), &surroundings(&[])) else {
        panic!("taken")
    };
    assert_eq!(lines, ["myriapod: error: unknown command 'juggle'", "try 'myriapod --help'"]);
}

#[test]
fn the_origin_counts_its_addresses_up() {
    let cases: &[(&[&str], bool)] = &[
        (&[], true),
        (&["--list"], true),
        (&["--listen", "0.0.0.0:0"], true),
        (&["--hosts", "250"], true),
        (&["--listen", "127.0.0.9:0", "--hosts", "250"], false),
        (&["--listen", "0.0.0.0:0", "--hosts", "2"], false),
        (&["--listen", "[::1]:0", "--hosts", "2"], false),
        (&["--hosts", "0"], false),
    ];
    for (line, is_good) in cases {
        let line: Vec<&str> = std::iter::once("origin").chain(line.iter().copied()).collect();
        let parsed = parse(arguments(MASTER, &line), &surroundings(&[]));
        assert_eq!(
            matches!(parsed, Parsed::Plan { plan: MasterPlan::Origin(_), .. }),
            *is_good,
            "{parsed:?}"
        );
    }
}

#[test]
fn the_worker_by_hand_takes_the_request_options_only() {
    let worker = |line: &[&str]| {
        parse_worker(arguments(WORKER, line), &surroundings(&[("MYRIAPOD_CONCURRENCY", "7")]))
    };
    let Parsed::Plan { plan, warnings } = worker(&["-X", "head", "--default-scheme", "https"]) else {
        panic!("refused")
    };
    assert_eq!((plan.fetch.method.as_str(), plan.concurrency.get()), ("HEAD", 7));
    assert_eq!(plan.default_scheme.as_deref(), Some("https"));
    assert!(warnings.is_empty(), "{warnings:?}");
    for line in [
        &["--resume"][..],
        &["--stop-after", "1"],
        &["--max-run-time", "1s"],
        &["--fail-fast"],
        &["--fail-over", "1"],
        &["--worker-memory", "1GiB"],
        &["--recycle-after", "1"],
        &["--hang-timeout", "1s"],
    ] {
        assert!(matches!(worker(line), Parsed::Mistakes(_)), "{line:?}");
    }
    let Parsed::Mistakes(lines) = worker(&["-o", "run", "-d", "@-"]) else { panic!("taken") };
    assert_eq!(lines[0], "myriapod-worker: error: unknown option -o");
    assert!(lines.iter().any(|line| line.contains("--data @-: standard input is the list")), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("try 'myriapod-worker --help'"));
    let Parsed::Print(text) = worker(&["--version"]) else { panic!("refused") };
    assert!(text.starts_with("myriapod-worker "), "{text}");
}
