//! Reads several files side by side on one thread: reads the next window of each file, computes the MD5 of all windows
//! at once, and folds each window.
//!
//! When a file ends, the next job takes its place at once, so that a large file does not delay the others.
//!
//! For example, a thread reads files A (40 kB), B (16 KiB) and C (5 kB). One round reads the next window of each (all
//! of B and C, and 16 KiB of A), hashes the three at once, and folds each window while it is in the CPU cache. B and C
//! have ended, so their outcomes are sent to the writer, and two new files take their lanes. A goes on with its second
//! window. A thread has at most 16 lanes, and begins no new file while its current ones have 16 MB or more in total.
//!
//! The last jobs are shared: a thread takes one only if more jobs are left than it has at hand. With five jobs, the
//! first thread takes three and leaves two to the others. A thread with no job at hand always gets one.

use crate::read::job::Job;
use crate::read::lanes::{self, LANES};
use crate::read::{Outcome, Reader, Stream};
use crate::source::open::Refusal;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The jobs of a pass, in order, shared by all threads.
pub struct Queue<'j> {
    jobs: &'j [Job],
    next: AtomicUsize,
}

/// Bytes of a window. The windows of all lanes fit into the cache of a core.
const WINDOW: usize = 16 << 10;

/// About how many bytes of files are read side by side. The memory for their facts grows with it, so a large file is
/// read alone.
const SIDE_BY_SIDE: u64 = 16 << 20;

impl<'j> Queue<'j> {
    pub fn new(jobs: &'j [Job]) -> Self {
        Self { jobs, next: AtomicUsize::new(0) }
    }

    /// The next job for a thread that has `at_hand` jobs already. The last jobs go to the threads with the fewest, so
    /// that all threads end at about the same time.
    fn take(&self, at_hand: usize) -> Option<&'j Job> {
        let take = |next| (self.jobs.len() - next > at_hand).then_some(next + 1);
        let next = self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        self.jobs.get(next)
    }
}

/// A file that is read side by side with others.
struct Lane<'j> {
    stream: Stream<'j>,
    hash: lanes::Md5State,
    buffer: Box<[u8]>,
    /// The number of bytes in the buffer.
    filled: usize,
    failed: Option<Refusal>,
}

/// Reads jobs until there are none left, or until `send` returns false.
pub fn read<'j>(queue: &Queue<'j>, reader: &'j Reader<'j>, mut send: impl FnMut(Outcome<'j>) -> bool) {
    let mut batch: Vec<Lane<'j>> = Vec::with_capacity(LANES);
    let mut buffers: Vec<Box<[u8]>> = Vec::new();
    loop {
        while has_room(&batch, reader)
            && let Some(job) = queue.take(batch.len())
        {
            match reader.open(job) {
                Ok(stream) => {
                    batch.push(Lane::new(stream, buffers.pop().unwrap_or_else(|| vec![0; WINDOW].into())));
                }
                Err(refusal) => {
                    if !send(Outcome { job, result: Err(refusal) }) {
                        return;
                    }
                }
            }
        }
        if batch.is_empty() {
            return;
        }
        batch.iter_mut().for_each(Lane::fill);
        lanes::update(
            &mut batch.iter_mut().map(|lane| (&mut lane.hash, &lane.buffer[..lane.filled])).collect::<Vec<_>>(),
        );
        batch.iter_mut().for_each(Lane::fold);
        let ended = |lane: &mut Lane<'_>| lane.failed.is_some() || lane.stream.left() == 0;
        for lane in batch.extract_if(.., ended).collect::<Vec<_>>() {
            let Lane { stream, hash, buffer, filled, failed } = lane;
            let (job, hash) = (stream.job, hash.finish(&buffer[..filled]));
            let result = match failed {
                Some(refusal) => Err(refusal),
                None if stream.is_changed(&hash) => {
                    // Dropping the stream removes the file's mark: a file must have only one mark at a time.
                    drop(stream);
                    match reader.open_changed(job) {
                        Ok(stream) => {
                            batch.push(Lane::new(stream, buffer));
                            continue;
                        }
                        Err(refusal) => Err(refusal),
                    }
                }
                None => stream.end(hash),
            };
            buffers.push(buffer);
            if !send(Outcome { job, result }) {
                return;
            }
        }
    }
}

fn has_room(batch: &[Lane<'_>], reader: &Reader<'_>) -> bool {
    // With one lane, no other file has to wait while one waits for a network. A limit on files must count them one by
    // one.
    let lanes = if reader.allowance.counts_files() { 1 } else { LANES };
    batch.len() < lanes && batch.iter().map(|lane| lane.stream.size()).fold(0, u64::saturating_add) < SIDE_BY_SIDE
}

impl<'j> Lane<'j> {
    fn new(stream: Stream<'j>, buffer: Box<[u8]>) -> Self {
        Self { stream, hash: lanes::Md5State::default(), buffer, filled: 0, failed: None }
    }

    /// Reads the next window.
    fn fill(&mut self) {
        match self.stream.window(&mut self.buffer) {
            Ok(filled) => self.filled = filled,
            Err(refusal) => (self.filled, self.failed) = (0, Some(refusal)),
        }
    }

    /// Folds the window in the buffer.
    fn fold(&mut self) {
        if self.failed.is_none() {
            self.failed = self.stream.fold(&self.buffer[..self.filled]).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{Allowance, Limits};
    use crate::base::moment::{Clock, Moment};
    use crate::plugs::PLUGS;
    use crate::read::Caps;
    use crate::source::open::Root;
    use crate::source::stat::Stat;
    use md5::{Digest, Md5};
    use sessionmill_contract::SourceFile;

    /// A folder with files of these sizes, and a job for each and for a file that is missing.
    fn world(sizes: &[usize]) -> (tempfile::TempDir, Vec<Job>) {
        let folder = tempfile::tempdir().unwrap();
        let job = |name: String| Job {
            file: SourceFile::new(name.clone(), "ada"),
            source: 0,
            path: name.into(),
            stat: Stat { size: 0, mtime_ns: 0, ctime_ns: 0, inode: 0 },
            due: vec![0],
            known: None,
        };
        let mut jobs = vec![job("missing".to_owned())];
        for (number, size) in sizes.iter().enumerate() {
            let bytes: Vec<u8> = (0..*size).map(|at| (at / 7 + number) as u8).collect();
            #[expect(clippy::disallowed_methods, reason = "no database is written as a file here")]
            std::fs::write(folder.path().join(number.to_string()), bytes).unwrap();
            jobs.push(job(number.to_string()));
        }
        (folder, jobs)
    }

    #[test]
    fn every_job_has_one_outcome_and_the_hash_of_its_bytes() {
        let sizes = [0, 1, 63, 64, 65, WINDOW - 1, WINDOW, WINDOW + 1, 5 * WINDOW + 100, 2 * WINDOW];
        let (folder, jobs) = world(&[&sizes[..], &sizes[..]].concat());
        let (roots, clock) = ([Root::open(folder.path()).unwrap()], Clock::begin(Moment::now()));
        let (processors, limits) = (PLUGS.processors(), Limits::default());
        let allowance = Allowance::new(&limits, &clock);
        let reader = Reader {
            marks: None,
            roots: &roots,
            processors: &processors,
            caps: Caps::default(),
            allowance: &allowance,
        };
        for threads in 1..4 {
            let queue = Queue::new(&jobs);
            let (sender, outcomes) = std::sync::mpsc::channel();
            std::thread::scope(|scope| {
                for sender in vec![sender; threads] {
                    let (queue, reader) = (&queue, &reader);
                    scope.spawn(move || read(queue, reader, |outcome| sender.send(outcome).is_ok()));
                }
            });
            let mut outcomes: Vec<_> = outcomes.into_iter().collect();
            outcomes.sort_by(|a, b| a.job.path.cmp(&b.job.path));
            let (missing, found) = outcomes.split_last().unwrap();
            assert!(missing.result.is_err());
            assert_eq!(found.len(), 2 * sizes.len(), "with {threads} threads");
            for Outcome { job, result } in found {
                #[expect(clippy::disallowed_methods, reason = "no database is read as a file here")]
                let bytes = std::fs::read(folder.path().join(&job.path)).unwrap();
                assert_eq!(result.as_ref().unwrap().look.hash, *Md5::digest(bytes), "{:?}", job.path);
            }
        }
    }

    #[test]
    fn the_last_jobs_are_shared_out() {
        let (_folder, jobs) = world(&[1; 4]);
        let queue = Queue::new(&jobs);
        let mut taken = 0;
        while queue.take(taken).is_some() {
            taken += 1;
        }
        assert_eq!(taken, 3, "of five, two are left to others");
        assert!(queue.take(0).is_some() && queue.take(0).is_some() && queue.take(0).is_none());
    }
}
