//! How fast the real binary is, as whole processes, on a corpus that is made for it.
//!
//! `make bench ARGS="--help"` shows the choices. Every figure stands beside `md5sum` of the same
//! files in the same round; after the first run and after the last one the database's totals are
//! held against those that the corpus was written with.

#![allow(clippy::disallowed_methods, reason = "transcripts and a report are opened here, never the database")]

mod corpus;
mod process;
mod random;
mod table;
mod transcript;

use clap::{Parser, ValueEnum};
use corpus::{Corpus, Shape};
use process::{Place, Samples};
use serde_json::Value;
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use table::{Results, Target};
use transcript::{Author, Filler, Totals, Transcript};

/// Times of sessionmill on a generated corpus, beside md5sum
#[derive(Debug, Parser)]
#[command(name = "make bench ARGS=...", after_help = "Example:\n  make bench ARGS=\"--size 100MB --runs 3\"")]
struct Args {
    /// What to measure, if no size, number or folder is given
    #[arg(long, value_enum, default_value_t = Suite::Quick)]
    suite: Suite,

    /// Bytes of transcripts, such as 562MB
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    size: Option<u64>,

    /// Number of transcripts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    files: Option<u64>,

    /// Number of responses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    responses: Option<u64>,

    /// Measure on a copy of these transcripts instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["size", "files", "responses"])]
    sessions: Option<PathBuf>,

    /// The same seed makes the same corpus
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Rounds, of which the median counts; large corpora are read from scratch once only
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Keep the corpus and the database
    #[arg(long)]
    keep: bool,

    /// Make the corpus in this new or empty folder, say what it must count to, and measure nothing
    #[arg(long, value_name = "DIR")]
    generate: Option<PathBuf>,

    /// The process that `Place::floor` measures
    #[arg(long, hide = true)]
    floor: bool,

    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// 562 MB with 50,000 responses in 1,000 files
    Quick,
    /// And 100,000 files, and 5 million responses: some minutes and 5 GB of disk
    Full,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args = Args::parse();
    if args.floor {
        duckdb::Connection::open_in_memory()?;
        return Ok(());
    }
    if cfg!(debug_assertions) {
        return Err("a debug build says nothing about speed: run `make bench`".into());
    }
    let given = Shape::of(args.size, args.files, args.responses, args.seed);
    if let Some(folder) = &args.generate {
        new(folder)?;
        println!("{:#?}", make(&given, folder)?.totals);
        return Ok(());
    }
    // The target folder, because a system's own may be in memory.
    let parent = std::env::var_os("TMPDIR").map_or(env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    fs::create_dir_all(&parent)?;
    let mut temporary = tempfile::Builder::new().prefix("sessionmill-bench-").tempdir_in(parent)?;
    if args.keep {
        temporary.disable_cleanup(true);
        eprintln!("keeping {}", temporary.path().display());
    }

    let whole = (args.size, args.files, args.responses) == (None, None, None);
    let shapes = match args.suite {
        Suite::Full if whole => vec![
            given,
            Shape::of(Some(300_000_000), Some(100_000), Some(100_000), args.seed),
            Shape::of(None, None, Some(5_000_000), args.seed),
        ],
        _ => vec![given],
    };
    let mut results = Results::new();
    if let Some(sessions) = &args.sessions {
        let corpus = corpus::copy(sessions, &folder(temporary.path(), 0)?)?;
        Bench::new(&corpus, temporary.path(), &args)?.run(&mut results)?;
    } else {
        for (number, shape) in shapes.iter().enumerate() {
            let corpus = make(shape, &folder(temporary.path(), number)?)?;
            Bench::new(&corpus, temporary.path(), &args)?.run(&mut results)?;
            if !args.keep {
                fs::remove_dir_all(&corpus.root)?;
            }
        }
    }
    print!("\n{}", results.text());
    Ok(())
}

/// Refuses a folder that holds something: a corpus among other transcripts would not count to what is
/// said of it.
fn new(folder: &Path) -> Result<()> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if is_empty {
        return Ok(());
    }
    Err(format!("cannot make a corpus in `{}`: it is not an empty folder; name a new one", folder.display()).into())
}

fn folder(temporary: &Path, number: usize) -> Result<PathBuf> {
    let folder = temporary.join(format!("sessions-{number}"));
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn make(shape: &Shape, folder: &Path) -> Result<Corpus> {
    let begun = Instant::now();
    let corpus = shape.generate(folder)?;
    let seconds = begun.elapsed().as_secs_f64();
    let megabytes = corpus.bytes as f64 / 1e6;
    eprintln!("generated {megabytes:.0} MB in {seconds:.1} s ({:.0} MB/s)", megabytes / seconds);
    Ok(corpus)
}

/// The measurements on one corpus.
struct Bench<'c> {
    corpus: &'c Corpus,
    place: Place,
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
    fn new(corpus: &'c Corpus, temporary: &Path, args: &Args) -> Result<Self> {
        let large = corpus.bytes > LARGE || corpus.files.len() > 20_000;
        Ok(Self {
            corpus,
            place: Place { folder: temporary.to_owned() },
            root: process::text(&corpus.root)?,
            database: process::text(&temporary.join("bench.duckdb"))?.to_owned(),
            totals: corpus.totals.unwrap_or_default(),
            runs: args.runs,
            cold_runs: if large { 1 } else { args.runs.min(3) },
            seed: args.seed,
        })
    }

    fn run(mut self, results: &mut Results) -> Result<()> {
        let mut yard = Samples::default();
        let mut cold = Samples::default();
        for round in 1..=self.cold_runs {
            eprintln!("cold {round} of {}", self.cold_runs);
            yard.push(self.place.md5sum(&self.corpus.root)?);
            self.forget()?;
            cold.push(self.pass()?.0);
        }
        let read = self.report("model")?.1;
        if self.corpus.totals.is_none() {
            self.totals = read;
        }
        self.check(read)?;
        results.add(&format!("md5sum, {}", self.about()), &yard, None, Target::None);
        let target = if self.is_dense() { Target::None } else { Target::Ratio(2.5) };
        results.add("cold", &cold, Some(&yard), target);

        self.calm()?;
        let [mut yard, mut floor, mut no_op, mut by_day, mut by_model, mut append] =
            std::array::from_fn(|_| Samples::default());
        for round in 1..=self.runs {
            eprintln!("warm {round} of {}", self.runs);
            yard.push(self.place.md5sum(&self.corpus.root)?);
            floor.push(self.place.floor()?);
            let (sample, counts) = self.pass()?;
            expect(&counts, "scanned", 0)?;
            no_op.push(sample);
            by_day.push(self.report("day")?.0);
            by_model.push(self.report("model")?.0);
            self.grow(round.into())?;
            let (sample, counts) = self.pass()?;
            expect(&counts, "processed", 1)?;
            append.push(sample);
            self.calm()?;
        }
        self.check(self.report("day")?.1)?;

        let (files, responses) = (self.corpus.files.len() as u64, self.totals.responses);
        // Appending has added a few to the round numbers that the targets are for.
        let responses = responses - u64::from(self.runs);
        let target = |size: u64, steps: [(u64, u64); 2]| {
            let step = steps.into_iter().find(|(most, _)| size <= *most);
            step.map_or(Target::None, |(_, millis)| Target::Wall(Duration::from_millis(millis)))
        };
        results.add("floor", &floor, None, Target::None);
        results.add("no-op", &no_op, Some(&yard), target(files, [(1_000, 100), (100_000, 1_500)]));
        results.add("one append", &append, Some(&yard), target(responses, [(50_000, 200), (5_000_000, 500)]));
        for (what, samples) in [("report by day", &by_day), ("report by model", &by_model)] {
            results.add(what, samples, Some(&yard), target(responses, [(50_000, 100), (5_000_000, 1_000)]));
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

    /// A run. Returns its counters.
    fn pass(&self) -> Result<(process::Sample, Value)> {
        let args = ["run", "usage", "--sessions", self.root, "--database", &self.database, "--json"];
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
            if self.pass()?.1["scanned"] == 0 {
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
        for entry in fs::read_dir(&self.place.folder)? {
            let path = entry?.path();
            if process::text(&path)?.starts_with(&self.database) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn expect(counts: &Value, name: &str, number: u64) -> Result<()> {
    if counts[name] == number {
        return Ok(());
    }
    Err(format!("a run has {name} {} files, not {number}", counts[name]).into())
}

/// `562MB`, `3.5GB`, or bytes.
fn bytes(text: &str) -> std::result::Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1.0),
        "kb" => Some(1e3),
        "mb" => Some(1e6),
        "gb" => Some(1e9),
        _ => None,
    };
    let size = digits.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    size.filter(|size| (1.0..1e15).contains(size)).map(|size| size as u64).ok_or("a size such as 562MB or 3GB".into())
}
