//! The program: one walk, what has changed since the last one, what processors make of it.
//!
//! A schedule, a command and a trigger all end here. Parallel code reads and folds; one thread
//! writes.

use crate::error::Result;
use crate::flight::Flight;
use crate::job::Job;
use crate::lock::ProcessorLock;
use crate::moment::{Clock, Moment};
use crate::plan;
use crate::read::{Caps, Reader};
use crate::scan;
use crate::settle;
use crate::source::Source;
use crate::store::stamp::Stamp;
use crate::store::{Turns, known, log, migrate, presence, room, runs};
use crate::summary::{Summary, Tally};
use crate::writer::{Progress, Writer};
use sessionmill_contract::{Failure, Manifest, Processor};
use std::path::Path;
use std::time::Duration;

/// What a pass is about.
pub struct Pass<'p> {
    pub database: &'p Path,
    pub sources: &'p [Source],
    pub processors: &'p [&'p dyn Processor],
    /// The start of the pass, before the first look.
    pub now: Moment,
    /// Who asked for it.
    pub trigger: &'p str,
    /// The user of transcripts that lie in no user's folder.
    pub login: &'p str,
    pub limits: Limits,
    /// Take over a database of another root.
    pub adopt: bool,
    /// Reads a file in a process of its own, and tells how that died if it did.
    pub trial: &'p dyn Fn(&Job) -> std::result::Result<(), Failure>,
    /// Is told how far the pass is.
    pub progress: &'p dyn Fn(Progress),
}

/// Bounds of a pass and of what one file can cost it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Files that a processor looks into.
    pub files: Option<u64>,
    /// Files that are not begun by then are left for the next pass.
    pub time: Option<Duration>,
    pub caps: Caps,
    /// Threads that read.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { files: None, time: None, caps: Caps::default(), threads }
    }
}

/// Runs a pass.
///
/// # Errors
///
/// If a processor is running elsewhere, a root cannot be walked, or the database cannot be used. A
/// file that fails is no error of the pass.
pub fn run(pass: &Pass<'_>) -> Result<Summary> {
    let clock = Clock::begin(pass.now.clone());
    let about = format!("{} since {}", pass.trigger, pass.now.wall.format("%Y-%m-%d %H:%M:%S UTC"));
    let _locks = pass
        .processors
        .iter()
        .map(|processor| ProcessorLock::take(pass.database, processor.manifest().name, &about))
        .collect::<Result<Vec<_>>>()?;
    room::check(pass.database)?;
    Turns::new(pass.database, pass.now.wall).repairing(|store| walk(pass, &clock, store))
}

/// From the walk to the last checkpoint, with an open database.
fn walk(pass: &Pass<'_>, clock: &Clock, store: &mut Turns) -> Result<Summary> {
    let now = clock.start.wall;
    let manifests: Vec<&Manifest> = pass.processors.iter().map(|processor| processor.manifest()).collect();
    let sources: Vec<&str> = pass.sources.iter().map(|source| source.name.as_str()).collect();
    let roots = scan::roots(pass.sources)?;
    let mut walk = scan::sessions(pass.sources, &roots, pass.login)?;

    migrate::migrate(store.get()?, now)?;
    presence::remember(store.get()?, pass.sources, pass.adopt)?;
    let ledger = known::ledger(store.get()?.connection(), &manifests, &sources)?;
    let run_id = runs::next(store.get()?)?;
    let stamp = Stamp { run_id, now, processors: pass.processors, manifests: &manifests, sources: &sources };
    let notices = presence::observe(store.get()?, pass.sources, &roots, pass.adopt, &mut walk, &ledger, now)?;
    let plan = plan::jobs(walk, &ledger, &manifests, now, pass.limits.files);
    drop(ledger);

    let mut tally = Tally::begin(&manifests, &plan);
    let of = plan.jobs.len() as u64;
    if of > 0 {
        runs::begin(store.get()?, stamp, pass.trigger)?;
    }
    let (flight, marks) = Flight::open(pass.database, manifests.first().map_or("", |manifest| manifest.name))?;
    let mut jobs = plan.jobs;
    let suspects = marks.take(&mut jobs);
    flight.clear()?;
    let reader = Reader {
        clock,
        flight: Some(&flight),
        roots: &roots,
        processors: pass.processors,
        caps: pass.limits.caps,
        budget: pass.limits.time,
    };
    let mut writer = Writer { store, tally: &mut tally, stamp, of, progress: pass.progress };
    // A suspect waits until the others are done, under its mark.
    let marks: Vec<_> = suspects.iter().map(|job| flight.begin(&job.file.session_file)).collect();
    writer.read(&jobs, &reader, pass.limits.threads)?;
    for (job, mark) in suspects.iter().zip(marks) {
        writer.read_suspect(job, mark, &reader, pass.trial)?;
    }

    for (position, processor) in pass.processors.iter().enumerate() {
        tally.unsettled(position, settle::settle(store, *processor)?);
    }
    let summary = tally.end(clock.elapsed(), notices);
    runs::end(store.get()?, stamp, pass.trigger, &summary)?;
    if log::is_long(pass.database) {
        store.get()?.checkpoint()?;
    }
    Ok(summary)
}
