//! Reads the planned files on several threads, and commits the results on one. A bounded queue connects them.

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

/// How many files are done, and of how many.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub files: u64,
    pub of: u64,
}

/// Reads the planned files and commits the results.
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
    // A suspect is read after all others. It keeps its mark until then, in case the process dies before.
    let held: Vec<_> = suspects.iter().map(|job| marks.begin(&job.file.session_file)).collect();
    writer.read(&jobs, &reader, threads)?;
    // The trial uses positions in all sources of the pass, including those that were not walked.
    let trial: &Trial<'_> =
        &|job, processors| (pass.trial)(&Job { source: known.positions[job.source], ..job.clone() }, processors);
    for (job, mark) in suspects.iter().zip(held) {
        writer.read_suspect(job, mark, &reader, trial)?;
    }
    Ok(tally)
}

/// The thread that writes the database.
struct Writer<'p, 'm> {
    store: &'p mut SharedStore,
    tally: &'p mut Tally<'m>,
    stamp: Stamp<'p>,
    /// The number of jobs in the pass.
    of: u64,
    progress: &'p dyn Fn(Progress),
}

impl Writer<'_, '_> {
    /// Reads jobs and commits the outcomes.
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
        // The writer runs on this thread. It waits for the readers, and the readers never wait for a thread of the
        // pool.
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
            // Dropped at every exit of this closure, which stops the readers.
            let outcomes = outcomes.receiver();
            while let Some(mut group) = next_group(&outcomes) {
                self.keep(&mut group, reader)?;
                self.rest(reader)?;
            }
            Ok(())
        })
    }

    /// Handles a file that may have killed a process before. First, a separate process reads it. If that survives, this
    /// process reads it, too, with no other file beside it, since files can be too large together.
    fn read_suspect(&mut self, job: &Job, mark: InFlight<'_>, reader: &Reader<'_>, trial: &Trial<'_>) -> Result<()> {
        if let Some(halt) = reader.allowance.halt() {
            mark.keep();
            return self.keep(&mut [Outcome { job, result: Err(Refusal::Deferred(halt)) }], reader);
        }
        // Others may need the database, and a trial can take a minute.
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

    /// Commits a group, unless it is empty.
    fn keep(&mut self, group: &mut [Outcome<'_>], reader: &Reader<'_>) -> Result<()> {
        if !group.is_empty() {
            self.store.commit(group, self.stamp)?;
            self.tally.record(group);
            reader.allowance.beat();
            (self.progress)(Progress { files: self.tally.files(), of: self.of });
        }
        Ok(())
    }

    /// Releases the database for other processes: from time to time, or always if the pass waits for a network.
    fn rest(&mut self, reader: &Reader<'_>) -> Result<()> {
        if reader.is_network_bound() { self.store.end() } else { self.store.pass_on() }
    }
}

/// Bytes of facts that wait while others are committed, about as many as the readers produce meanwhile.
const WAITING: usize = 8 << 20;

/// About how many bytes of facts a commit has: few enough for memory, and many enough to be fast. DuckDB stores the
/// rows of each commit as a separate part, and later merges parts of up to 122,880 rows. So the smaller the commits
/// are, the more often DuckDB writes a row again.
const GROUP: usize = 32 << 20;
const GROUP_FILES: usize = 2_000;

/// After this time, the outcomes at hand are committed, so that a large file does not delay the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// The outcomes of the next commit, possibly none yet. `None` if there are no more.
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
