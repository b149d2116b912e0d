//! Gathers what the report of a run tells of its rows, as they come from workers.
//!
//! Does not know what becomes of the rows, nor how the report looks.
//!
//! The master pays for this with every row, so no more of one is looked at than the report needs: of a row that ended
//! well, and whose host is known, no more than the beginning of its URL; of others the whole URL; and the message of a
//! failure only as long as it may become an example.
//!
//! Invariant: what is gathered of a row is what reading it again would tell.

use std::borrow::Cow;

use crate::input::RowReader;
use crate::output::RowForm;
use crate::report::{Gathered, RowFacts, SeenRow, Stats};

/// What is gathered of the rows so far.
#[derive(Debug)]
pub(super) struct Gathering {
    gathered: Gathered,
    reader: RowReader,
    n_rows: u64,
}

impl Gathering {
    /// Of rows in this form, of which there are none yet.
    pub(super) fn of(form: RowForm) -> Option<Self> {
        Some(Self { gathered: Gathered::default(), reader: RowReader::behind(form.head())?, n_rows: 0 })
    }

    /// Takes a row, which began at `began` milliseconds since 1970. `None` where it can not be read.
    pub(super) fn take(&mut self, facts: &RowFacts, began: Option<u64>, row: &[u8]) -> Option<()> {
        let Self { gathered, reader, n_rows } = self;
        *n_rows += 1;
        if gathered.add_known(facts, reader.after_number(row)?, began) {
            return Some(());
        }
        let is_told = facts.kind.is_some_and(|kind| !gathered.examples().has_enough_of(kind));
        let (url, message) = if is_told {
            let told = reader.read(row)?;
            (told.url, told.message)
        } else {
            (reader.url(row)?, Cow::Borrowed(""))
        };
        gathered.add_uncounted(&SeenRow { facts: *facts, url: &url, message: &message, began });
        Some(())
    }

    /// What was gathered, with these counts of what was written; `None` where that is not all that came.
    pub(super) fn finish(self, stats: Stats) -> Option<Gathered> {
        (self.n_rows == stats.rows()).then(|| self.gathered.with_stats(stats))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::crawl::books::Books;
    use crate::crawl::engine::Finished;
    use crate::crawl::report;
    use crate::crawl::wire::{Reply, Traffic};
    use crate::ids::{Seq, SlotId};
    use crate::model::{FailureKind, Outcome, Row, RowError};
    use crate::report::{Figures, Report, RunFacts, Source};

    fn books_of(form: RowForm) -> Books {
        Books::new(Stats::new()).gathering(Gathering::of(form))
    }

    fn finished(row: &Row, form: RowForm) -> Finished {
        let mut rendered = Vec::new();
        form.render(row, &mut rendered);
        Finished::Row(Box::new(Reply::new(row, rendered, Traffic::default())))
    }

    /// The page of it, with figures that are the same for all.
    fn page(gathered: &Gathered) -> String {
        let figures = Figures::of_stats(gathered.stats(), None, None);
        let (made, run) = (UNIX_EPOCH, RunFacts::default());
        Report {
            directory: "run",
            made,
            version: "1",
            run,
            figures,
            source: Source::Rows,
            reason: None,
            gathered,
            n_unreadable: 0,
            broken: None,
        }
        .to_html()
    }

    fn read_again(rows: &[Row], form: RowForm, name: &str) -> Gathered {
        let mut content = form.head().to_vec();
        rows.iter().for_each(|row| form.render(row, &mut content));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        let mut gathered = Gathered::default();
        assert_eq!(report::gather(&[path], u64::MAX, &mut gathered, || false).unwrap(), 0);
        gathered
    }

    fn gathered_live(rows: &[Row], form: RowForm) -> Option<Gathered> {
        let mut books = books_of(form);
        for row in rows {
            books.take(vec![finished(row, form)]).unwrap();
        }
        books.handle_written(u64::try_from(rows.len()).unwrap());
        books.into_gathered()
    }

    fn asked(nth: u64, url: String, status: u16, began: u64, took: u64) -> Row {
        let nothing = RowError { kind: FailureKind::InvalidUrl, message: String::new() };
        let outcome = if status < 400 { Outcome::Ok } else { Outcome::HttpError };
        Row {
            outcome,
            error: None,
            status: Some(status),
            attempts: 1,
            bytes: took % 7_000,
            fetched_at: Some(UNIX_EPOCH + Duration::from_nanos(began)),
            time_total: Some(Duration::from_nanos(took)),
            worker: Some(SlotId(u32::try_from(took % 3).unwrap())),
            ..Row::unasked(Seq(nth), url, nothing)
        }
    }

    const HOSTS: [&str; 6] =
        ["http://a", "http://b:8080", "https://a", "http://A", "http://u:p@a:80", "http://[::1]:80"];
    const ODD: [&str; 7] =
        ["http://\u{e9}", "http://a\\", "http://a\",\"b", "http://a,ok", "no url", "", "http://a\n"];

    fn any_url() -> impl Strategy<Value = String> {
        let host = prop_oneof![4 => prop::sample::select(&HOSTS[..]), 1 => prop::sample::select(&ODD[..])];
        let host = host.prop_map(str::to_owned);
        (host, "[/?\",x\u{1b}\u{e9}\\\\]{0,4}").prop_map(|(host, rest)| host + "/" + &rest)
    }

    prop_compose! {
        fn any_row()(
            nth in any::<u64>(),
            url in any_url(),
            status in prop::sample::select(vec![200, 200, 200, 204, 404, 500, 999]),
            kind in prop::option::weighted(0.3, prop::sample::select(FailureKind::ALL)),
            message in "[a\"\\\\,\n\u{1b}]{0,3}",
            began in 1_800_000_000_000_000_000..1_800_000_100_000_000_000_u64,
            took in 0..5_000_000_000_u64,
            is_asked in any::<bool>(),
        ) -> Row {
            let row = asked(nth, url, status, began, took);
            let Some(kind) = kind else { return row };
            let error = RowError { kind, message };
            if !is_asked {
                return Row::unasked(row.seq, row.url, error);
            }
            Row { outcome: kind.outcome(), status: None, error: Some(error), ..row }
        }
    }

    proptest! {
        #[test]
        fn what_is_gathered_live_is_what_reading_again_tells(
            rows in prop::collection::vec(any_row(), 0..60),
        ) {
            for (form, name) in [(RowForm::Jsonl, "rows.jsonl"), (RowForm::Csv, "rows.csv")] {
                let live = gathered_live(&rows, form).expect("all rows were written");
                prop_assert_eq!(page(&live), page(&read_again(&rows, form, name)));
            }
        }
    }

    #[test]
    fn many_hosts_are_told_as_they_are_read_again() {
        let row = |nth: u64| {
            let url = format!("http://h{}.example/{nth}", nth * 7_919 % 6_007);
            asked(nth, url, 200, 1_800_000_000_000_000_000 + nth * 1_000_000, nth * nth * 1_000 % 77_777_777)
        };
        let rows: Vec<Row> = (0..9_000).map(row).collect();
        let live = gathered_live(&rows, RowForm::Jsonl).unwrap();
        assert!(!live.hosts().are_all());
        assert_eq!(page(&live), page(&read_again(&rows, RowForm::Jsonl, "rows.jsonl")));
    }

    #[test]
    fn rows_that_were_not_written_or_can_not_be_read_have_to_be_read_again() {
        let row = asked(0, "http://a/".to_owned(), 200, 1, 1);
        let mut books = books_of(RowForm::Jsonl);
        books.take(vec![finished(&row, RowForm::Jsonl), finished(&row, RowForm::Jsonl)]).unwrap();
        books.handle_written(1);
        assert!(books.into_gathered().is_none());
        let mut books = books_of(RowForm::Jsonl);
        books.take(vec![finished(&row, RowForm::Csv)]).unwrap();
        books.handle_written(1);
        assert!(books.into_gathered().is_none());
        assert!(Books::new(Stats::new()).into_gathered().is_none());
    }
}
