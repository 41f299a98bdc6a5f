//! Counts the files of a pass. Each file is in exactly one state per processor.

use crate::base::error::count;
use crate::base::heartbeat::Heartbeat;
use crate::pass::plan::{Plan, Reason};
use crate::pass::settle::Settled;
use crate::read::job::Job;
use crate::read::{Outcome, Read, Verdict};
use crate::run::summary::{Counts, Deferral, Dropped, FileError, KeyError, Notices, Summary};
use crate::source::open::Refusal;
use crate::source::rejection::Rejection;
use crate::source::retry::{FailureState, Standing};
use crate::store::failures::FailedKey;
use sessionmill_contract::{Failure, FailureClass, Manifest, SourceFile};
use std::time::Duration;

/// The counts of a pass, up to now.
#[derive(Debug)]
pub struct Tally<'m> {
    manifests: &'m [&'m Manifest],
    counts: Vec<Counts>,
    files: u64,
    /// Files that were read in an earlier pass and are rejected now.
    lost: u64,
}

impl<'m> Tally<'m> {
    /// Begins with the files that the plan leaves out.
    pub fn begin(manifests: &'m [&'m Manifest], plan: &Plan) -> Self {
        let counts = manifests.iter().zip(&plan.left).map(|(manifest, left)| {
            let unchanged = left.unchanged;
            let mut counts = Counts { processor: manifest.name.to_owned(), unchanged, ..Counts::default() };
            left.files.iter().for_each(|(file, reason)| counts.left(file, reason));
            counts
        });
        Self { manifests, counts: counts.collect(), files: 0, lost: plan.lost }
    }

    /// Counts a group of files that was committed.
    pub fn record(&mut self, group: &[Outcome]) {
        for Outcome { job, result } in group {
            self.files += 1;
            let is_known = job.known.as_ref().is_some_and(|known| known.look.is_some());
            self.lost += u64::from(is_known && matches!(result, Err(Refusal::Rejected(_))));
            match result {
                Ok(read) => {
                    for (due, verdict) in &read.verdicts {
                        self.counts[*due].verdict(self.manifests[*due], job, read, verdict);
                    }
                }
                Err(refusal) => {
                    for due in &job.due {
                        let counts = &mut self.counts[*due];
                        match refusal {
                            Refusal::Rejected(rejection) => counts.rejected(&job.file, rejection.words()),
                            Refusal::Failed(failure) => counts.failed(&job.file, failure),
                            Refusal::Deferred(halt) => counts.deferred(&job.file, halt.words()),
                        }
                    }
                }
            }
        }
    }

    /// Adds the results of settling, for each processor.
    #[must_use]
    pub fn settled(mut self, settled: Vec<Settled>) -> Self {
        self.counts.iter_mut().zip(settled).for_each(|(counts, settled)| counts.settled(settled));
        self
    }

    /// The number of files read so far.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Returns the result of the pass.
    pub fn end(mut self, elapsed: Duration, mut notices: Notices, stop: &Heartbeat) -> Summary {
        if self.lost > 0 {
            let files = count(self.lost, "transcript");
            notices.alarms.push(format!("{files} read before, rejected now: what is new there is not counted"));
        }
        for counts in &mut self.counts {
            counts.close();
            counts.elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            counts.errors_detail.sort_by(|a, b| a.session.cmp(&b.session));
            counts.rejected_detail.sort_by(|a, b| a.session.cmp(&b.session));
            counts.unsettled_detail.sort_by(|a, b| a.key.cmp(&b.key));
            counts.deferred_detail.sort();
            counts.deferred_reasons.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.reason.cmp(&b.reason)));
        }
        Summary { processors: self.counts, is_stopped: stop.is_stopped(), notices }
    }
}

impl Counts {
    fn verdict(&mut self, manifest: &Manifest, job: &Job, read: &Read, verdict: &Verdict) {
        self.bytes_read += read.look.stat.size;
        match verdict {
            Verdict::Unchanged => {
                self.skipped += 1;
                let last = job.known.as_ref().and_then(|known| known.look.as_ref());
                self.touched += u64::from(last.is_some_and(|last| last.stat != read.look.stat));
            }
            Verdict::Facts(_) => {
                self.processed += 1;
                self.items_extracted += verdict.items(manifest);
                self.malformed_lines += read.tally.as_ref().map_or(0, |tally| tally.malformed);
            }
            Verdict::Failed(failure) => self.failed(&job.file, failure),
        }
    }

    /// Counts a file that is not read.
    fn left(&mut self, file: &SourceFile, reason: &Reason) {
        match reason {
            // People who were forgotten are not named in any detail.
            Reason::Rejected(Rejection::Forgotten) => {
                self.rejected += 1;
                self.forgotten += 1;
            }
            Reason::Rejected(rejection) => self.rejected(file, rejection.words()),
            Reason::Failed(standing) => self.held(file, standing),
            Reason::Growing(quiet) => self.deferred(file, &quiet.words()),
            Reason::Unchanged => self.unchanged += 1,
            // Counted after it was read.
            Reason::Due | Reason::Retry => {}
        }
    }

    /// Counts items that are no longer in transcripts, and keys that could not be settled, in this pass or before.
    fn settled(&mut self, Settled { dropped, unsettled, .. }: Settled) {
        self.dropped = dropped.iter().map(|(_, items)| items).sum();
        self.dropped_detail = dropped.into_iter().map(|(session, items)| Dropped { session, items }).collect();
        self.unsettled_keys = unsettled.len() as u64;
        self.dead_keys = unsettled.iter().filter(|failed| failed.standing.state == FailureState::Dead).count() as u64;
        let error = |FailedKey { key, standing, .. }: FailedKey| {
            let Failure { class, message, .. } = standing.failure;
            KeyError { key, class: class.name(), error: message }
        };
        self.unsettled_detail = unsettled.into_iter().map(error).collect();
    }

    /// Counts a file that is not read because it has failed before.
    fn held(&mut self, file: &SourceFile, standing: &Standing) {
        match standing.state {
            FailureState::Dropped => self.rejected(file, &format!("dropped by hand: {}", standing.failure)),
            FailureState::Retry | FailureState::Dead => self.failed(file, &standing.failure),
        }
    }

    fn failed(&mut self, file: &SourceFile, failure: &Failure) {
        if failure.class == FailureClass::Rejected {
            return self.rejected(file, &failure.message);
        }
        if failure.class.defers() {
            return self.deferred(file, &failure.message);
        }
        self.errors += 1;
        let error = failure.message.clone();
        self.errors_detail.push(FileError { session: file.session_file.clone(), class: failure.class.name(), error });
    }

    fn rejected(&mut self, file: &SourceFile, reason: &str) {
        self.rejected += 1;
        let error = reason.to_owned();
        self.rejected_detail.push(FileError { session: file.session_file.clone(), class: "rejected", error });
    }

    fn deferred(&mut self, file: &SourceFile, reason: &str) {
        self.deferred += 1;
        self.deferred_detail.push(file.session_file.clone());
        match self.deferred_reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.files += 1,
            None => self.deferred_reasons.push(Deferral { reason: reason.to_owned(), files: 1 }),
        }
    }
}
