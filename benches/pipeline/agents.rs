//! The measurements on transcripts of agents: cold runs, runs that find nothing or little new, reports.

use crate::corpus::Corpus;
use crate::process::{self, Samples, Workspace};
use crate::table::{Limit, Results};
use crate::transcript::{Author, Filler, Totals, Transcript};
use crate::{Args, Result};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// The processors of cold runs. The bounds are for the corpus of `make bench-gate`: a run has a fixed cost, which weighs
/// less in a larger corpus.
const COLD: [(&[&str], Limit); 4] = [
    (ONE, Limit { bound: 5.0, target: 1.15 }),
    (&["usage", "verification"], Limit { bound: 7.5, target: 1.6 }),
    (&["usage", "verification", "tracking"], Limit { bound: 10.0, target: 1.9 }),
    (&["usage", "verification", "tracking", "tasks"], Limit { bound: 10.5, target: 2.1 }),
];
const ONE: &[&str] = &["usage"];

/// Times the CPU time of a process that opens an empty database.
const NO_OP: Limit = Limit { bound: 5.5, target: 1.2 };
const APPEND: Limit = Limit { bound: 8.0, target: 2.4 };
const REPORT: Limit = Limit { bound: 5.0, target: 2.0 };

/// The measurements on one corpus.
pub(crate) struct Bench<'c> {
    corpus: &'c Corpus,
    place: Workspace,
    /// As an argument.
    root: &'c str,
    database: String,
    totals: Totals,
    runs: u32,
    cold_runs: u32,
    seed: u64,
}

/// Above this a corpus is read from scratch once.
const LARGE: u64 = 2_000_000_000;

/// A file that changed a moment ago is looked at twice, with so much time between.
const SECOND_LOOK: Duration = Duration::from_millis(2_600);

impl<'c> Bench<'c> {
    pub(crate) fn new(corpus: &'c Corpus, temporary: &Path, args: &Args) -> Result<Self> {
        let large = corpus.bytes > LARGE || corpus.files.len() > 20_000;
        Ok(Self {
            corpus,
            place: Workspace { folder: temporary.to_owned() },
            root: process::text(&corpus.root)?,
            database: process::text(&temporary.join("bench.duckdb"))?.to_owned(),
            totals: corpus.totals.unwrap_or_default(),
            runs: args.runs,
            cold_runs: if large { 1 } else { args.runs.min(3) },
            seed: args.seed,
        })
    }

    pub(crate) fn run(mut self, results: &mut Results) -> Result<()> {
        let mut yard = Samples::default();
        let mut cold = COLD.map(|_| Samples::default());
        for round in 1..=self.cold_runs {
            eprintln!("cold {round} of {}", self.cold_runs);
            yard.push(self.place.md5sum(&self.corpus.root)?);
            // That of one processor is last, since it is what the other measurements go on with.
            for ((processors, _), cold) in COLD.iter().zip(&mut cold).rev() {
                self.forget()?;
                cold.push(self.pass(processors)?.0);
            }
        }
        let read = self.report("model")?.1;
        if self.corpus.totals.is_none() {
            self.totals = read;
        }
        self.check(read)?;
        results.add(&format!("md5sum, {}", self.about()), &yard, None, None);
        for ((processors, limit), cold) in COLD.iter().zip(&cold) {
            let limit = Some(*limit).filter(|_| !self.is_dense());
            results.add(&format!("cold, {}", processors.join(", ")), cold, Some(&yard), limit);
        }

        self.calm()?;
        let [mut yard, mut floor, mut no_op, mut by_day, mut by_model, mut append] =
            std::array::from_fn(|_| Samples::default());
        for round in 1..=self.runs {
            eprintln!("warm {round} of {}", self.runs);
            yard.push(self.place.md5sum(&self.corpus.root)?);
            floor.push(self.place.floor()?);
            let (sample, counts) = self.pass(ONE)?;
            expect(&counts, "scanned", 0)?;
            no_op.push(sample);
            by_day.push(self.report("day")?.0);
            by_model.push(self.report("model")?.0);
            self.grow(round.into())?;
            let (sample, counts) = self.pass(ONE)?;
            expect(&counts, "processed", 1)?;
            append.push(sample);
            self.calm()?;
        }
        self.check(self.report("day")?.1)?;

        let is_usual = self.corpus.files.len() <= 1_000 && self.totals.responses <= 60_000;
        let limit = |limit: Limit| Some(limit).filter(|_| is_usual);
        results.add("floor", &floor, None, None);
        results.add("no-op", &no_op, Some(&floor), limit(NO_OP));
        results.add("one append", &append, Some(&floor), limit(APPEND));
        for (what, samples) in [("report by day", &by_day), ("report by model", &by_model)] {
            results.add(what, samples, Some(&floor), limit(REPORT));
        }
        self.forget()
    }

    /// `562 MB, 1000 files, 50000 responses`.
    fn about(&self) -> String {
        let Corpus { bytes, files, .. } = self.corpus;
        format!("{} MB, {} files, {} responses", bytes / 1_000_000, files.len(), self.totals.responses)
    }

    /// Many responses or files in few bytes: no yardstick for a cold run is known.
    fn is_dense(&self) -> bool {
        let units = self.totals.responses.max(self.corpus.files.len() as u64);
        self.corpus.bytes / units.max(1) < 8_000
    }

    /// A run of these processors. Returns the counters of the first.
    fn pass(&self, processors: &[&'static str]) -> Result<(process::Sample, Value)> {
        let args = ["--sessions", self.root, "--database", &self.database, "--json"];
        let args = ["run"].iter().chain(processors).copied().chain(args);
        let (sample, said) = self.place.run(env!("CARGO_BIN_EXE_sessionmill"), args)?;
        let summary: Value = serde_json::from_str(&said)?;
        Ok((sample, summary["processors"][0].clone()))
    }

    /// A report of what is there. Returns its totals.
    fn report(&self, by: &str) -> Result<(process::Sample, Totals)> {
        let args = ["report", "--by", by, "--timezone", "UTC", "--no-refresh", "--json", "--database", &self.database];
        let (sample, said) = self.place.run(env!("CARGO_BIN_EXE_sessionmill"), args)?;
        let report: Value = serde_json::from_str(&said)?;
        let total = |name: &str| report["totals"][name].as_u64().ok_or(format!("the report has no total `{name}`"));
        let totals = Totals {
            responses: total("responses")?,
            input: total("input_tokens")?,
            output: total("output_tokens")?,
            cache_write: total("cache_creation_input_tokens")?,
            cache_write_1h: total("cache_creation_1h_input_tokens")?,
            cache_read: total("cache_read_input_tokens")?,
        };
        Ok((sample, totals))
    }

    fn check(&self, read: Totals) -> Result<()> {
        if read == self.totals {
            return Ok(());
        }
        Err(format!("the database's totals are wrong:\n{read:?}, but the corpus has\n{:?}", self.totals).into())
    }

    /// Runs until nothing is looked into any more.
    fn calm(&self) -> Result<()> {
        for _ in 0..4 {
            if self.pass(ONE)?.1["scanned"] == 0 {
                return Ok(());
            }
            std::thread::sleep(SECOND_LOOK);
        }
        Err("the runs look into files that have not changed".into())
    }

    /// Appends a response to a file of middling size.
    fn grow(&mut self, round: u64) -> Result<()> {
        let mut files: Vec<_> = self.corpus.files.iter().filter_map(|f| Some((f.metadata().ok()?.len(), f))).collect();
        files.sort();
        let (_, file) = files.get(files.len() / 2).ok_or("there are no transcripts")?;
        let author = Author { session_id: "grown".to_owned(), project: "/home/dev/grown".to_owned(), agent_id: None };
        let filler = Filler::new(self.seed);
        let mut transcript = Transcript::new(self.seed, u64::MAX - 1 - round, author, &filler);
        let mut line = b"\n".to_vec();
        transcript.response(1_000, false, &mut line);
        OpenOptions::new().append(true).open(file)?.write_all(&line)?;
        self.totals += transcript.totals;
        Ok(())
    }

    /// Removes the database.
    fn forget(&self) -> Result<()> {
        Ok(self.place.forget(&self.database)?)
    }
}

fn expect(counts: &Value, name: &str, number: u64) -> Result<()> {
    if counts[name] == number {
        return Ok(());
    }
    Err(format!("a run has {name} {} files, not {number}", counts[name]).into())
}
