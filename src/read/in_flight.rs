//! Which files are being read right now, written where the death of the process does not erase it.
//!
//! A processor's bug can end the whole process: an abort, the end of the stack, the end of memory. The
//! next pass finds the marks of the files that were in flight, tries each in a process of its own, and
//! parks the one that kills that too. The marks live in the page cache; nothing is synced, because it
//! is the process that dies and not the machine.
//!
//! While a file waits for a network, it has no mark: a process that ends then says nothing about the file. What
//! is computed before and after the wait has one again.

use crate::base::error::{Error, Result, cause};
use crate::base::lock::{self, beside};
use crate::read::job::Job;
use md5::{Digest, Md5};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// MD5 of a source file's name: marks are of one size and tell nothing to others.
type Mark = [u8; 16];

const NO_MARK: Mark = [0; 16];

/// The marks of one pass, a slot for each file that is being read.
#[derive(Debug)]
pub struct Flight {
    file: Arc<File>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<u64>,
    count: u64,
}

/// A mark. Dropping it takes it away.
#[derive(Debug)]
pub struct InFlight<'f> {
    flight: &'f Flight,
    slot: u64,
    mark: Mark,
}

/// A mark that is taken away for a wait. Dropping it ends what [`computing`] does for this thread.
#[derive(Debug)]
pub struct Waiting(());

thread_local! {
    /// The mark of the file that this thread waits with.
    static WAITING: RefCell<Option<(Arc<File>, u64, Mark)>> = const { RefCell::new(None) };
}

/// Computes something about the file that this thread waits with, under the file's mark.
pub fn computing<T>(body: impl FnOnce() -> T) -> T {
    let Some((file, slot, mark)) = WAITING.with_borrow(Clone::clone) else { return body() };
    write(&file, slot, mark);
    let result = body();
    write(&file, slot, NO_MARK);
    result
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.set(None);
    }
}

impl Flight {
    /// Opens the marks of a processor's pass, which holds the processor's lock. Returns them with the
    /// marks that the last pass left.
    ///
    /// # Errors
    ///
    /// If the file beside the database cannot be read.
    pub fn open(database: &Path, processor: &str) -> Result<(Self, Suspects)> {
        let path = beside(database, &format!("{processor}.flight"));
        let mut file = lock::file(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| Error::cannot("read", path.display(), cause(&error)))?;
        let (marks, _) = bytes.as_chunks();
        let marks = marks.iter().copied().filter(|mark| *mark != NO_MARK).collect();
        Ok((Self { file: Arc::new(file), slots: Mutex::default() }, Suspects(marks)))
    }

    /// Forgets the marks of the last pass.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn clear(&self) -> Result<()> {
        self.file.set_len(0).map_err(|error| Error::cannot("write", "the marks of files in flight", cause(&error)))
    }

    /// Marks a file before its first byte is read.
    pub fn begin(&self, session_file: &str) -> InFlight<'_> {
        let slot = {
            let mut slots = self.slots.lock();
            slots.free.pop().unwrap_or_else(|| {
                slots.count += 1;
                slots.count - 1
            })
        };
        let mark = mark(session_file);
        write(&self.file, slot, mark);
        InFlight { flight: self, slot, mark }
    }
}

/// A mark that cannot be written is no reason not to read the file.
fn write(file: &File, slot: u64, mark: Mark) {
    if let Err(error) = file.write_all_at(&mark, slot * mark.len() as u64) {
        tracing::debug!(error = cause(&error), "cannot mark a file as in flight");
    }
}

impl InFlight<'_> {
    /// Takes the mark away while this thread waits for a network.
    #[must_use]
    pub fn wait(&self) -> Waiting {
        write(&self.flight.file, self.slot, NO_MARK);
        WAITING.set(Some((Arc::clone(&self.flight.file), self.slot, self.mark)));
        Waiting(())
    }

    /// Leaves the mark to the next pass.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        write(&self.flight.file, self.slot, NO_MARK);
        self.flight.slots.lock().free.push(self.slot);
    }
}

/// What was being read when the last pass died.
#[derive(Debug, Default)]
pub struct Suspects(HashSet<Mark>);

impl Suspects {
    /// Takes the suspects out of the jobs, and those who ended a process before.
    pub fn take(&self, jobs: &mut Vec<Job>) -> Vec<Job> {
        let is_marked = |job: &Job| !self.0.is_empty() && self.0.contains(&mark(&job.file.session_file));
        jobs.extract_if(.., |job| job.has_crashed() || is_marked(job)).collect()
    }
}

fn mark(session_file: &str) -> Mark {
    Md5::digest(session_file).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        let left = || Flight::open(&database, "count").unwrap().1.0;
        let (flight, suspects) = Flight::open(&database, "count").unwrap();
        assert!(suspects.0.is_empty());
        let (first, second) = (flight.begin("ada/a.jsonl"), flight.begin("ada/b.jsonl"));
        assert_eq!(left(), HashSet::from([mark("ada/a.jsonl"), mark("ada/b.jsonl")]));
        drop(first);
        let third = flight.begin("ada/c.jsonl");
        assert_eq!(left(), HashSet::from([mark("ada/b.jsonl"), mark("ada/c.jsonl")]));
        drop((second, third));
        assert!(left().is_empty());
    }

    #[test]
    fn a_file_that_waits_has_a_mark_only_while_something_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        let left = || Flight::open(&database, "asking").unwrap().1.0;
        let (flight, _) = Flight::open(&database, "asking").unwrap();
        let file = flight.begin("ada/a.jsonl");
        let marked = HashSet::from([mark("ada/a.jsonl")]);
        let waiting = file.wait();
        assert!(left().is_empty());
        assert_eq!((computing(left), left().len()), (marked, 0));
        drop(waiting);
        assert!(computing(left).is_empty(), "it is over");
    }
}
