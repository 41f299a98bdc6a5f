//! Marks the files that are being read, in files that survive the death of the process.
//!
//! A bug of a processor can kill the whole process: by an abort, a stack overflow, or a lack of memory. The next pass
//! finds the marks of the files that were being read, reads each of them in a separate process first, and does not read
//! one that kills this process, too. The marks are not synced to disk: they survive in the page cache when a process
//! dies, and need not survive the machine.
//!
//! While a file waits for a network, it has no mark, because the file is not to blame if the process ends then.
//! Computations before and after the wait are marked.

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

/// The MD5 of a source file's name. So all marks have the same size, and do not reveal names.
type Mark = [u8; 16];

const NO_MARK: Mark = [0; 16];

/// The marks of one pass, with a slot for each file that is being read.
#[derive(Debug)]
pub struct Marks {
    /// One file of marks per processor of the pass, so that the next pass of any of them finds the marks.
    files: Arc<[File]>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    free: Vec<u64>,
    count: u64,
}

/// The mark of a file. Dropping it removes the mark.
#[derive(Debug)]
pub struct InFlight<'f> {
    marks: &'f Marks,
    slot: u64,
    mark: Mark,
}

/// The files of marks, a slot, and the mark that was in it.
type Taken = (Arc<[File]>, u64, Mark);

/// A guard while this thread waits for the network. While it exists, the file has no mark, except within [`computing`].
#[derive(Debug)]
pub struct Waiting(());

thread_local! {
    /// The mark of the file for which this thread waits.
    static WAITING: RefCell<Option<Taken>> = const { RefCell::new(None) };
}

/// Runs `body` under the mark of the file for which this thread waits. Without such a file, only runs `body`.
pub fn computing<T>(body: impl FnOnce() -> T) -> T {
    let Some((files, slot, mark)) = WAITING.with_borrow(Clone::clone) else { return body() };
    write(&files, slot, mark);
    let result = body();
    write(&files, slot, NO_MARK);
    result
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.set(None);
    }
}

impl Marks {
    /// Opens the files of marks of these processors; the caller holds their locks. Returns them with the marks that the
    /// last pass of each processor has left. That need not be the same pass for all.
    ///
    /// # Errors
    ///
    /// If a file of marks cannot be opened or read.
    pub fn open(database: &Path, processors: &[&str]) -> Result<(Self, Suspects)> {
        let (mut files, mut marked) = (Vec::new(), HashSet::new());
        for processor in processors {
            let path = beside(database, &format!("{processor}.flight"));
            let mut file = lock::file(&path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|error| Error::cannot("read", path.display(), error))?;
            let (marks, _) = bytes.as_chunks();
            marked.extend(marks.iter().copied().filter(|mark| *mark != NO_MARK));
            files.push(file);
        }
        Ok((Self { files: files.into(), slots: Mutex::default() }, Suspects(marked)))
    }

    /// Removes the marks of earlier passes.
    ///
    /// # Errors
    ///
    /// If a file of marks cannot be written.
    pub fn clear(&self) -> Result<()> {
        let cleared = self.files.iter().try_for_each(|file| file.set_len(0));
        cleared.map_err(|error| Error::cannot("write", "the marks of files in flight", error))
    }

    /// Marks a file. Called before its first byte is read.
    pub fn begin(&self, session_file: &str) -> InFlight<'_> {
        let slot = {
            let mut slots = self.slots.lock();
            slots.free.pop().unwrap_or_else(|| {
                slots.count += 1;
                slots.count - 1
            })
        };
        let mark = mark(session_file);
        write(&self.files, slot, mark);
        InFlight { marks: self, slot, mark }
    }
}

/// Writes a mark. An error is only logged: the file can be read without a mark.
fn write(files: &[File], slot: u64, mark: Mark) {
    for file in files {
        if let Err(error) = file.write_all_at(&mark, slot * mark.len() as u64) {
            tracing::debug!(error = cause(&error), "cannot mark a file as in flight");
        }
    }
}

impl InFlight<'_> {
    /// Removes the mark while this thread waits for a network.
    #[must_use]
    pub fn wait(&self) -> Waiting {
        write(&self.marks.files, self.slot, NO_MARK);
        WAITING.set(Some((Arc::clone(&self.marks.files), self.slot, self.mark)));
        Waiting(())
    }

    /// Leaves the mark in place for the next pass.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        write(&self.marks.files, self.slot, NO_MARK);
        self.marks.slots.lock().free.push(self.slot);
    }
}

/// The files that were being read when an earlier pass died.
#[derive(Debug, Default)]
pub struct Suspects(HashSet<Mark>);

impl Suspects {
    /// Splits jobs into suspects and others. Suspects are files with a mark, and files that have killed a process
    /// before.
    pub fn part(&self, jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
        let is_marked = |job: &Job| !self.0.is_empty() && self.0.contains(&mark(&job.file.session_file));
        jobs.into_iter().partition(|job| job.has_crashed() || is_marked(job))
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
        let left = || Marks::open(&database, &["count"]).unwrap().1.0;
        let (marks, suspects) = Marks::open(&database, &["count"]).unwrap();
        assert!(suspects.0.is_empty());
        let (first, second) = (marks.begin("ada/a.jsonl"), marks.begin("ada/b.jsonl"));
        assert_eq!(left(), HashSet::from([mark("ada/a.jsonl"), mark("ada/b.jsonl")]));
        drop(first);
        let third = marks.begin("ada/c.jsonl");
        assert_eq!(left(), HashSet::from([mark("ada/b.jsonl"), mark("ada/c.jsonl")]));
        drop((second, third));
        assert!(left().is_empty());
    }

    #[test]
    fn each_processor_of_a_pass_finds_the_marks_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        let (marks, _) = Marks::open(&database, &["count", "sum"]).unwrap();
        let _mark = marks.begin("ada/a.jsonl");
        for name in ["count", "sum"] {
            assert_eq!(Marks::open(&database, &[name]).unwrap().1.0, HashSet::from([mark("ada/a.jsonl")]), "{name}");
        }
        marks.clear().unwrap();
        assert!(Marks::open(&database, &["sum"]).unwrap().1.0.is_empty());
    }

    #[test]
    fn a_file_that_waits_has_a_mark_only_while_something_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        let left = || Marks::open(&database, &["asking"]).unwrap().1.0;
        let (marks, _) = Marks::open(&database, &["asking"]).unwrap();
        let file = marks.begin("ada/a.jsonl");
        let marked = HashSet::from([mark("ada/a.jsonl")]);
        let waiting = file.wait();
        assert!(left().is_empty());
        assert_eq!((computing(left), left().len()), (marked, 0));
        drop(waiting);
        assert!(computing(left).is_empty(), "it is over");
    }
}
