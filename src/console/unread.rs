//! Events that were accepted and that no run has read yet.
//!
//! The database knows what a run has read. What this process has accepted since is kept here, until the ledger says that
//! a run has read that part of the file. After a restart, it is read from the files. Not known are events in files that
//! others write and that no run has read yet.

use crate::base::error::Result;
use crate::dialect;
use crate::plug::Plugs;
use crate::source::events::{EventJournal, Extent};
use crate::source::real;
use crate::store::reader::Reader;
use crate::store::rows::key_hash;
use crate::store::{Version, known};
use chrono::{DateTime, NaiveDate, Utc};
use sessionmill_contract::{Event, TaskEvent};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

/// What was accepted and no run has read.
#[derive(Default)]
pub(crate) struct Unread {
    /// Whether it has what was in the files when the process started.
    pub(super) is_loaded: bool,
    /// The state of the database by which parts were dropped last.
    pub(super) version: Option<Version>,
    tasks: HashMap<String, Vec<Part>>,
}

/// What the events of a task in one file say.
pub(super) struct Part {
    pub(super) file: LogFile,
    /// A run that has read this much has read the events.
    until: Extent,
    pub(super) said: TaskSaid,
}

/// A user's file of a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LogFile {
    pub(super) folder: String,
    pub(super) day: NaiveDate,
}

/// What events say about a task. Which of the short ids and types counts is only known when all events are.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskSaid {
    /// The time of the earliest event.
    begin: Option<DateTime<Utc>>,
    pub(super) short_ids: BTreeSet<String>,
    /// Hashes of types and of names that serve as types.
    pub(super) types: BTreeSet<i64>,
    /// Hashes of source and id of each event, with the event's number in its request.
    pub(super) events: BTreeMap<i64, u64>,
}

impl TaskSaid {
    pub(super) fn join(&mut self, other: Self) {
        self.begin = self.begin.into_iter().chain(other.begin).min();
        self.short_ids.extend(other.short_ids);
        self.types.extend(other.types);
        self.events.extend(other.events);
    }

    /// The memory that it takes, about.
    pub(super) fn size(&self) -> usize {
        let short_ids: usize = self.short_ids.iter().map(|short_id| short_id.len() + 64).sum();
        short_ids + 32 * (self.types.len() + self.events.len()) + 256
    }
}

/// The tasks that a request names, each with the number of the first event that names it.
#[derive(Debug, Default)]
pub(crate) struct Named(pub(super) HashMap<String, (u64, TaskSaid)>);

impl Named {
    pub(crate) fn add(&mut self, number: u64, event: &Event<'_>, task: &TaskEvent<'_>) {
        let (_, said) = self.0.entry(task.task_id.to_owned()).or_insert_with(|| (number, TaskSaid::default()));
        said.begin = said.begin.into_iter().chain(event.time).min();
        said.short_ids.extend(task.short_id.map(str::to_owned));
        said.types.extend(task.task_type.or(task.task_name).map(key_hash));
        if let Some(id) = event.id {
            said.events.entry(event_hash(task.source, id)).or_insert(number);
        }
    }
}

/// A hash of the source and id of an event.
pub(super) fn event_hash(source: &str, id: &str) -> i64 {
    key_hash(&format!("{} {source}{id}", source.len()))
}

impl Unread {
    /// Reads what is in the files of these users and no run has read.
    pub(super) fn load(
        &mut self,
        plugs: Plugs,
        root: &Path,
        users: &BTreeSet<String>,
        reader: Option<Reader<'_>>,
    ) -> Result<()> {
        self.tasks.clear();
        let mut files = Vec::new();
        for folder in users {
            let Some(journal) = EventJournal::existing(root, folder)? else { continue };
            for (day, whole) in journal.days()? {
                files.push((LogFile { folder: folder.clone(), day }, whole));
            }
        }
        let read = read_to(plugs, root, files.iter().map(|(file, _)| file), reader)?;
        for (file, whole) in files {
            let known = read.get(&file).filter(|read| read.inode == whole.inode);
            let from = known.map_or(0, |read| read.bytes);
            let journal = EventJournal::existing(root, &file.folder)?.filter(|_| from < whole.bytes);
            let Some(journal) = journal else { continue };
            let mut named = Named::default();
            let mut lines = dialect::Reader::default();
            let until = journal.read(file.day, from, &mut |line| {
                let take = &mut |event: &Event<'_>| {
                    if let sessionmill_contract::Said::Task(task) = event.said {
                        named.add(0, event, task);
                    }
                };
                lines.line(0, 0, line, take);
                dialect::Reader::every(0, line, take);
            })?;
            self.add(&file, until, named);
        }
        self.is_loaded = true;
        Ok(())
    }

    pub(super) fn add(&mut self, file: &LogFile, until: Extent, named: Named) {
        for (task, (_, said)) in named.0 {
            let parts = self.tasks.entry(task).or_default();
            match parts.iter_mut().find(|part| part.file == *file && part.until.inode == until.inode) {
                Some(part) => {
                    part.until.bytes = part.until.bytes.max(until.bytes);
                    part.said.join(said);
                }
                None => parts.push(Part { file: file.clone(), until, said }),
            }
        }
    }

    /// Drops what a run has read.
    pub(super) fn drop_read(&mut self, plugs: Plugs, root: &Path, reader: Option<Reader<'_>>) -> Result<()> {
        let files: HashSet<_> = self.tasks.values().flatten().map(|part| &part.file).collect();
        let read = read_to(plugs, root, files.into_iter(), reader)?;
        self.tasks.retain(|_, parts| {
            parts.retain(|part| {
                let read = read.get(&part.file).filter(|read| read.inode == part.until.inode);
                read.is_none_or(|read| read.bytes < part.until.bytes)
            });
            !parts.is_empty()
        });
        Ok(())
    }

    pub(super) fn of(&self, task: &str) -> &[Part] {
        self.tasks.get(task).map_or(&[], Vec::as_slice)
    }

    /// The folder of the earliest event of a task.
    pub(super) fn owner(&self, task: &str) -> Option<&str> {
        self.of(task).iter().min_by_key(|part| part.said.begin).map(|part| part.file.folder.as_str())
    }

    /// The memory that the events of a user take, about.
    pub(super) fn size(&self, folder: &str) -> usize {
        let sizes = self.tasks.iter().flat_map(|(task, parts)| {
            let own = parts.iter().filter(|part| part.file.folder == folder);
            own.map(|part| task.len() + part.said.size())
        });
        sizes.sum()
    }
}

/// How far these files were read by all processors that read tasks.
fn read_to<'f>(
    plugs: Plugs,
    root: &Path,
    files: impl Iterator<Item = &'f LogFile>,
    reader: Option<Reader<'_>>,
) -> Result<HashMap<LogFile, Extent>> {
    let root = real(root);
    let path = |file: &LogFile| root.join(&file.folder).join(format!("{}.jsonl", file.day)).display().to_string();
    let mut files: HashMap<String, LogFile> = files.map(|file| (path(file), file.clone())).collect();
    let Some(reader) = reader.filter(|_| !files.is_empty()) else { return Ok(HashMap::new()) };
    let paths: Vec<_> = files.keys().cloned().collect();
    let processors: Vec<_> = plugs.iter().filter(|plug| plug.task_events.is_some()).collect();
    let mut read: Vec<HashMap<String, Extent>> = Vec::new();
    for plug in processors {
        read.push(known::read_to(reader, plug.name(), &paths)?);
    }
    let Some((first, others)) = read.split_first() else { return Ok(HashMap::new()) };
    let of_all = first.iter().filter(|(path, extent)| others.iter().all(|other| other.get(*path) == Some(*extent)));
    Ok(of_all.filter_map(|(path, extent)| Some((files.remove(path)?, *extent))).collect())
}
