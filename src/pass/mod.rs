//! The program: one walk, what has changed since the last one, what processors make of it.
//!
//! A schedule, a command and a trigger all end here. Parallel code reads and folds; one thread
//! writes. Processors that compute share a pass; one that waits for a network has its own, which holds
//! the database only to plan, to commit and to settle, and may ask about what was settled.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`plan`] | which files are due for which processor |
//! | [`order`] | who comes first |
//! | [`request`] | who asked for the pass |
//! | [`limits`] | how far it may go |
//! | [`pause`] | a server asked for a break |
//! | [`quiet`] | files that still grow wait |
//! | [`bounded_queue`] | the bounded queue from the readers to the writer |
//! | [`writer`] | outcomes become commits, on one thread |
//! | [`settle`] | facts of the touched keys become entities |
//! | [`inquiry`] | what a processor asks over a network about settled entities |
//! | [`pending`] | files that have still to be looked into |
//! | [`summary`] | what a pass did: every file in one counted state |
//! | [`trial`] | a suspect file is tried in a process of its own |

pub mod bounded_queue;
pub mod inquiry;
pub mod limits;
pub mod order;
pub mod pause;
pub mod pending;
pub mod plan;
pub mod quiet;
pub mod request;
pub mod settle;
pub mod summary;
pub mod trial;
pub mod writer;

use crate::base::error::{Error, Result, Status, count};
use crate::base::fault::Fault;
use crate::base::guard::guard;
use crate::base::heartbeat::Heartbeat;
use crate::base::holder::Holder;
use crate::base::lock::ProcessorLock;
use crate::base::moment::{Clock, Moment};
use crate::pass::limits::Limits;
use crate::pass::pause::Pause;
use crate::pass::plan::Bounds;
use crate::pass::request::{Origin, Request};
use crate::pass::summary::{Notices, Summary, Tally};
use crate::pass::trial::Trial;
use crate::pass::writer::{Progress, Writer};
use crate::plugs::Network;
use crate::read::brake::Brake;
use crate::read::in_flight::Flight;
use crate::read::job::Job;
use crate::read::{self, Reader};
use crate::source::Source;
use crate::source::access;
use crate::source::alignment::Wanted;
use crate::source::open::Root;
use crate::source::retry::Retries;
use crate::source::scan::{self, Walk};
use crate::store::lookup::{self, Lookup};
use crate::store::sources::Remembering;
use crate::store::stamp::Stamp;
use crate::store::{
    DatabaseFile, SharedStore, Store, failures, forget, known, left_out, log, pauses, presence, room, runs, sources,
    waits,
};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Bound, Failure, Manifest, Processor};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a pass is about.
pub struct Pass<'p> {
    pub database: &'p DatabaseFile,
    pub sources: &'p [Source],
    pub processors: &'p [&'p dyn Processor],
    /// The start of the pass, before the first look.
    pub now: Moment,
    pub request: &'p Request,
    /// The user of transcripts that lie in no user's folder.
    pub login: &'p str,
    pub limits: Limits,
    /// How processors ask that wait for a network, by name.
    pub networks: &'p [(&'static str, Network)],
    /// Tables of what the configuration knows.
    pub lookups: &'p [Lookup],
    /// Take over a database of another root.
    pub adopt: bool,
    /// Reads a file in a process of its own, and tells how that died if it did.
    pub trial: &'p Trial<'p>,
    /// Is told how far the pass is.
    pub progress: &'p dyn Fn(Progress),
    pub heartbeat: &'p Heartbeat,
}

impl Pass<'_> {
    /// How the processor asks that waits for a network: it has a pass of its own.
    fn network(&self) -> Network {
        let is_first = |name: &str| self.processors.first().is_some_and(|first| first.manifest().name == name);
        self.networks.iter().find(|(name, _)| is_first(name)).map(|(_, network)| network.clone()).unwrap_or_default()
    }
}

/// The limits of a pass that waits for a network, where nobody says otherwise.
const FILES_ASKED: u64 = 50;
const TIME_ASKING: Duration = Duration::from_secs(150);

/// Runs the processors: those that compute in one pass, then each that waits for a network in one of
/// its own. One of these that is running elsewhere does not undo what is done. However each
/// ends, the history of runs has it.
///
/// # Errors
///
/// If a processor is running elsewhere, a root cannot be walked, or the database cannot be used. A
/// file that fails is no error of the pass.
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
            (Err(error), Some(summary)) if error.status == Status::Busy => summary.notices.warnings.push(error.message),
            (Err(error), _) => return Err(error),
        }
    }
    Ok(summary.unwrap_or_default())
}

/// Runs a pass of processors of one bound.
fn run_one(pass: &Pass<'_>) -> Result<Summary> {
    let clock = Clock::begin(pass.now.clone());
    let panicked = || Error::new(Status::CannotRun, "the run panicked; its log says where");
    let result = guard(|| locked(pass, &clock), panicked);
    // A report that finds another run in progress needs none of its own.
    let is_news = |error: &&Error| error.status != Status::Busy || pass.request.origin != Origin::Report;
    if let Some(error) = result.as_ref().err().filter(is_news) {
        let processors: Vec<_> = pass.processors.iter().map(|processor| processor.manifest().name).collect();
        let (request, at, elapsed) = (pass.request, clock.start.wall, clock.elapsed());
        let broken = runs::Broken { processors: &processors, request, at, elapsed, error };
        runs::broken(pass.database, &broken, runs::PATIENCE);
    }
    result
}

/// One run of a processor at a time, across threads and processes.
fn locked(pass: &Pass<'_>, clock: &Clock) -> Result<Summary> {
    access::may_read(pass.database)?;
    let holder = Holder::new(pass.request.origin.name(), clock.start.wall);
    let take = |processor: &&dyn Processor| ProcessorLock::take(pass.database, processor.manifest().name, &holder);
    let _locks = pass.processors.iter().map(take).collect::<Result<Vec<_>>>()?;
    room::check(pass.database)?;
    SharedStore::new(pass.database, pass.now.wall).repairing(|store| walk(pass, clock, store))
}

/// From the walk to the last checkpoint, with an open database.
fn walk(pass: &Pass<'_>, clock: &Clock, store: &mut SharedStore) -> Result<Summary> {
    let now = clock.start.wall;
    let waits = read::is_network_bound(pass.processors);
    let Network { server, connections, quiet } = &pass.network();
    let manifests: Vec<&Manifest> = pass.processors.iter().map(|processor| processor.manifest()).collect();
    let walks = some_of(scan::each(pass.sources, pass.login))?;

    store.migrate()?;
    let (walks, mut notices) = take_over(store.get()?, pass, walks)?;
    let positions: Vec<usize> = (0..walks.len()).filter(|number| walks[*number].is_ok()).collect();
    let walked: Vec<Source> = positions.iter().map(|number| pass.sources[*number].clone()).collect();
    let sources: Vec<&str> = walked.iter().map(|source| source.name.as_str()).collect();
    let (roots, walks): (Vec<_>, Vec<_>) = walks.into_iter().flatten().unzip();
    let mut walk = Walk::of(walks);
    let mut unread = take_back_decisions(store.get()?, &manifests, &mut notices)?;
    touch_changed_rules(store.get()?, pass.processors)?;
    let mut excluded = forget::exclude(store.get()?, pass.processors)?;
    let ledger = known::ledger(store.get()?.connection(), &manifests, &sources, now)?;
    let run_id = runs::next(store.get()?)?;
    let stamp = Stamp {
        run_id,
        now,
        processors: pass.processors,
        manifests: &manifests,
        plugs: pass.database.plugs,
        sources: &sources,
    };
    let forgotten = known::forgotten(store.get()?.connection(), pass.database)?;
    let larger = walk.share_names(&ledger);
    notices.alarms.extend(unread_alarm(larger, &forgotten));
    forget::overlook(&forgotten, &mut walk);
    let observed = presence::observe(store.get()?, &walked, &roots, pass.adopt, &mut walk, &ledger, now)?;
    notices.alarms.extend(observed.alarms);
    notices.warnings.extend(observed.warnings);
    notices.warnings.append(&mut unread);
    forget::hide(&forgotten, &mut walk);
    left_out::remember(store.get()?, &sources, &walk)?;
    let excludes = |processor: usize, username: &str| pass.processors[processor].excludes(username);
    let retries = Retries { now, is_asked: pass.request.origin == Origin::Trigger };
    let bounds = Bounds { quiet: waits.then_some(*quiet), excludes: Some(&excludes) };
    let plan = plan::jobs(walk, &ledger, &manifests, retries, bounds);
    excluded.extend(plan.excluded.iter().flatten().map(|file| file.username.clone()));
    if !excluded.is_empty() {
        // What a model said of them holds their words.
        pass.database.plugs.forget(pass.database, &excluded.iter().map(String::as_str).collect())?;
    }
    if waits {
        waits::set(store.get()?, manifests[0].name, &ledger, &plan.waits)?;
    }
    drop(ledger);

    let mut tally = Tally::begin(&manifests, &plan);
    let of = plan.jobs.len() as u64;
    if of > 0 {
        runs::begin(store.get()?, stamp, pass.request)?;
    }
    let (flight, marks) = Flight::open(pass.database, manifests.first().map_or("", |manifest| manifest.name))?;
    let mut jobs = plan.jobs;
    let suspects = marks.take(&mut jobs);
    flight.clear()?;
    let pause = if waits { pauses::of(store.get()?.connection(), manifests[0].name, Some(server))? } else { None };
    let files = pass.limits.files.or(waits.then_some(FILES_ASKED));
    let brake = Brake::new(files.unwrap_or(u64::MAX));
    if pause.as_ref().is_some_and(|pause| pause.holds(now)) {
        brake.stop("its processor is paused");
    }
    let reader = Reader {
        clock,
        flight: Some(&flight),
        roots: &roots,
        processors: pass.processors,
        caps: pass.limits.caps,
        budget: pass.limits.time.or(waits.then_some(TIME_ASKING)),
        brake: files.map(|_| &brake),
        heartbeat: pass.heartbeat,
    };
    let threads = match waits {
        true => *connections,
        // The first files of the order are those that a limit leaves time for.
        false if files.is_some() => 1,
        false => pass.limits.threads,
    };
    let mut writer = Writer { store, tally: &mut tally, stamp, of, progress: pass.progress, heartbeat: pass.heartbeat };
    // A suspect waits until the others are done, under its mark.
    let marks: Vec<_> = suspects.iter().map(|job| flight.begin(&job.file.session_file)).collect();
    writer.read(&jobs, &reader, threads)?;
    // Who tries a file knows the sources of the pass, also those that are not walked.
    let trial: &Trial<'_> =
        &|job, processors| (pass.trial)(&Job { source: positions[job.source], ..job.clone() }, processors);
    for (job, mark) in suspects.iter().zip(marks) {
        writer.read_suspect(job, mark, &reader, trial)?;
    }

    let mut has_news = of > 0 || !excluded.is_empty();
    for (position, processor) in pass.processors.iter().enumerate() {
        if !pass.heartbeat.is_stopped() {
            tally.dropped(position, store.get()?.dropped(processor.manifest())?);
        }
        for settlement in processor.manifest().settlements {
            has_news |= store.get()?.may_be_due(processor.manifest(), settlement)?;
        }
        settle::settle(store, *processor, retries, pass.heartbeat)?;
        if waits {
            let answers = inquiry::ask(store, *processor, &reader, now)?;
            notices.warnings.extend(answers.warnings);
            if answers.news > 0 {
                settle::settle(store, *processor, retries, pass.heartbeat)?;
            }
        }
        let name = processor.manifest().name;
        tally.unsettled(position, &failures::unsettled(store.get()?.connection(), name)?);
    }
    if waits {
        let next = |failure: &Failure| Pause::after(pause.as_ref(), failure, server, clock.read().wall);
        let next = brake.throttled().as_ref().map(next);
        let pause = self::pause(store, manifests[0].name, pause.clone(), next, clock.read().wall)?;
        notices.warnings.extend(pause.map(|pause| pause.words(manifests[0].name)));
    }
    let summary = tally.end(clock.elapsed(), notices, pass.heartbeat);
    runs::end(store.get()?, stamp, pass.request, &summary)?;
    lookup::refresh(store.get()?, pass.lookups, has_news)?;
    if log::is_long(pass.database) {
        store.get()?.checkpoint()?;
    }
    Ok(summary)
}

/// Takes decisions that the database has lost back from the file beside it. Returns what cannot be read of the
/// file and is in the database.
fn take_back_decisions(store: &Store, manifests: &[&Manifest], notices: &mut Notices) -> Result<Vec<String>> {
    let mut unread = Vec::new();
    for manifest in manifests {
        match store.take_back(manifest) {
            Ok((lost, lines)) => {
                if lost > 0 {
                    tracing::warn!(lost, "the database had lost decisions: they were taken back");
                }
                unread.extend(lines.into_iter().map(|line| format!("{line}; the database has it")));
            }
            // Only decisions that the database has lost are missing: it has all others itself.
            Err(Error { fault: None | Some(Fault::Refused), message, .. }) => {
                tracing::warn!("{message}; no decision is taken back");
                notices.alarms.push(format!("{message}; no decision is taken back"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unread)
}

/// Makes every key due whose settlement has another version or other settings than before.
fn touch_changed_rules(store: &Store, processors: &[&dyn Processor]) -> Result<()> {
    for processor in processors {
        for settlement in store.touch_changed_rules(*processor)? {
            let processor = processor.manifest().name;
            tracing::info!(processor, settlement, "its rules or settings have changed: every key is settled again");
        }
    }
    Ok(())
}

/// An alarm for files of two sources with one name, where the one that is not read is the larger one.
fn unread_alarm(mut larger: Vec<String>, forgotten: &BTreeSet<String>) -> Option<String> {
    larger.retain(|file| !forgotten.contains(file.split('/').next().unwrap_or_default()));
    let first = larger.first()?;
    let files = count(larger.len() as u64, "transcript");
    Some(format!(
        "{files}, such as `{first}`, not read, although larger than what another source has under that name: \
         what is new there is not counted"
    ))
}

/// Brings what the database knows of the sources up to date. A source that is refused or cannot be walked
/// is left out with an alarm; it is an error if none is left.
fn take_over(store: &Store, pass: &Pass<'_>, walks: Vec<Walked>) -> Result<(Vec<Walked>, Notices)> {
    let wanted = pass.sources.iter().zip(&walks).map(|(source, walk)| Wanted::new(source, walk.is_ok()));
    let wanted: Vec<_> = wanted.collect();
    let Remembering { refused, left_out } = sources::remember(store, &wanted, pass.adopt)?;
    // Why a root cannot be walked counts more: a path that is wrong looks like one that is new.
    let walks = walks.into_iter().zip(refused).map(|(walk, refused)| match (walk, refused) {
        (Ok(_), Some(refused)) => Err(refused),
        (walk, _) => walk,
    });
    let walks = some_of(walks.collect())?;
    let told = |(source, error): (&Source, &Error)| {
        let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("source `{}` is left out: {}{hint}", source.name, error.message)
    };
    let errors = pass.sources.iter().zip(&walks).filter_map(|(source, walk)| Some((source, walk.as_ref().err()?)));
    let alarms = errors.map(told).chain(left_out).collect();
    let known = known::sources(store.connection())?;
    let frozen = wanted.iter().zip(&walks).filter(|(wanted, _)| known.contains(&wanted.source));
    let frozen = frozen.filter_map(|(wanted, walk)| Some((&*wanted.source.name, &*walk.as_ref().err()?.message)));
    presence::freeze(store, &frozen.collect::<Vec<_>>())?;
    Ok((walks, Notices { alarms, warnings: Vec::new() }))
}

/// Sources of which at least one can be walked.
fn some_of(walks: Vec<Walked>) -> Result<Vec<Walked>> {
    if walks.is_empty() || walks.iter().any(std::result::Result::is_ok) {
        return Ok(walks);
    }
    let mut errors = walks.into_iter().filter_map(std::result::Result::err);
    let first = errors.next().unwrap_or_else(|| Error::new(Status::CannotRun, "there is no source"));
    let message = errors.fold(first.message, |all, error| format!("{all}; {}", error.message));
    Err(Error { message, ..first })
}

/// The root of a source and what was seen below it.
type Walked = Result<(Root, Walk)>;

/// Notes the pause that a processor's server asked for in this pass. Returns the one that it now has.
fn pause(
    store: &mut SharedStore,
    processor: &str,
    last: Option<Pause>,
    next: Option<Pause>,
    now: DateTime<Utc>,
) -> Result<Option<Pause>> {
    let pause = match (last, next) {
        (_, Some(next)) => Some(next),
        (Some(last), None) if last.holds(now) => return Ok(Some(last)),
        (None, None) => return Ok(None),
        (Some(_), None) => None,
    };
    pauses::set(store.get()?, processor, pause.as_ref())?;
    Ok(pause)
}
