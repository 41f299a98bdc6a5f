//! A folder of transcripts of any size, the same for the same seed, and what it must count to.

use crate::random::Random;
use crate::transcript::{Author, Filler, Totals, Transcript};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How large a corpus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes, within a few percent.
    pub size: u64,
    pub files: u64,
    /// Responses, each counted once.
    pub responses: u64,
    pub seed: u64,
}

/// A corpus on disk.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub root: PathBuf,
    pub files: Vec<PathBuf>,
    pub bytes: u64,
    /// Unknown for transcripts that were not generated.
    pub totals: Option<Totals>,
}

/// Users have their files in turn.
const USERS: u64 = 20;
const PROJECTS: u64 = 60;

/// Every so manieth file, counted from 0, is a subagent's; every so manieth resumes another one.
const SUBAGENT: u64 = 12;
const RESUMED: u64 = 40;

/// Transcripts are written in pieces of so many bytes.
const PIECE: usize = 1 << 20;

/// A file of the plan.
#[derive(Clone, Debug)]
struct Planned {
    number: u64,
    responses: u64,
    bytes: f64,
}

impl Shape {
    /// A shape of which some is given. The rest is as in 562 MB of real transcripts, except that
    /// many responses have short lines.
    pub(crate) fn of(size: Option<u64>, files: Option<u64>, responses: Option<u64>, seed: u64) -> Self {
        let size = size.unwrap_or_else(|| (562_000_000).max(700 * responses.unwrap_or(0)));
        let files = files.unwrap_or_else(|| (size / 562_000).max(1)).max(1);
        let responses = responses.unwrap_or(size / 11_240).max(files);
        Self { size, files, responses, seed }
    }

    /// The files: a few large ones have most of the responses.
    fn plan(&self) -> Vec<Planned> {
        let mut random = Random::new(self.seed, u64::MAX - 1);
        let weights: Vec<f64> = (0..self.files).map(|_| random.log_normal(1.6)).collect();
        let sum: f64 = weights.iter().sum();
        let spread = (self.responses - self.files) as f64;
        let per_response = self.size as f64 / self.responses as f64;
        let (mut upto, mut given) = (0.0, 0);
        let file = |(number, weight): (u64, f64)| {
            upto += weight;
            // Rounding the running sum keeps the sum exact.
            let end = if number + 1 == self.files { spread } else { (spread * upto / sum).min(spread) } as u64;
            let responses = 1 + end - given;
            given = end;
            Planned { number, responses, bytes: responses as f64 * per_response }
        };
        (0..).zip(weights).map(file).collect()
    }

    /// Writes the corpus.
    pub(crate) fn generate(&self, root: &Path) -> io::Result<Corpus> {
        let plan = self.plan();
        for user in 0..USERS {
            fs::create_dir_all(root.join(format!("user-{user:02}")))?;
        }
        let filler = Filler::new(self.seed);
        let written = (0..plan.len()).into_par_iter().map(|file| self.write(&plan, file, root, &filler));
        let written: Vec<(PathBuf, u64, Totals)> = written.collect::<io::Result<_>>()?;
        let mut corpus = Corpus { root: root.to_owned(), files: Vec::new(), bytes: 0, totals: None };
        let mut totals = Totals::default();
        for (path, bytes, of_file) in written {
            corpus.files.push(path);
            corpus.bytes += bytes;
            totals += of_file;
        }
        corpus.totals = Some(totals);
        Ok(corpus)
    }

    fn write(&self, plan: &[Planned], file: usize, root: &Path, filler: &Filler) -> io::Result<(PathBuf, u64, Totals)> {
        let planned = &plan[file];
        let path = root.join(path(planned.number));
        if let Some(folder) = path.parent().filter(|_| is_subagent(planned.number)) {
            fs::create_dir_all(folder)?;
        }
        let mut sink = Sink { file: File::create(&path)?, piece: Vec::with_capacity(2 * PIECE), bytes: 0 };
        let author = author(planned.number);
        if let Some(resumed) = resumed(planned.number).and_then(|number| plan.get(number as usize)) {
            let limit = (planned.bytes / 3.0).min(resumed.bytes);
            let mut old = Transcript::new(self.seed, resumed.number, author.clone(), filler);
            self.turns(&mut old, resumed, limit, &mut sink)?;
        }
        let mut transcript = Transcript::new(self.seed, planned.number, author, filler);
        self.turns(&mut transcript, planned, f64::INFINITY, &mut sink)?;
        sink.flush()?;
        Ok((path, sink.bytes, transcript.totals))
    }

    /// Writes the turns of a file, or the first of them up to a limit in bytes. The last of those is
    /// partial, as if the client had been stopped there: that copy is not the winner.
    fn turns(&self, transcript: &mut Transcript<'_>, planned: &Planned, limit: f64, sink: &mut Sink) -> io::Result<()> {
        let begin = sink.bytes + sink.piece.len() as u64;
        for turn in 0..planned.responses {
            let written = (sink.bytes + sink.piece.len() as u64 - begin) as f64;
            let (turns, bytes) = (planned.responses - turn, (planned.bytes - written).max(0.0));
            let partial = written + bytes / turns as f64 > limit;
            transcript.turn(turns, bytes, partial, &mut sink.piece);
            if partial {
                break;
            }
            if sink.piece.len() >= PIECE {
                sink.flush()?;
            }
        }
        Ok(())
    }
}

/// A file that is written in pieces.
struct Sink {
    file: File,
    piece: Vec<u8>,
    bytes: u64,
}

impl Sink {
    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.piece)?;
        self.bytes += self.piece.len() as u64;
        self.piece.clear();
        Ok(())
    }
}

fn is_subagent(number: u64) -> bool {
    number % SUBAGENT == 5
}

/// The file that a file resumes: both are main ones.
fn resumed(number: u64) -> Option<u64> {
    (number % RESUMED == 7 && !is_subagent(number) && !is_subagent(number - 1)).then(|| number - 1)
}

fn path(number: u64) -> PathBuf {
    let user = number / SUBAGENT % USERS;
    match number % SUBAGENT {
        5 => format!("user-{user:02}/{}/subagents/agent-{number:08x}.jsonl", session_id(number - 1)).into(),
        _ => format!("user-{user:02}/{}.jsonl", session_id(number)).into(),
    }
}

fn author(number: u64) -> Author {
    let project = format!("/home/dev/project-{:02}", number % PROJECTS);
    let agent_id = is_subagent(number).then(|| format!("{number:08x}"));
    let session_id = session_id(if is_subagent(number) { number - 1 } else { number });
    Author { session_id, project, agent_id }
}

fn session_id(number: u64) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// Copies the transcripts of a folder, so that a benchmark can append to them.
pub(crate) fn copy(from: &Path, root: &Path) -> io::Result<Corpus> {
    let mut corpus = Corpus { root: root.to_owned(), files: Vec::new(), bytes: 0, totals: None };
    for entry in walkdir::WalkDir::new(from).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type().is_file() && path.extension().is_some_and(|extension| extension == "jsonl") {
            let to = root.join(path.strip_prefix(from).map_err(io::Error::other)?);
            fs::create_dir_all(to.parent().unwrap_or(root))?;
            corpus.bytes += fs::copy(path, &to)?;
            corpus.files.push(to);
        }
    }
    Ok(corpus)
}
