//! A pass: finds what has changed since the last pass, and lets processors read it. The core of the program.
//!
//! A schedule, a command and a trigger file all run a pass. A pass is a sequence of stages; the result of each is the
//! input of the next. Start reading at [`compute`], then [`ask`]:
//!
//! ```text
//! walk ──▶ recall ──▶ plan ──▶ read ──▶ settle ──▶ finish
//! ```
//!
//! Several threads read files and fold their lines into facts; one thread writes the database. Processors that only
//! compute share a pass, in which every file is read once. A processor that waits for a network has its own pass, which
//! holds the database only to plan, to commit and to settle. After settling, it asks about the entities.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`walk`] | finds the files |
//! | [`recall`] | reads what the database knows about them |
//! | [`network`] | settings of processors that wait for a network |
//! | [`plan`] | decides which files are due for which processor, and why the others are not |
//! | [`order`] | decides which file comes first |
//! | [`writer`] | reads files on several threads, and commits the results on one |
//! | [`bounded_queue`] | the queue from the readers to the writer |
//! | [`trial`] | reads a suspect file in a separate process |
//! | [`settle`] | settles the touched keys, and reports keys that failed |
//! | [`inquiry`] | asks about settled entities over a network |
//! | [`tally`] | counts the files of a pass, each in one state |
//! | [`pending`] | counts the files that are still to be read, for commands that only look |

pub mod bounded_queue;
pub mod inquiry;
pub mod network;
pub mod order;
pub mod pending;
pub mod plan;
pub mod recall;
pub mod settle;
pub mod tally;
pub mod trial;
pub mod walk;
pub mod writer;

use crate::base::error::{Error, Result, Status};
use crate::base::guard::guard;
use crate::base::holder::Holder;
use crate::base::limits::{Allowance, Halt, Limits};
use crate::base::lock::ProcessorLock;
use crate::base::moment::{Clock, Moment};
use crate::pass::network::Network;
use crate::pass::recall::Recalled;
use crate::pass::settle::Settled;
use crate::pass::tally::Tally;
use crate::pass::trial::Trial;
use crate::pass::writer::Progress;
use crate::read::Caps;
use crate::run::pause::Pause;
use crate::run::request::{Origin, Request};
use crate::run::summary::Summary;
use crate::source::Source;
use crate::source::access;
use crate::source::retry::Retries;
use crate::store::lookup::{self, Lookup};
use crate::store::reader::Reader;
use crate::store::{DatabaseFile, SharedStore, Store, forget, log, pauses, room, runs, waits};
use sessionmill_contract::{Bound, Manifest, Processor};
use std::time::Duration;

/// The inputs of a pass.
pub struct Pass<'p> {
    pub database: &'p DatabaseFile,
    pub sources: &'p [Source],
    pub processors: &'p [&'p dyn Processor],
    /// The time at the start of the pass, before the walk.
    pub now: Moment,
    pub request: &'p Request,
    /// The user of transcripts that are not in a user's folder.
    pub login: &'p str,
    pub limits: &'p Limits,
    /// Limits on the size of a file, of its lines and of its facts.
    pub caps: Caps,
    /// The number of threads that read.
    pub threads: usize,
    /// The settings of processors that wait for a network, by name.
    pub networks: &'p [(&'static str, Network)],
    /// The lookup tables to update.
    pub lookups: &'p [Lookup],
    /// Accept roots that seem to be other ones than the database was made from.
    pub adopt: bool,
    /// Reads a file in a separate process, and returns how that process died if it did.
    pub trial: &'p Trial<'p>,
    /// Returns warnings about a run that has ended, which it finds in the database.
    pub remark: &'p dyn Fn(Reader<'_>, &Summary) -> Vec<String>,
    /// Called at the end with the open database, so that a report need not open it again.
    pub leave: &'p dyn Fn(Store),
    /// Called with the number of files that are done.
    pub progress: &'p dyn Fn(Progress),
}

/// One thread per core.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

impl<'p> Pass<'p> {
    fn manifests(&self) -> Vec<&'p Manifest> {
        self.processors.iter().map(|processor| processor.manifest()).collect()
    }

    /// The processor of this pass that waits for a network, with its settings.
    fn network(&self) -> Option<(&'p dyn Processor, Network)> {
        let processor = *self.processors.iter().find(|processor| processor.manifest().bound == Bound::Network)?;
        let own = self.networks.iter().find(|(name, _)| *name == processor.manifest().name);
        Some((processor, own.map(|(_, network)| network.clone()).unwrap_or_default()))
    }

    fn retries(&self) -> Retries {
        Retries { now: self.now.wall, is_asked: self.request.origin == Origin::Trigger }
    }
}

/// The default limits of a pass that waits for a network.
const FILES_ASKED: u64 = 50;
const TIME_ASKING: Duration = Duration::from_secs(150);

/// Runs the processors: those that only compute in one pass, then each that waits for a network in its own pass. If one
/// of the latter is already running elsewhere, that is a warning, and the results of the others are returned. The
/// history records how each pass ends.
///
/// # Errors
///
/// If a processor is running elsewhere, no root can be walked, or the database cannot be used. A failed file is not an
/// error of the pass.
pub fn run(pass: &Pass<'_>) -> Result<Summary> {
    let clock = Clock::begin(pass.now.clone());
    let (computing, waiting): (Vec<_>, Vec<_>) =
        pass.processors.iter().partition(|processor| processor.manifest().bound == Bound::Cpu);
    let passes = std::iter::once(computing).chain(waiting.into_iter().map(|processor| vec![processor]));
    let mut summary: Option<Summary> = None;
    for processors in passes.filter(|processors| !processors.is_empty()) {
        let now = if summary.is_some() { clock.read() } else { pass.now.clone() };
        match (run_one(&Pass { processors: &processors, now, ..*pass }), &mut summary) {
            (Ok(done), None) => summary = Some(done),
            (Ok(done), Some(summary)) => summary.append(done),
            (Err(error), Some(summary)) if error.status == Status::Busy => {
                summary.notices.warnings.push(error.to_string());
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(summary.unwrap_or_default())
}

/// Runs processors that only compute in one pass, in which each file is read once. Processors that are already running
/// elsewhere are skipped. Returns the result of each processor.
pub fn run_free(pass: &Pass<'_>) -> Vec<(&'static str, Result<Summary>)> {
    let clock = Clock::begin(pass.now.clone());
    let (mut free, mut locks, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for processor in pass.processors {
        match take_lock(pass, *processor) {
            Ok(lock) => {
                free.push(*processor);
                locks.push(lock);
            }
            Err(error) => {
                let alone = Pass { processors: &[*processor], now: pass.now.clone(), ..*pass };
                results.push((processor.manifest().name, recorded(&alone, &clock, || Err(error))));
            }
        }
    }
    if !free.is_empty() {
        let pass = Pass { processors: &free, now: pass.now.clone(), ..*pass };
        let names = free.iter().map(|processor| processor.manifest().name);
        match recorded(&pass, &clock, || locked(&pass, &clock, locks)) {
            Ok(summary) => results.extend(names.zip(summary.apart().into_iter().map(Ok))),
            Err(error) => results.extend(names.map(|name| (name, Err(error.clone())))),
        }
    }
    results
}

/// Runs one pass, either of processors that only compute or of a single one that waits for a network.
fn run_one(pass: &Pass<'_>) -> Result<Summary> {
    let clock = Clock::begin(pass.now.clone());
    recorded(pass, &clock, || {
        let take = |processor: &&dyn Processor| take_lock(pass, *processor);
        let locks = pass.processors.iter().map(take).collect::<Result<Vec<_>>>()?;
        locked(pass, &clock, locks)
    })
}

/// Calls `run`. If it fails or panics, records that in the history. A run that succeeds is recorded by `finish`.
fn recorded(pass: &Pass<'_>, clock: &Clock, run: impl FnOnce() -> Result<Summary>) -> Result<Summary> {
    let panicked = || Error::new(Status::CannotRun, "the run panicked; its log says where");
    let result = guard(run, panicked);
    // A report that finds another run in progress does not need a run of its own.
    let is_news = |error: &&Error| error.status != Status::Busy || pass.request.origin != Origin::Report;
    if let Some(error) = result.as_ref().err().filter(is_news) {
        let processors: Vec<_> = pass.processors.iter().map(|processor| processor.manifest().name).collect();
        let (request, at, elapsed) = (pass.request, clock.start.wall, clock.elapsed());
        let broken = runs::Broken { processors: &processors, request, at, elapsed, error };
        runs::broken(pass.database, &broken, runs::PATIENCE);
    }
    result
}

/// Takes the lock of a processor: only one run of it at a time, across threads and processes.
fn take_lock(pass: &Pass<'_>, processor: &dyn Processor) -> Result<ProcessorLock> {
    access::may_read(pass.database)?;
    let holder = Holder::new(pass.request.origin.name(), pass.now.wall);
    ProcessorLock::take(pass.database, processor.manifest().name, &holder)
}

/// The pass itself. The caller holds the locks of its processors.
fn locked(pass: &Pass<'_>, clock: &Clock, _locks: Vec<ProcessorLock>) -> Result<Summary> {
    room::check(pass.database)?;
    let mut store = SharedStore::new(pass.database, pass.now.wall);
    let summary = store.repairing(|store| match pass.network() {
        None => compute(pass, clock, store),
        Some((processor, network)) => ask(pass, processor, &network, clock, store),
    })?;
    store.into_open().into_iter().for_each(pass.leave);
    Ok(summary)
}

/// A pass of processors that only compute.
fn compute(pass: &Pass<'_>, clock: &Clock, store: &mut SharedStore) -> Result<Summary> {
    let walked = walk::walk(pass.sources, pass.login)?;
    let known = recall::recall(store, pass, walked)?;
    let plan = plan::plan(&known, &known.policy, pass.retries());
    let allowance = Allowance::new(pass.limits, clock);
    // If the number of files is limited, one thread reads them in order, so that the first ones are read.
    let threads = if allowance.counts_files() { 1 } else { pass.threads };
    let tally = writer::read(store, pass, &known, plan, &allowance, threads)?;
    let mut settle = |processor: &&dyn Processor| Settled::of(store, *processor, pass.retries(), &pass.limits.stop);
    let settled = pass.processors.iter().map(&mut settle).collect::<Result<Vec<_>>>()?;
    finish(store, pass, clock, &known, tally, settled, Vec::new())
}

/// A pass of one processor that waits for a network. It settles the facts of files, asks about the entities, and
/// settles them again with the answers.
fn ask(
    pass: &Pass<'_>,
    processor: &dyn Processor,
    network: &Network,
    clock: &Clock,
    store: &mut SharedStore,
) -> Result<Summary> {
    let name = processor.manifest().name;
    let walked = walk::walk(pass.sources, pass.login)?;
    let known = recall::recall(store, pass, walked)?;
    let plan = plan::plan(&known, &known.policy.waiting(network.quiet), pass.retries());
    waits::set(store.get()?, name, &known.ledger, &plan.waits)?;

    let Limits { files, time, stop } = pass.limits.clone();
    let limits = Limits { files: files.or(Some(FILES_ASKED)), time: time.or(Some(TIME_ASKING)), stop };
    let allowance = Allowance::new(&limits, clock);
    let pause = pauses::of(store.get()?.reader(), name, Some(&network.server))?;
    if pause.as_ref().is_some_and(|pause| pause.holds(pass.now.wall)) {
        allowance.end(Halt::Paused);
    }
    let tally = writer::read(store, pass, &known, plan, &allowance, network.connections)?;

    let settled = Settled::of(store, processor, pass.retries(), &limits.stop)?;
    let answers = inquiry::ask(store, processor, &allowance, network.connections, pass.now.wall)?;
    let settled = match answers.news {
        0 => settled,
        _ => settled.again(store, processor, pass.retries(), &limits.stop)?,
    };
    let next = Pause::next(pause.as_ref(), allowance.throttled().as_ref(), &network.server, clock.read().wall);
    if next != pause {
        pauses::set(store.get()?, name, next.as_ref())?;
    }
    let warnings = answers.warnings.into_iter().chain(next.map(|pause| pause.words(name)));
    finish(store, pass, clock, &known, tally, vec![settled], warnings.collect())
}

/// Adds up the results, records the run, and updates the lookup tables.
fn finish(
    store: &mut SharedStore,
    pass: &Pass<'_>,
    clock: &Clock,
    known: &Recalled<'_>,
    tally: Tally<'_>,
    settled: Vec<Settled>,
    warnings: Vec<String>,
) -> Result<Summary> {
    let mut notices = known.notices.clone();
    notices.warnings.extend(warnings);
    let mut summary = tally.settled(settled).end(clock.elapsed(), notices, &pass.limits.stop);
    summary.notices.warnings.extend((pass.remark)(store.get()?.reader(), &summary));
    runs::end(store.get()?, known.stamp(pass), pass.request, &summary)?;
    lookup::refresh(store.get()?, pass.lookups)?;
    forget::end(store.get()?)?;
    if log::is_long(pass.database) {
        store.get()?.checkpoint()?;
    }
    Ok(summary)
}
