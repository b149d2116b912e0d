//! What a comparison found: every run's figures, their medians and ends, as `bench.json` has them.
//!
//! Does not know how they were measured, nor how they are shown. `docs/design/bench.md` tells what each key means.
//!
//! Invariant: a figure is rounded once, here, so that the page shows what the document holds.

use serde::Serialize;

use crate::bench::schedule::Setup;
use crate::bench::statistics::{least, median, most, quantile};
use crate::crawl::Mode;
use crate::report::Histogram;

/// Changes when a key gets another meaning, or goes.
pub(super) const SCHEMA: u32 = 1;

/// The quantiles that are told of a distribution.
const PARTS: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];

/// `bench.json`.
#[derive(Serialize, Debug)]
pub(super) struct Results {
    pub(super) schema: u32,
    pub(super) version: String,
    pub(super) command: Vec<String>,
    pub(super) machine: Machine,
    pub(super) settings: Settings,
    pub(super) modes: Vec<Series>,
    pub(super) scaling: Vec<Series>,
    pub(super) concurrency: Vec<Series>,
    /// The first row that was not the same in two runs; `None` is how it must be.
    pub(super) difference: Option<String>,
}

/// Where it was measured.
#[derive(Clone, Serialize, Debug)]
pub(super) struct Machine {
    pub(super) cpus: u32,
    pub(super) model: Option<String>,
    pub(super) kernel: Option<String>,
    pub(super) memory_bytes: Option<u64>,
}

/// What was asked for.
#[derive(Clone, Serialize, Debug)]
pub(super) struct Settings {
    /// The name of a workload; `None` with a list of the user's.
    pub(super) workload: Option<&'static str>,
    /// What the pages are, in words.
    pub(super) about: String,
    pub(super) urls: u64,
    pub(super) runs: u32,
    pub(super) workers: u32,
}

/// All that was found of one setup.
#[derive(Clone, Serialize, Debug)]
pub(super) struct Series {
    pub(super) mode: &'static str,
    pub(super) workers: u32,
    /// Fetches in flight in all workers together.
    pub(super) concurrency: u32,
    pub(super) urls: u64,
    pub(super) median: Figures,
    pub(super) least: Figures,
    pub(super) most: Figures,
    /// The medians over those of `single`; `None` where that was not run.
    pub(super) ratio_to_single: Option<Ratio>,
    pub(super) latency: Vec<Quantile>,
    pub(super) runs: Vec<Figures>,
}

/// What one run took.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub(super) struct Figures {
    pub(super) wall_seconds: f64,
    pub(super) rows_per_second: f64,
    /// Processor time of the whole tree of processes for one URL, in microseconds.
    pub(super) cpu_us_per_url: f64,
    pub(super) master_cpu_us_per_url: f64,
    pub(super) workers_cpu_us_per_url: f64,
    /// That of the origin, which is no part of the others; `None` where it is not ours.
    pub(super) origin_cpu_us_per_url: Option<f64>,
    pub(super) memory_bytes: u64,
    pub(super) master_memory_bytes: u64,
    pub(super) workers_memory_bytes: u64,
}

/// Two medians over those of `single`.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub(super) struct Ratio {
    pub(super) rows_per_second: f64,
    pub(super) cpu_us_per_url: f64,
}

/// So many parts of all URLs took no longer.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub(super) struct Quantile {
    pub(super) part: f64,
    pub(super) seconds: f64,
}

/// One run as it was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) n_urls: u64,
    pub(super) wall: f64,
    /// Processor seconds of the whole tree.
    pub(super) cpu: f64,
    pub(super) master_cpu: f64,
    pub(super) origin_cpu: Option<f64>,
    pub(super) master_memory: u64,
    pub(super) workers_memory: u64,
}

impl Figures {
    /// The figures of a run, rounded.
    pub(super) fn of(run: &Measured) -> Self {
        let n_urls = run.n_urls.max(1) as f64;
        let per_url = |seconds: f64| hundredths(seconds * 1e6 / n_urls);
        let (whole, master) = (per_url(run.cpu), per_url(run.master_cpu));
        Self {
            wall_seconds: thousandths(run.wall),
            rows_per_second: hundredths(n_urls / run.wall.max(1e-9)),
            cpu_us_per_url: whole,
            master_cpu_us_per_url: master.min(whole),
            workers_cpu_us_per_url: hundredths((whole - master).max(0.0)),
            origin_cpu_us_per_url: run.origin_cpu.map(per_url),
            memory_bytes: run.master_memory + run.workers_memory,
            master_memory_bytes: run.master_memory,
            workers_memory_bytes: run.workers_memory,
        }
    }

    /// One figure of all runs for each figure.
    fn each(runs: &[Self], pick: fn(Vec<f64>) -> f64) -> Self {
        let of = |figure: fn(&Self) -> f64| pick(runs.iter().map(figure).collect());
        let bytes = |figure: fn(&Self) -> u64| {
            pick(runs.iter().map(|run| figure(run) as f64).collect()).round() as u64
        };
        let origin: Vec<f64> = runs.iter().filter_map(|run| run.origin_cpu_us_per_url).collect();
        Self {
            wall_seconds: thousandths(of(|run| run.wall_seconds)),
            rows_per_second: hundredths(of(|run| run.rows_per_second)),
            cpu_us_per_url: hundredths(of(|run| run.cpu_us_per_url)),
            master_cpu_us_per_url: hundredths(of(|run| run.master_cpu_us_per_url)),
            workers_cpu_us_per_url: hundredths(of(|run| run.workers_cpu_us_per_url)),
            origin_cpu_us_per_url: (!origin.is_empty()).then(|| hundredths(pick(origin))),
            memory_bytes: bytes(|run| run.memory_bytes),
            master_memory_bytes: bytes(|run| run.master_memory_bytes),
            workers_memory_bytes: bytes(|run| run.workers_memory_bytes),
        }
    }
}

impl Series {
    /// All runs of a setup.
    pub(super) fn of(setup: &Setup, n_urls: u64, runs: Vec<Figures>, latency: &Histogram) -> Self {
        Self {
            mode: setup.mode.as_str(),
            workers: setup.n_workers,
            concurrency: setup.in_flight(),
            urls: n_urls,
            median: Figures::each(&runs, median),
            least: Figures::each(&runs, least),
            most: Figures::each(&runs, most),
            ratio_to_single: None,
            latency: quantiles(latency),
            runs,
        }
    }
}

/// Fills in the ratios to `single`, where it was run.
pub(super) fn relate(modes: &mut [Series]) {
    let single = modes.iter().find(|series| series.mode == Mode::Single.as_str());
    let Some(base) = single.map(|series| series.median) else { return };
    for series in modes {
        series.ratio_to_single = Some(Ratio {
            rows_per_second: ratio(series.median.rows_per_second, base.rows_per_second),
            cpu_us_per_url: ratio(series.median.cpu_us_per_url, base.cpu_us_per_url),
        });
    }
}

fn ratio(value: f64, base: f64) -> f64 {
    if base > 0.0 { hundredths(value / base) } else { 0.0 }
}

fn quantiles(latency: &Histogram) -> Vec<Quantile> {
    let (counts, longest) = latency.to_counts();
    let of = |part| {
        // A bucket answers with its upper end, which may lie above everything recorded.
        let micros = quantile(&counts, part)?.min(longest);
        Some(Quantile { part, seconds: micros as f64 / 1e6 })
    };
    PARTS.into_iter().filter_map(of).collect()
}

fn hundredths(value: f64) -> f64 {
    (value * 1e2).round() / 1e2
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    fn measured(wall: f64, cpu: f64) -> Measured {
        Measured {
            n_urls: 1_000,
            wall,
            cpu,
            master_cpu: 0.002,
            origin_cpu: Some(0.01),
            master_memory: 20 << 20,
            workers_memory: 12 << 20,
        }
    }

    fn series(mode: Mode, n_workers: u32, in_flight_each: u32, cpu: f64) -> Series {
        let setup = Setup { mode, n_workers, in_flight_each, n_urls: Some(1_000) };
        let runs = [0.5, 0.4, 0.6].map(|wall| Figures::of(&measured(wall, cpu * (1.0 + wall))));
        let mut latency = Histogram::new();
        (1..=1_000).for_each(|micros| latency.record(Duration::from_micros(micros * 10)));
        Series::of(&setup, 1_000, runs.to_vec(), &latency)
    }

    pub(in crate::bench) fn results() -> Results {
        let mut modes = vec![
            series(Mode::Processes, 2, 128, 0.02),
            series(Mode::Threads, 2, 128, 0.021),
            series(Mode::Single, 1, 256, 0.018),
        ];
        relate(&mut modes);
        let scaling = [(Mode::Processes, 1), (Mode::Threads, 1), (Mode::Processes, 2), (Mode::Threads, 2)];
        Results {
            schema: SCHEMA,
            version: "0.1.0".to_owned(),
            command: ["myriapod", "bench", "-o", "<b>&\u{202e}\""].map(str::to_owned).to_vec(),
            machine: Machine {
                cpus: 2,
                model: Some("A <processor>".to_owned()),
                kernel: Some("6.18".to_owned()),
                memory_bytes: Some(24 << 30),
            },
            settings: Settings {
                workload: Some("small"),
                about: "pages of 1 KiB".to_owned(),
                urls: 1_000,
                runs: 3,
                workers: 2,
            },
            modes,
            scaling: scaling.map(|(mode, workers)| series(mode, workers, 256 / workers, 0.02)).to_vec(),
            concurrency: [8, 32, 128].map(|each| series(Mode::Processes, 2, each, 0.02)).to_vec(),
            difference: None,
        }
    }

    #[test]
    fn a_run_is_told_for_one_url() {
        let figures = Figures::of(&measured(0.5, 0.0302));
        assert_eq!(
            serde_json::to_string(&figures).unwrap(),
            r#"{"wall_seconds":0.5,"rows_per_second":2000.0,"cpu_us_per_url":30.2,"master_cpu_us_per_url":2.0,"workers_cpu_us_per_url":28.2,"origin_cpu_us_per_url":10.0,"memory_bytes":33554432,"master_memory_bytes":20971520,"workers_memory_bytes":12582912}"#
        );
    }

    #[test]
    fn medians_ends_and_ratios_are_those_of_the_runs() {
        let results = results();
        let processes = &results.modes[0];
        let walls = [processes.least, processes.median, processes.most].map(|figures| figures.wall_seconds);
        assert_eq!(format!("{walls:?}"), "[0.4, 0.5, 0.6]");
        let ratio = processes.ratio_to_single.unwrap();
        assert_eq!(format!("{} {}", ratio.rows_per_second, ratio.cpu_us_per_url), "1 1.11");
        assert_eq!(results.modes[2].ratio_to_single.unwrap().cpu_us_per_url.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn without_single_there_is_no_ratio() {
        let mut modes = vec![series(Mode::Processes, 2, 128, 0.02)];
        relate(&mut modes);
        assert_eq!(modes[0].ratio_to_single, None);
    }

    #[test]
    fn quantiles_ascend_to_the_longest() {
        let quantiles = &results().modes[0].latency;
        assert_eq!(quantiles.len(), PARTS.len());
        assert!(quantiles.is_sorted_by(|one, next| one.seconds <= next.seconds));
        assert_eq!(quantiles.last().unwrap().seconds.to_bits(), 0.01_f64.to_bits());
    }

    #[test]
    fn the_document_names_every_part() {
        let document = serde_json::to_value(results()).unwrap();
        let told = include_str!("../../docs/design/bench.md");
        let mut objects = vec![&document, &document["machine"], &document["settings"], &document["modes"][0]];
        objects.extend([
            &document["modes"][0]["median"],
            &document["modes"][0]["ratio_to_single"],
            &document["modes"][0]["latency"][0],
        ]);
        for object in objects {
            for key in object.as_object().unwrap().keys() {
                assert!(told.contains(&format!("| `{key}` |")), "the page does not tell of {key}");
            }
        }
    }
}
