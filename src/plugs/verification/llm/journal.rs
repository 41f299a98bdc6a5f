//! A file beside the database with the model's answers, by the hash of the question. An answer is stored before it is
//! used, so a question is not paid for twice after a crash, in a later run, or with a new database.
//!
//! The file has one line for each call that may have cost something, including failed ones, because the budget of a day
//! is computed from the lines. Calls that did not reach the server, or that the server turned away because of its load
//! or the key, have no line. Lines are appended, so the oldest come first. If the file gets too large or its lines too
//! old, its beginning is cut off. Writers hold the lock of the processor. The file contains quotes, so only its owner
//! can read it.

use crate::base::error::{Error, Result, cause};
use crate::base::lock::beside;
use crate::base::utc;
use crate::plugs::verification::llm::budget::Spent;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use memchr::memmem::Finder;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessionmill_contract::{Failure, FailureClass};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The journal of a database.
#[derive(Debug)]
pub struct AnswerJournal {
    path: PathBuf,
    now: DateTime<Utc>,
    keeps: Keeps,
    /// Opened on first use, under the processor's lock.
    open: Mutex<Option<Open>>,
}

/// The limits of the journal. The calls of the current day are always kept, because they count for the budget.
#[derive(Clone, Copy, Debug)]
pub struct Keeps {
    pub age: TimeDelta,
    pub bytes: u64,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    /// The offset and length of each answer's line.
    answers: HashMap<Box<str>, (u64, usize)>,
    today: Spent,
}

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the format.
    pub version: u32,
    /// Hash of the question.
    pub question: String,
    /// The start of the run (UTC, RFC 3339).
    pub at: String,
    /// The user of the transcript; empty for a judgement, whose answer contains only numbers.
    pub username: String,
    pub model: String,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub micro_usd: u64,
    /// `null` for a failed call.
    pub answer: Value,
}

/// The version of new lines.
pub const VERSION: u32 = 1;

impl AnswerJournal {
    /// The journal of a database, for a run that starts now.
    pub fn new(database: &Path, now: DateTime<Utc>, keeps: Keeps) -> Self {
        Self { path: path(database), now, keeps, open: Mutex::new(None) }
    }

    /// The stored answer to a question.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn answer(&self, question: &str) -> std::result::Result<Option<Value>, Failure> {
        self.with(|open| {
            let Some((start, length)) = open.answers.get(question) else { return Ok(None) };
            let mut line = vec![0; *length];
            open.file.read_exact_at(&mut line, *start)?;
            Ok(Some(serde_json::from_slice::<Entry>(&line)?.answer))
        })
    }

    /// What was spent on this day before this run.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn before(&self) -> std::result::Result<Spent, Failure> {
        self.with(|open| Ok(open.today))
    }

    /// Appends a call. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn keep(&self, entry: &Entry) -> std::result::Result<(), Failure> {
        let mut line = serde_json::to_vec(entry).unwrap_or_default();
        line.push(b'\n');
        self.with(|open| {
            open.file.write_all_at(&line, open.length)?;
            open.file.sync_data()?;
            if !entry.answer.is_null() {
                open.answers.insert(entry.question.as_str().into(), (open.length, line.len()));
            }
            open.length += line.len() as u64;
            Ok(())
        })
    }

    fn with<T>(&self, body: impl FnOnce(&mut Open) -> std::io::Result<T>) -> std::result::Result<T, Failure> {
        let mut open = self.open.lock();
        let result = match open.as_mut() {
            Some(open) => body(open),
            None => {
                let read = || {
                    cut(&self.path, self.now, self.keeps)?;
                    Open::read(&self.path, self.now.date_naive())
                };
                read().and_then(|read| body(open.insert(read)))
            }
        };
        let message =
            |error: std::io::Error| format!("cannot use the journal `{}`: {}", self.path.display(), cause(&error));
        result.map_err(|error| Failure::new(FailureClass::Environment, message(error)))
    }
}

impl Open {
    /// Reads the lines. An incomplete line at the end, left by a crash, is ignored and later overwritten.
    fn read(path: &Path, day: NaiveDate) -> std::io::Result<Self> {
        let file = open(path)?;
        let day = day.to_string();
        let (mut answers, mut today, mut length) = (HashMap::new(), Spent::default(), 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
                if entry.at.starts_with(&day) {
                    let Entry { input_tokens, output_tokens, micro_usd, .. } = entry;
                    today.add(Spent { calls: 1, tokens: input_tokens.saturating_add(output_tokens), micro_usd });
                }
                if entry.version == VERSION && !entry.answer.is_null() {
                    answers.insert(entry.question.into(), (length, line.len()));
                }
            }
            length += line.len() as u64;
            line.clear();
        }
        file.set_len(length)?;
        Ok(Self { file, length, answers, today })
    }
}

/// Cuts the beginning of a journal: calls that are too old, and the oldest calls if the file is too large. It cuts a
/// little more than needed, so that the next runs need not rewrite the file: it starts only when the first call is a
/// day too old or the file is over its limit, and then leaves three quarters of the limit.
fn cut(path: &Path, now: DateTime<Utc>, keeps: Keeps) -> std::io::Result<()> {
    let length = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?.len(),
    };
    let before = |age: TimeDelta| now.checked_sub_signed(age).map(utc::seconds).unwrap_or_default();
    let (oldest, too_old) = (before(keeps.age), before(keeps.age + TimeDelta::days(1)));
    let too_much = if length > keeps.bytes { length - keeps.bytes / 4 * 3 } else { 0 };
    let today = now.date_naive().to_string();
    let mut reader = BufReader::new(open(path)?);
    let (mut line, mut kept_from, mut is_first) = (Vec::new(), 0, true);
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        // Lines that cannot be read are useless, so they count as old.
        let at = serde_json::from_slice::<When>(&line).map(|When { at }| at).unwrap_or_default();
        if is_first && too_much == 0 && at >= too_old {
            return Ok(());
        }
        if at.starts_with(&today) || at >= oldest && kept_from >= too_much {
            break;
        }
        kept_from += line.len() as u64;
        is_first = false;
        line.clear();
    }
    if kept_from == 0 {
        return Ok(());
    }
    let (aside, mut rest) = (beside(path, "new"), open(path)?);
    let _ = std::fs::remove_file(&aside);
    rest.seek(SeekFrom::Start(kept_from))?;
    let mut new = open(&aside)?;
    std::io::copy(&mut rest, &mut new)?;
    new.sync_all()?;
    std::fs::rename(&aside, path)
}

/// The time of a call.
#[derive(Deserialize)]
struct When {
    at: String,
}

/// Removes all calls about these users from a database's journal. Returns their number. The caller holds the lock of
/// the processor.
///
/// # Errors
///
/// If the file cannot be read or replaced.
pub fn forget(database: &Path, usernames: &BTreeSet<&str>) -> Result<u64> {
    let path = path(database);
    // A killed process can have left this file.
    let _ = std::fs::remove_file(beside(&path, "new"));
    if !path.exists() {
        return Ok(0);
    }
    let rewritten = match names(&path, usernames) {
        Ok(false) => return Ok(0),
        Ok(true) => rewrite(&path, usernames),
        Err(error) => Err(error),
    };
    rewritten.map_err(|error| Error::cannot("rewrite", path.display(), error))
}

/// All users with calls in a database's journal.
///
/// # Errors
///
/// If the file cannot be read.
pub fn people(database: &Path) -> Result<BTreeSet<String>> {
    let path = path(database);
    if !path.exists() {
        return Ok(BTreeSet::new());
    }
    let read = || -> std::io::Result<BTreeSet<String>> {
        let mut people = BTreeSet::new();
        for line in BufReader::new(open(&path)?).split(b'\n') {
            match serde_json::from_slice(&line?) {
                // A judgement has no user.
                Ok(About { username }) if !username.is_empty() => _ = people.insert(username),
                _ => {}
            }
        }
        Ok(people)
    };
    read().map_err(|error| Error::cannot("read", path.display(), error))
}

/// The user that a call is about.
#[derive(Deserialize)]
struct About {
    username: String,
}

/// Whether any call is about one of these users.
fn names(path: &Path, usernames: &BTreeSet<&str>) -> std::io::Result<bool> {
    // A cheap search for the names in their JSON form; most lines contain none.
    let written = usernames.iter().filter_map(|username| serde_json::to_string(username).ok());
    let written: Vec<_> = written.map(|name| Finder::new(name.as_bytes()).into_owned()).collect();
    for line in BufReader::new(open(path)?).split(b'\n') {
        let line = line?;
        if !written.iter().any(|name| name.find(&line).is_some()) {
            continue;
        }
        let about = serde_json::from_slice::<About>(&line);
        if about.is_ok_and(|About { username }| usernames.contains(&*username)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the remaining lines to a new file, and replaces the journal with it.
fn rewrite(path: &Path, usernames: &BTreeSet<&str>) -> std::io::Result<u64> {
    let aside = beside(path, "new");
    let _ = std::fs::remove_file(&aside);
    let (old, mut new) = (open(path)?, std::io::BufWriter::new(open(&aside)?));
    let mut forgotten = 0;
    for line in BufReader::new(old).split(b'\n') {
        let line = line?;
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) if !usernames.contains(&*entry.username) => new.write_all(&[&line[..], b"\n"].concat())?,
            Ok(_) => forgotten += 1,
            // The user of a line that cannot be read is unknown, so the line is dropped.
            Err(_) => {}
        }
    }
    new.into_inner()?.sync_all()?;
    std::fs::rename(&aside, path)?;
    Ok(forgotten)
}

fn path(database: &Path) -> PathBuf {
    beside(database, "answers")
}

/// Opens or creates a file that only its owner can read.
fn open(path: &Path) -> std::io::Result<File> {
    #[expect(clippy::disallowed_methods, reason = "the journal, not the database")]
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "no database is read or written as a file here")]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(question: &str, username: &str, answer: Value) -> Entry {
        let at = "1970-01-01T23:59:59Z".to_owned();
        let (question, username, model) = (question.to_owned(), username.to_owned(), "m".to_owned());
        Entry {
            version: VERSION,
            question,
            at,
            username,
            model,
            input_tokens: 7,
            output_tokens: 2,
            micro_usd: 5,
            answer,
        }
    }

    fn journal(folder: &tempfile::TempDir, day: &str) -> AnswerJournal {
        keeping(folder, day, Keeps { age: TimeDelta::days(365), bytes: 1 << 30 })
    }

    fn keeping(folder: &tempfile::TempDir, day: &str, keeps: Keeps) -> AnswerJournal {
        let now = day.parse::<NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc();
        AnswerJournal::new(&folder.path().join("db"), now, keeps)
    }

    const TODAY: &str = "1970-01-01";

    #[test]
    fn an_answer_is_there_for_the_next_run_and_what_it_took_for_its_day() {
        let folder = tempfile::tempdir().unwrap();
        let first = journal(&folder, TODAY);
        assert_eq!(first.answer("a").unwrap(), None);
        first.keep(&entry("a", "ada", json!({"claims": []}))).unwrap();
        first.keep(&entry("b", "bob", Value::Null)).unwrap();
        assert_eq!(first.answer("a").unwrap(), Some(json!({"claims": []})));
        let next = journal(&folder, TODAY);
        assert_eq!(next.answer("a").unwrap(), Some(json!({"claims": []})));
        assert_eq!(next.answer("b").unwrap(), None, "it came to nothing");
        assert_eq!(next.before().unwrap(), Spent { calls: 2, tokens: 18, micro_usd: 10 });
        assert_eq!(journal(&folder, "1970-01-02").before().unwrap(), Spent::default());
    }

    #[test]
    fn a_line_that_was_cut_costs_itself_only() {
        let folder = tempfile::tempdir().unwrap();
        journal(&folder, TODAY).keep(&entry("a", "ada", json!(1))).unwrap();
        let path = path(&folder.path().join("db"));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"not json\n", &whole[..40]].concat()).unwrap();
        let next = journal(&folder, TODAY);
        assert_eq!(next.answer("a").unwrap(), Some(json!(1)));
        next.keep(&entry("b", "ada", json!(2))).unwrap();
        let last = journal(&folder, TODAY);
        assert_eq!([last.answer("a").unwrap(), last.answer("b").unwrap()], [Some(json!(1)), Some(json!(2))]);
    }

    #[test]
    fn what_is_old_goes_and_so_does_the_oldest_of_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder.path().join("db"));
        let keep = |question: &str, at: &str| {
            let entry = Entry { at: at.to_owned(), ..entry(question, "ada", json!("x".repeat(1000))) };
            journal(&folder, TODAY).keep(&entry).unwrap();
        };
        for (question, day) in [("a", 1), ("b", 10), ("c", 20), ("d", 28)] {
            keep(question, &format!("1970-02-{day:02}T10:00:00Z"));
        }
        let known = |journal: &AnswerJournal| {
            ["a", "b", "c", "d"]
                .into_iter()
                .filter(|question| journal.answer(question).unwrap().is_some())
                .collect::<String>()
        };
        let of_days =
            |days: i64, day: &str| known(&keeping(&folder, day, Keeps { age: TimeDelta::days(days), bytes: 1 << 30 }));
        let length = || std::fs::metadata(&path).unwrap().len();
        let (all, line) = (length(), length() / 4);
        assert_eq!((of_days(30, "1970-02-28"), length()), ("abcd".to_owned(), all));
        assert_eq!(of_days(30, "1970-03-03"), "abcd", "a file is not written again for some hours");
        // A process that was killed while it cut the file has left this.
        std::fs::write(beside(&path, "new"), "x\n".repeat(10_000)).unwrap();
        assert_eq!((of_days(30, "1970-03-05"), length()), ("bcd".to_owned(), all - line));
        assert_eq!(of_days(15, "1970-03-05"), "cd");
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        keep("a", "1970-03-06T09:00:00Z");
        keep("b", "1970-03-06T10:00:00Z");
        let of_bytes = |bytes: u64| known(&keeping(&folder, "1970-03-06", Keeps { age: TimeDelta::days(365), bytes }));
        assert_eq!(of_bytes(4 * line + 8), "abcd", "it is no larger than it may be");
        assert_eq!(of_bytes(4 * line - 8), "ab", "of too much, a quarter of the size is left free");
        assert_eq!(of_bytes(10), "ab", "the calls of the day are counted");
        std::fs::write(&path, [b"no entry\n", &*std::fs::read(&path).unwrap()].concat()).unwrap();
        assert_eq!((of_bytes(1 << 30), length()), ("ab".to_owned(), 2 * line));
    }

    #[test]
    fn a_person_is_forgotten() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let forget = |username| forget(&folder.path().join("db"), &BTreeSet::from([username])).unwrap();
        assert_eq!(forget("ada"), 0);
        for (question, username) in [("a", "ada"), ("b", "bob"), ("c", "ada")] {
            journal(&folder, TODAY).keep(&entry(question, username, json!("quote"))).unwrap();
        }
        assert_eq!([forget("eve"), forget("ada"), forget("ada")], [0, 2, 0]);
        let next = journal(&folder, TODAY);
        assert_eq!([next.answer("a").unwrap(), next.answer("b").unwrap()], [None, Some(json!("quote"))]);
        let path = path(&folder.path().join("db"));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("ada"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
