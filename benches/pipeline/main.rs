//! How fast the real binary is, as whole processes, on a corpus that is made for it.
//!
//! `make bench ARGS="--help"` shows the choices. Every figure stands beside a yardstick of the same round: `md5sum` of
//! the same files, a query of DuckDB over the same events, or a process that opens an empty database. What the database
//! holds in the end is held against what the corpus was written with.

#![allow(clippy::disallowed_methods, reason = "transcripts and a report are opened here, never the database")]

mod agents;
mod corpus;
mod events;
mod families;
mod process;
mod random;
mod table;
mod transcript;

use agents::Bench;
use clap::{Parser, ValueEnum};
use corpus::{Corpus, Shape};
use events::Family;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use table::Results;

/// Times of sessionmill on a generated corpus, beside md5sum and DuckDB
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

    /// Web events, and task events, of which there are a fifth as many tasks; 0 measures neither
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,

    /// People of the web events
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..))]
    people: u64,

    /// Fail if a ratio of CPU times, or the peak memory, is over its bound
    #[arg(long)]
    gate: bool,

    /// Keep the corpus and the database
    #[arg(long)]
    keep: bool,

    /// Make the corpus in this new or empty folder, say what it must count to, and measure nothing
    #[arg(long, value_name = "DIR")]
    generate: Option<PathBuf>,

    /// The process that `Workspace::floor` measures
    #[arg(long, hide = true)]
    floor: bool,

    /// The process that `Workspace::query` measures: asks DuckDB, and prints the number that it answers
    #[arg(long, hide = true, value_name = "SQL")]
    query: Option<String>,

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
    if let Some(sql) = &args.query {
        let database = duckdb::Connection::open_in_memory()?;
        database.execute_batch("SET threads = 2")?;
        println!("{}", database.query_row(sql, [], |row| row.get::<_, u64>(0))?);
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
    if args.sessions.is_none() && args.events > 0 {
        for (family, of) in [(Family::Web, args.people), (Family::Tasks, (args.events / 5).max(1))] {
            let folder = temporary.path().join(family.name());
            let log = family.generate(&folder, args.events, of, args.seed)?;
            families::run(&log, temporary.path(), args.runs.min(3), &mut results)?;
            if !args.keep {
                fs::remove_dir_all(&folder)?;
            }
        }
    }
    print!("\n{}", results.text());
    if args.gate { results.gate() } else { Ok(()) }
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
