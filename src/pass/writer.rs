//! The way from outcomes to commits: readers fill a queue, one thread empties it into the database.

use crate::base::error::{Error, Result, Status};
use crate::base::limits::Allowance;
use crate::pass::Pass;
use crate::pass::bounded_queue::{BoundedQueue, Received, Receiver};
use crate::pass::plan::Plan;
use crate::pass::recall::Recalled;
use crate::pass::tally::Tally;
use crate::pass::trial::Trial;
use crate::read::batch::{self, Queue};
use crate::read::in_flight::{InFlight, Marks};
use crate::read::job::Job;
use crate::read::{Outcome, Reader};
use crate::source::open::Refusal;
use crate::store::stamp::Stamp;
use crate::store::{SharedStore, runs};
use rayon::ThreadPoolBuilder;
use std::time::{Duration, Instant};

/// How far a pass is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub files: u64,
    pub of: u64,
}

/// Reads what is planned, and writes the results.
///
/// # Errors
///
/// If the database cannot be written.
pub fn read<'k>(
    store: &mut SharedStore,
    pass: &Pass<'_>,
    known: &'k Recalled<'_>,
    plan: Plan,
    allowance: &Allowance<'_>,
    threads: usize,
) -> Result<Tally<'k>> {
    let (stamp, of) = (known.stamp(pass), plan.jobs.len() as u64);
    let mut tally = Tally::begin(&known.manifests, &plan);
    if of > 0 {
        runs::begin(store.get()?, stamp, pass.request)?;
    }
    let names: Vec<_> = known.manifests.iter().map(|manifest| manifest.name).collect();
    let (marks, suspects) = Marks::open(pass.database, &names)?;
    let (suspects, jobs) = suspects.part(plan.jobs);
    marks.clear()?;
    let reader =
        Reader { marks: Some(&marks), roots: &known.roots, processors: pass.processors, caps: pass.caps, allowance };
    let mut writer = Writer { store, tally: &mut tally, stamp, of, progress: pass.progress };
    // A suspect waits until the others are done, under its mark.
    let held: Vec<_> = suspects.iter().map(|job| marks.begin(&job.file.session_file)).collect();
    writer.read(&jobs, &reader, threads)?;
    // Who tries a file knows the sources of the pass, also those that are not walked.
    let trial: &Trial<'_> =
        &|job, processors| (pass.trial)(&Job { source: known.positions[job.source], ..job.clone() }, processors);
    for (job, mark) in suspects.iter().zip(held) {
        writer.read_suspect(job, mark, &reader, trial)?;
    }
    Ok(tally)
}

/// The one thread that writes.
struct Writer<'p, 'm> {
    store: &'p mut SharedStore,
    tally: &'p mut Tally<'m>,
    stamp: Stamp<'p>,
    /// Jobs of the pass.
    of: u64,
    progress: &'p dyn Fn(Progress),
}

impl Writer<'_, '_> {
    /// Keeps what readers make of jobs.
    fn read(&mut self, jobs: &[Job], reader: &Reader<'_>, threads: usize) -> Result<()> {
        self.rest(reader)?;
        if jobs.is_empty() {
            return Ok(());
        }
        let queue = Queue::new(jobs);
        let outcomes = BoundedQueue::new(WAITING);
        let threads = threads.clamp(1, jobs.len());
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|number| format!("reader-{number}"));
        let pool = pool
            .build()
            .map_err(|error| Error::new(Status::CannotRun, format!("cannot start reader threads: {error}")))?;
        // The writer stays on this thread: it waits for the readers, which never wait for a thread of the pool.
        pool.in_place_scope(|scope| {
            for _ in 0..threads {
                let sender = outcomes.sender();
                let queue = &queue;
                scope.spawn(move |_| {
                    batch::read(queue, reader, |outcome| {
                        let weight = outcome.weight();
                        sender.send(outcome, weight)
                    });
                });
            }
            // Dropped on the way out, whatever it is, which ends the readers.
            let outcomes = outcomes.receiver();
            while let Some(mut group) = next_group(&outcomes) {
                self.keep(&mut group, reader)?;
                self.rest(reader)?;
            }
            Ok(())
        })
    }

    /// Tries a file that may have ended a process before in one of its own, and reads it if that
    /// survives: alone, since files can be too much for a process together.
    fn read_suspect(&mut self, job: &Job, mark: InFlight<'_>, reader: &Reader<'_>, trial: &Trial<'_>) -> Result<()> {
        if let Some(halt) = reader.allowance.halt() {
            mark.keep();
            return self.keep(&mut [Outcome { job, result: Err(Refusal::Deferred(halt)) }], reader);
        }
        // A trial can take a minute, and others want the database.
        self.store.close();
        tracing::warn!(session = job.file.session_file, "was being read when a run died: trying it on its own");
        match trial(job, reader.processors) {
            Ok(()) => {
                drop(mark);
                self.read(std::slice::from_ref(job), reader, 1)
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::Deferred(_)) {
                    mark.keep();
                }
                self.keep(&mut [Outcome { job, result: Err(refusal) }], reader)
            }
        }
    }

    /// Commits a group, if there is anything in it.
    fn keep(&mut self, group: &mut [Outcome<'_>], reader: &Reader<'_>) -> Result<()> {
        if !group.is_empty() {
            self.store.commit(group, self.stamp)?;
            self.tally.record(group);
            reader.allowance.beat();
            (self.progress)(Progress { files: self.tally.files(), of: self.of });
        }
        Ok(())
    }

    /// Lets others have the database: from time to time, and always before a wait for a network.
    fn rest(&mut self, reader: &Reader<'_>) -> Result<()> {
        if reader.is_network_bound() { self.store.end() } else { self.store.pass_on() }
    }
}

/// Bytes of facts that wait while others are committed: as many as the readers make of a core meanwhile.
const WAITING: usize = 8 << 20;

/// Bytes of facts in a commit, about: few enough to be held in memory, and enough to be fast. DuckDB stores the rows that
/// each commit adds as a part of their own, and a later one merges parts with 122,880 rows or fewer together. So it writes
/// a row the more often, the smaller commits are.
const GROUP: usize = 32 << 20;
const GROUP_FILES: usize = 2_000;

/// What was read is committed after this time: a large file does not delay the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// The outcomes of the next commit, of which there may be none yet; `None` when there will be no more.
fn next_group<'j>(outcomes: &Receiver<'_, Outcome<'j>>) -> Option<Vec<Outcome<'j>>> {
    let until = Instant::now() + PATIENCE;
    let (mut group, mut held) = (Vec::new(), 0);
    while held < GROUP && group.len() < GROUP_FILES {
        match outcomes.receive(until) {
            Received::Value(outcome, weight) => {
                held += weight;
                group.push(outcome);
            }
            Received::End if group.is_empty() => return None,
            Received::Late | Received::End => break,
        }
    }
    Some(group)
}
