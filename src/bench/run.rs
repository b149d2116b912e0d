//! Carries out a comparison: starts the origin, runs the crawls in turn, gathers what they took, writes the two files.
//!
//! Does not decide what is run (`schedule`), nor what the figures come to (`results`), nor how they look.
//!
//! Invariants:
//! - however it ends, no process is left, and but for SIGKILL no temporary file; and `bench.json` is there whole or not at all;
//! - the rows of every run are held against those of the first.

#![expect(clippy::disallowed_methods, reason = "reads the rows of the crawls that are compared")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::bench::child::{ChildError, Starter, Taken};
use crate::bench::machine::machine;
use crate::bench::origin::Origin;
use crate::bench::plan::{BenchPlan, Load};
use crate::bench::progress::{Progress, Style};
use crate::bench::results::{Figures, Measured, Results, SCHEMA, Series, Settings, relate};
use crate::bench::rows::{self, Rows, RowsError};
use crate::bench::schedule::{Contest, Purpose, Setup, contests, has_several};
use crate::bench::summary::CrawlSummary;
use crate::bench::{page, table};
use crate::crawl::{Mode, Signal, Signals};
use crate::report::Histogram;
use crate::text::with_causes;
use crate::version::VERSION;

/// What is needed beside the rows: logs, summaries, journals.
const SPACE_BESIDE: u64 = 32 << 20;

/// Rows of a list that is not ours take so many times its length: a guess.
const ROWS_PER_LIST: u64 = 16;

/// What is shown of a row that differs.
const LONGEST_ROW: usize = 1_000;

/// How a comparison ended.
#[derive(Debug)]
pub enum BenchEnd {
    /// Everything was run.
    Measured {
        /// The figures, for people.
        table: String,
        /// The first row that was not the same in two runs.
        difference: Option<String>,
        /// Why the two files could not be written; they were asked for, so it is an error.
        unwritten: Option<String>,
    },
    /// Nothing was run, for this reason.
    Unusable(String),
    /// It could not be carried out.
    Failed(String),
    /// It was told to end.
    Interrupted(Signal),
}

/// Why a comparison could not be carried out.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("could not {act}")]
    System {
        act: String,
        #[source]
        source: io::Error,
    },
    #[error("{setup}")]
    Crawl {
        setup: String,
        #[source]
        source: ChildError,
    },
    #[error("could not understand the summary of a crawl")]
    Summary(#[from] serde_json::Error),
    #[error("could not compare the rows of a crawl")]
    Rows(#[from] RowsError),
    #[error("{setup}: of {expected} pages of the origin {found} came as they should")]
    Incomplete { setup: String, expected: u64, found: u64 },
    #[error("the list holds no URL")]
    Nothing,
}

/// A comparison on its way.
struct Bench<'a> {
    plan: &'a BenchPlan,
    scratch: &'a Path,
    starter: Starter,
    origin: Option<Origin>,
    progress: Progress,
    /// The rows of the first run; a copy of its file is kept in the scratch folder.
    reference: Option<Rows>,
    difference: Option<String>,
}

/// What the runs of one setup came to.
#[derive(Default)]
struct Gathered {
    runs: Vec<Figures>,
    latency: Histogram,
    n_urls: u64,
}

/// Carries out a comparison.
pub fn run(plan: &BenchPlan) -> BenchEnd {
    let output = match plan.output.as_deref().map(OutputFolder::claim).transpose() {
        Ok(output) => output,
        Err(reason) => return BenchEnd::Unusable(reason),
    };
    let scratch = match scratch(plan) {
        Ok(scratch) => scratch,
        Err(reason) => return BenchEnd::Unusable(reason),
    };
    let end = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(until_interrupted(plan, scratch.path())),
        Err(error) => Err(system("start a runtime")(error)),
    };
    let results = match end {
        Ok(Ok(results)) => results,
        Ok(Err(signal)) => return BenchEnd::Interrupted(signal),
        Err(error @ BenchError::Nothing) => return BenchEnd::Unusable(with_causes(&error)),
        Err(error) => return BenchEnd::Failed(with_causes(&error)),
    };
    let written = output.map_or(Ok(()), |output| output.write(&results));
    BenchEnd::Measured {
        table: table::text(&results, plan.colour),
        difference: results.difference,
        unwritten: written.err().map(|error| with_causes(&error)),
    }
}

/// The results, or the signal that came before.
async fn until_interrupted(plan: &BenchPlan, scratch: &Path) -> Result<Result<Results, Signal>, BenchError> {
    let mut signals = Signals::listen().map_err(system("listen for signals"))?;
    let asked_to_end = async {
        loop {
            match signals.next().await {
                Signal::Report => {}
                signal => break signal,
            }
        }
    };
    tokio::select! {
        results = compare(plan, scratch) => Ok(Ok(results?)),
        signal = asked_to_end => Ok(Err(signal)),
    }
}

async fn compare(plan: &BenchPlan, scratch: &Path) -> Result<Results, BenchError> {
    let contests = contests(plan);
    let starter = Starter::new().map_err(system("listen for the ends of crawls"))?;
    let origin = match plan.load {
        Load::Pages { .. } => Some(Origin::start().map_err(system("start the origin"))?),
        Load::List(_) => None,
    };
    let style = match plan.quiet {
        true => Style::Quiet,
        false if plan.stderr_is_terminal => Style::Terminal,
        false => Style::Log,
    };
    let progress = Progress::new(style, contests.iter().map(Contest::n_crawls).sum());
    let mut bench = Bench { plan, scratch, starter, origin, progress, reference: None, difference: None };
    let mut results = bench.empty_results();
    for contest in &contests {
        let series = bench.contest(contest).await?;
        match contest.purpose {
            Purpose::Modes => results.modes = series,
            Purpose::Scaling => results.scaling = series,
            Purpose::Concurrency => results.concurrency = series,
        }
    }
    relate(&mut results.modes);
    results.settings.urls = results.modes.first().map_or(0, |series| series.urls);
    results.difference = bench.difference.take();
    Ok(results)
}

impl Bench<'_> {
    /// Runs the setups in turn.
    async fn contest(&mut self, contest: &Contest) -> Result<Vec<Series>, BenchError> {
        let mut gathered: Vec<Gathered> = contest.setups.iter().map(|_| Gathered::default()).collect();
        for turn in 0..contest.n_warm_ups + contest.n_runs {
            for (setup, gathered) in contest.setups.iter().zip(&mut gathered) {
                self.progress.next(&in_words(setup));
                let (figures, rows) = self.crawl(setup).await?;
                if turn >= contest.n_warm_ups {
                    gathered.runs.push(figures);
                    gathered.latency.merge(&rows);
                }
                gathered.n_urls = figures_of(setup, self.reference.as_ref());
            }
        }
        let series = contest.setups.iter().zip(gathered);
        Ok(series.map(|(setup, all)| Series::of(setup, all.n_urls, all.runs, &all.latency)).collect())
    }

    /// One run, its rows compared, its folder gone again.
    async fn crawl(&mut self, setup: &Setup) -> Result<(Figures, Histogram), BenchError> {
        let (list, output) = (self.list(setup)?, self.scratch.join("run"));
        let arguments = arguments(self.plan, setup, &list, &output);
        let origin_cpu = |origin: &Option<Origin>| origin.as_ref().map(Origin::cpu).transpose();
        let before = origin_cpu(&self.origin).map_err(system("read the time of the origin"))?;
        let complaints = self.scratch.join("complaints");
        let taken = self.starter.run(&arguments, self.origin.as_mut(), &complaints).await;
        let taken = taken.map_err(|source| BenchError::Crawl { setup: in_words(setup), source })?;
        let after = origin_cpu(&self.origin).map_err(system("read the time of the origin"))?;

        let summary = fs::read_to_string(output.join("summary.json")).map_err(system("read a summary"))?;
        let summary: CrawlSummary = serde_json::from_str(&summary)?;
        self.check(setup, &summary)?;
        let latency = self.compare_rows(setup, &output)?;
        fs::remove_dir_all(&output).map_err(system("remove the folder of a run"))?;
        let origin_cpu = before.zip(after).map(|(before, after)| after - before);
        Ok((Figures::of(&measured(&summary, taken, origin_cpu)), latency))
    }

    /// Whether every page was had; what a list of the user's comes to is nobody's fault here.
    fn check(&self, setup: &Setup, summary: &CrawlSummary) -> Result<(), BenchError> {
        if summary.rows == 0 {
            return Err(BenchError::Nothing);
        }
        let Some(n_urls) = setup.n_urls.filter(|_| self.origin.is_some()) else { return Ok(()) };
        let expected = u64::from(n_urls);
        if summary.finished && summary.ok == expected {
            return Ok(());
        }
        Err(BenchError::Incomplete { setup: in_words(setup), expected, found: summary.ok })
    }

    /// Holds the rows against those of the first run, which these become where they are the first.
    fn compare_rows(&mut self, setup: &Setup, output: &Path) -> Result<Histogram, BenchError> {
        let open = |folder: &Path| rows_in(folder).map_err(system("read the rows of a run"));
        let rows = Rows::read(open(output)?)?;
        let kept = self.scratch.join("reference");
        let Some(reference) = &self.reference else {
            keep_rows(output, &kept).map_err(system("keep the rows of the first run"))?;
            let latency = rows.latency.clone();
            self.reference = Some(rows);
            return Ok(latency);
        };
        let n_urls = setup.n_urls.map_or(u64::MAX, u64::from);
        if let Some(seq) = reference.first_difference(&rows, n_urls).filter(|_| self.difference.is_none()) {
            let (first, now) = (shown(rows::find(open(&kept)?, seq)), shown(rows::find(open(output)?, seq)));
            let setup = in_words(setup);
            self.difference = Some(format!("row {seq} in the first run is {first}, and with {setup} {now}"));
        }
        Ok(rows.latency)
    }

    /// The list of a setup, written where it is not there yet.
    fn list(&self, setup: &Setup) -> Result<PathBuf, BenchError> {
        let (workload, n_urls) = match (&self.plan.load, setup.n_urls) {
            (Load::Pages { workload, .. }, Some(n_urls)) => (workload, n_urls),
            (Load::Pages { workload, n_urls }, None) => (workload, n_urls.get()),
            (Load::List(path), _) => return Ok(path.clone()),
        };
        let path = self.scratch.join(format!("urls-{n_urls}.txt"));
        if path.exists() {
            return Ok(path);
        }
        let address = self.origin.as_ref().map_or("", Origin::address);
        let write = || {
            let mut file = BufWriter::new(File::create(&path)?);
            for number in 0..n_urls {
                writeln!(file, "{address}{}", workload.path(number))?;
            }
            file.flush()
        };
        write().map_err(system("write the list of URLs"))?;
        Ok(path)
    }

    fn empty_results(&self) -> Results {
        let (workload, about) = match &self.plan.load {
            Load::Pages { workload, .. } => (Some(workload.as_str()), workload.about().to_owned()),
            Load::List(path) => (None, format!("the list {}", path.display())),
        };
        Results {
            schema: SCHEMA,
            version: VERSION.to_owned(),
            command: self.plan.command_line.clone(),
            machine: machine(self.plan.n_cpus.get()),
            settings: Settings {
                workload,
                about,
                urls: 0,
                runs: self.plan.n_runs.get(),
                workers: self.plan.n_workers.get(),
            },
            modes: Vec::new(),
            scaling: Vec::new(),
            concurrency: Vec::new(),
            difference: None,
        }
    }
}

/// The files of rows in the folder of a run, in their order: one, or several where the user's options have it so.
fn row_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let is_rows = name.to_str().is_some_and(|name| name.starts_with("rows") && name.ends_with(".jsonl"));
        found.extend(is_rows.then(|| folder.join(name)));
    }
    found.sort();
    Ok(found)
}

/// All rows in the folder of a run.
fn rows_in(folder: &Path) -> io::Result<impl Iterator<Item = io::Result<String>> + use<>> {
    let lines = |path| -> Box<dyn Iterator<Item = io::Result<String>>> {
        match File::open(path) {
            Ok(file) => Box::new(BufReader::new(file).lines()),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    };
    Ok(row_files(folder)?.into_iter().flat_map(lines))
}

/// Moves them, since the rest of a run is not needed.
fn keep_rows(folder: &Path, kept: &Path) -> io::Result<()> {
    fs::create_dir_all(kept)?;
    for path in row_files(folder)? {
        fs::rename(&path, kept.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

/// The URLs of a run: as many as it was to have, or as the list has.
fn figures_of(setup: &Setup, reference: Option<&Rows>) -> u64 {
    setup.n_urls.map_or_else(|| reference.map_or(0, |rows| rows.len() as u64), u64::from)
}

fn measured(summary: &CrawlSummary, taken: Taken, origin_cpu: Option<f64>) -> Measured {
    Measured {
        n_urls: summary.rows,
        wall: taken.wall.as_secs_f64(),
        cpu: taken.cpu.as_secs_f64(),
        master_cpu: summary.cpu_seconds.master,
        origin_cpu,
        master_memory: summary.peak_rss_bytes.master,
        workers_memory: summary.workers_memory(),
    }
}

fn in_words(setup: &Setup) -> String {
    let plural = if setup.n_workers == 1 { "" } else { "s" };
    format!("{}, {} worker{plural}, {} in flight", setup.mode.as_str(), setup.n_workers, setup.in_flight())
}

/// The arguments of `myriapod` for a run. What a mode does not take is not given: `single` refuses a number of workers.
fn arguments(plan: &BenchPlan, setup: &Setup, list: &Path, output: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["crawl", "--progress", "none", "--format", "jsonl", "--compress", "none"]
            .map(OsString::from)
            .to_vec();
    let mut add = |name: &str, value: &str| arguments.extend([name, value].map(OsString::from));
    add("--mode", setup.mode.as_str());
    if has_several(setup.mode) {
        add("--workers", &setup.n_workers.to_string());
    }
    if setup.mode != Mode::Serial {
        add("--concurrency", &setup.in_flight_each.to_string());
    }
    if let Load::Pages { workload, .. } = plan.load {
        add("--per-host", "0");
        // The origin is here, whatever way the environment knows to the world.
        add("--proxy", "");
        arguments.push("--no-robots".into());
        arguments.extend(workload.options().iter().map(OsString::from));
    }
    // A comparison is nobody's way inside: who measures is who wrote the list.
    arguments.extend(["--allow-private".into(), "-o".into(), output.into(), "--".into(), list.into()]);
    arguments
}

fn shown(row: Option<String>) -> String {
    let Some(mut row) = row else { return "not there".to_owned() };
    if row.len() > LONGEST_ROW {
        row.truncate(row.floor_char_boundary(LONGEST_ROW));
        row.push_str("...");
    }
    row
}

/// A folder for lists and rows that goes with its value, on a disk that has room for them.
fn scratch(plan: &BenchPlan) -> Result<tempfile::TempDir, String> {
    let folder = tempfile::Builder::new().prefix("myriapod-bench-").tempdir();
    let folder = folder.map_err(|error| format!("could not make a temporary folder: {error}"))?;
    let needed = SPACE_BESIDE
        + match &plan.load {
            Load::Pages { workload, n_urls } => workload.space(n_urls.get()),
            Load::List(path) => {
                fs::metadata(path).map_or(0, |facts| facts.len()).saturating_mul(ROWS_PER_LIST)
            }
        };
    // A file system that does not tell is not asked for its reasons.
    let Ok(found) = statvfs(folder.path()) else { return Ok(folder) };
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    if free >= needed {
        return Ok(folder);
    }
    let (free, needed, path) = (free >> 20, needed >> 20, folder.path().display());
    Err(format!(
        "the rows need some {needed} MiB of temporary space, and {path} has {free} MiB; TMPDIR names another"
    ))
}

fn system(act: &str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::System { act: act.to_owned(), source }
}

/// The folder of the two files; taken away again where it was made and stayed empty.
struct OutputFolder {
    path: PathBuf,
    is_ours: bool,
}

impl OutputFolder {
    fn claim(path: &Path) -> Result<Self, String> {
        if path.join("bench.json").exists() {
            return Err(format!("{} holds a comparison already (bench.json)", path.display()));
        }
        let is_ours = !path.exists();
        fs::create_dir_all(path).map_err(|error| format!("could not make {}: {error}", path.display()))?;
        let folder = Self { path: path.to_owned(), is_ours };
        // What can not be written is better known now than when everything has been measured.
        let probe = folder.unfinished("bench.json");
        let probed = fs::write(&probe, "").and_then(|()| fs::remove_file(&probe));
        probed.map_err(|error| format!("could not write to {}: {error}", path.display()))?;
        Ok(folder)
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.new"))
    }

    fn write(self, results: &Results) -> Result<(), BenchError> {
        let mut document = serde_json::to_string_pretty(results)?;
        document.push('\n');
        self.put("bench.html", &page::html(results))?;
        // Last, because it is what a folder is known by.
        self.put("bench.json", &document)
    }

    /// Whole or not at all.
    fn put(&self, name: &str, text: &str) -> Result<(), BenchError> {
        let (path, unfinished) = (self.path.join(name), self.unfinished(name));
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.map_err(system(&format!("write {}", path.display())))
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        if self.is_ours {
            // It fails where something is in it, which is how it should be.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::tests::plan;
    use crate::bench::workload::Workload;

    fn words(plan: &BenchPlan, mode: Mode) -> String {
        let setup = Setup { mode, n_workers: 2, in_flight_each: 128, n_urls: Some(10) };
        let arguments = arguments(plan, &setup, Path::new("list"), Path::new("out"));
        arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_mode_gets_the_options_that_it_takes() {
        let plan = plan(Workload::Small, 10);
        assert!(words(&plan, Mode::Processes).contains("--workers 2 --concurrency 128"));
        let single = words(&plan, Mode::Single);
        assert!(single.contains("--concurrency 128") && !single.contains("--workers"), "{single}");
        assert!(!words(&plan, Mode::Serial).contains("--concurrency"));
    }

    #[test]
    fn a_list_of_the_user_is_crawled_as_ever() {
        let mut plan = plan(Workload::Page, 10);
        let ours = words(&plan, Mode::Single);
        assert!(ours.contains("--per-host 0 --proxy  --no-robots --links --allow-private -o"), "{ours}");
        plan.load = Load::List(PathBuf::from("list"));
        assert!(words(&plan, Mode::Single).ends_with("--concurrency 128 --allow-private -o out -- list"));
    }

    #[test]
    fn a_folder_with_a_comparison_is_refused_and_an_empty_one_taken_back() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("bench");
        drop(OutputFolder::claim(&path).unwrap());
        assert!(!path.exists());
        OutputFolder::claim(&path).unwrap().write(&crate::bench::results::tests::results()).unwrap();
        let names = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["bench.html", "bench.json"]);
        assert!(OutputFolder::claim(&path).is_err_and(|reason| reason.contains("already")));
    }

    #[test]
    fn a_folder_that_can_not_be_written_to_is_refused_before_anything_is_run() {
        let parent = tempfile::tempdir().unwrap();
        // A directory in the place of the file is in the way of everybody, root too.
        fs::create_dir(parent.path().join(".bench.json.new")).unwrap();
        let refused = OutputFolder::claim(parent.path());
        assert!(refused.is_err_and(|reason| reason.contains("could not write to ")));
    }

    #[test]
    fn a_file_that_can_not_be_written_leaves_no_part_of_it() {
        let parent = tempfile::tempdir().unwrap();
        let output = OutputFolder::claim(parent.path()).unwrap();
        fs::create_dir_all(parent.path().join("bench.html/in-the-way")).unwrap();
        output.write(&crate::bench::results::tests::results()).unwrap_err();
        let names = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["bench.html"]);
    }

    #[test]
    fn rows_in_several_files_are_read_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("rows-00001.jsonl", "b\n"), ("rows-00000.jsonl", "a\n"), ("summary.json", "c")]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let lines: Vec<_> = rows_in(folder.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(lines, ["a", "b"]);
        let kept = tempfile::tempdir().unwrap();
        keep_rows(folder.path(), kept.path()).unwrap();
        assert_eq!(row_files(kept.path()).unwrap().len(), 2);
        assert!(row_files(folder.path()).unwrap().is_empty());
    }

    #[test]
    fn a_long_row_is_cut_between_characters() {
        assert_eq!(shown(Some("é".repeat(600))).chars().count(), 503);
        assert_eq!(shown(None), "not there");
    }
}
