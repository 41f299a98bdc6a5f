//! Events that were accepted and that no run has read yet, and whether further events may join them. Only admins may
//! send events of tasks of other users. The owner of a task is whoever sent its earliest event, so a foreign event with
//! an earlier time would take the task over.
//!
//! The database knows what a run has read. What this process has accepted since is kept here, until the ledger says that
//! a run has read that part of the file. After a restart, it is read from the files. Not protected are tasks whose
//! events are in files that others write and that no run has read yet.

use super::accounts::token::Scope;
use super::accounts::user::Role;
use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use crate::base::error::Result;
use crate::dialect;
use crate::identities::Identities;
use crate::plug::call::Viewer;
use crate::source::events::{EventJournal, Extent};
use crate::source::real;
use crate::store::reader::Reader;
use crate::store::rows::key_hash;
use crate::store::snapshot::Snapshot;
use crate::store::{Version, known};
use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, Utc};
use sessionmill_contract::{Event, TaskEvent};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was accepted and no run has read.
#[derive(Default)]
pub(crate) struct Unread {
    /// Whether it has what was in the files when the process started.
    is_loaded: bool,
    /// The state of the database by which parts were dropped last.
    version: Option<Version>,
    tasks: HashMap<String, Vec<Part>>,
}

/// What the events of a task in one file say.
struct Part {
    file: LogFile,
    /// A run that has read this much has read the events.
    until: Extent,
    said: TaskSaid,
}

/// A user's file of a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LogFile {
    folder: String,
    day: NaiveDate,
}

/// What events say about a task. Which of the short ids and types counts is only known when all events are.
#[derive(Clone, Debug, Default)]
struct TaskSaid {
    /// The time of the earliest event.
    begin: Option<DateTime<Utc>>,
    short_ids: BTreeSet<String>,
    /// Hashes of types and of names that serve as types.
    types: BTreeSet<i64>,
    /// Hashes of source and id of each event, with the event's number in its request.
    events: BTreeMap<i64, u64>,
}

impl TaskSaid {
    fn join(&mut self, other: Self) {
        self.begin = self.begin.into_iter().chain(other.begin).min();
        self.short_ids.extend(other.short_ids);
        self.types.extend(other.types);
        self.events.extend(other.events);
    }

    /// The memory that it takes, about.
    fn size(&self) -> usize {
        let short_ids: usize = self.short_ids.iter().map(|short_id| short_id.len() + 64).sum();
        short_ids + 32 * (self.types.len() + self.events.len()) + 256
    }
}

/// The tasks that a request names, each with the number of the first event that names it.
#[derive(Debug, Default)]
pub(crate) struct Named(HashMap<String, (u64, TaskSaid)>);

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

fn event_hash(source: &str, id: &str) -> i64 {
    key_hash(&format!("{} {source}{id}", source.len()))
}

/// The most memory for the unread events of one user, in bytes.
const MOST: usize = 64 << 20;

/// Why events are refused. The number is that of the first refused event.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// The event is about a task of another user.
    Task(u64),
    /// An event of another user for the same task has the same source and id, and only one of them would count.
    Copy(u64),
    /// The event would release held tasks of other users.
    Release(u64),
    Full,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Task(number) => Self::forbidden(format!("event {number} is of a task that is not yours")),
            Refusal::Copy(number) => {
                let detail = format!("event {number} has the `source` and `id` of an event that is not yours");
                Self::new(StatusCode::CONFLICT, detail)
            }
            Refusal::Release(number) => {
                Self::forbidden(format!("event {number} is of a task that would release tasks that are not yours"))
            }
            Refusal::Full => {
                Self::unavailable("too many of your events of tasks wait to be read: send this after the next run")
            }
        }
    }
}

impl Unread {
    /// Reads what is in the files of these users and no run has read.
    fn load(&mut self, app: &App, root: &Path, users: &BTreeSet<String>, reader: Option<Reader<'_>>) -> Result<()> {
        self.tasks.clear();
        let mut files = Vec::new();
        for folder in users {
            let Some(journal) = EventJournal::existing(root, folder)? else { continue };
            for (day, whole) in journal.days()? {
                files.push((LogFile { folder: folder.clone(), day }, whole));
            }
        }
        let read = read_to(app, root, files.iter().map(|(file, _)| file), reader)?;
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

    fn add(&mut self, file: &LogFile, until: Extent, named: Named) {
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
    fn drop_read(&mut self, app: &App, root: &Path, reader: Option<Reader<'_>>) -> Result<()> {
        let files: HashSet<_> = self.tasks.values().flatten().map(|part| &part.file).collect();
        let read = read_to(app, root, files.into_iter(), reader)?;
        self.tasks.retain(|_, parts| {
            parts.retain(|part| {
                let read = read.get(&part.file).filter(|read| read.inode == part.until.inode);
                read.is_none_or(|read| read.bytes < part.until.bytes)
            });
            !parts.is_empty()
        });
        Ok(())
    }

    fn of(&self, task: &str) -> &[Part] {
        self.tasks.get(task).map_or(&[], Vec::as_slice)
    }

    /// The folder of the earliest event of a task.
    fn owner(&self, task: &str) -> Option<&str> {
        self.of(task).iter().min_by_key(|part| part.said.begin).map(|part| part.file.folder.as_str())
    }

    /// The memory that the events of a user take, about.
    fn size(&self, folder: &str) -> usize {
        let sizes = self.tasks.iter().flat_map(|(task, parts)| {
            let own = parts.iter().filter(|part| part.file.folder == folder);
            own.map(|part| task.len() + part.said.size())
        });
        sizes.sum()
    }
}

/// How far these files were read by all processors that read tasks.
fn read_to<'f>(
    app: &App,
    root: &Path,
    files: impl Iterator<Item = &'f LogFile>,
    reader: Option<Reader<'_>>,
) -> Result<HashMap<LogFile, Extent>> {
    let root = real(root);
    let path = |file: &LogFile| root.join(&file.folder).join(format!("{}.jsonl", file.day)).display().to_string();
    let mut files: HashMap<String, LogFile> = files.map(|file| (path(file), file.clone())).collect();
    let Some(reader) = reader.filter(|_| !files.is_empty()) else { return Ok(HashMap::new()) };
    let paths: Vec<_> = files.keys().cloned().collect();
    let processors: Vec<_> = app.plugs.iter().filter(|plug| plug.task_events.is_some()).collect();
    let mut read: Vec<HashMap<String, Extent>> = Vec::new();
    for plug in processors {
        read.push(known::read_to(reader, plug.name(), &paths)?);
    }
    let Some((first, others)) = read.split_first() else { return Ok(HashMap::new()) };
    let of_all = first.iter().filter(|(path, extent)| others.iter().all(|other| other.get(*path) == Some(*extent)));
    Ok(of_all.filter_map(|(path, extent)| Some((files.remove(path)?, *extent))).collect())
}

impl App {
    /// Appends events to the caller's file of a day, unless they would change tasks of other users. Returns their
    /// number.
    pub(crate) async fn append(
        self: &Arc<Self>,
        caller: &Caller,
        root: PathBuf,
        day: NaiveDate,
        lines: Vec<String>,
        named: Named,
    ) -> std::result::Result<usize, Problem> {
        let file = LogFile { folder: caller.user.name.clone(), day };
        if named.0.is_empty() {
            return self.blocking(move || Ok(append(&root, &file, &lines)?.1)).await;
        }
        // Locked until the events are on disk: of two requests at the same time, the second one is compared with the
        // first. It is also locked before the database is opened, so that nothing is dropped that this view of the
        // database does not show.
        let mut unread = Arc::clone(&self.unread).lock_owned().await;
        let mut users = BTreeSet::from([self.login.clone(), file.folder.clone()]);
        if !unread.is_loaded {
            users.extend(self.accounts.users(self.micros()).await?.into_iter().map(|user| user.name));
        }
        let viewer = caller.viewer();
        let is_admin = caller.require(Scope::Admin).is_ok() && caller.require_role(&[Role::Admin]).is_ok();
        let has_database = self.database.try_exists().unwrap_or(true) || Snapshot::newest(&self.database).is_some();
        let version = if has_database { Some(self.version()?) } else { None };
        let (app, root_of_files) = (Arc::clone(self), root.clone());
        let check = move |reader: Option<Reader<'_>>| {
            if !unread.is_loaded {
                unread.load(&app, &root_of_files, &users, reader)?;
            } else if unread.version != version {
                unread.drop_read(&app, &root_of_files, reader)?;
            }
            unread.version = version;
            let refusal = app.refusal(reader, &unread, &viewer, is_admin, &named)?;
            Ok((unread, named, refusal))
        };
        let (mut unread, named, refusal) = match has_database {
            true => self.read(move |reader| check(Some(reader))).await?,
            false => self.work(move || check(None)).await?,
        };
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        self.blocking(move || {
            // If only some of the lines are in the file, the next request reads it.
            let was_loaded = std::mem::replace(&mut unread.is_loaded, false);
            let (until, accepted) = append(&root, &file, &lines)?;
            unread.add(&file, until, named);
            unread.is_loaded = was_loaded;
            Ok(accepted)
        })
        .await
    }

    /// Runs code that may block on a file of events.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        Ok(done.map_err(|_| Problem::unavailable("the events could not be appended"))??)
    }

    /// Why events are refused, if they are.
    fn refusal(
        &self,
        reader: Option<Reader<'_>>,
        unread: &Unread,
        viewer: &Viewer,
        is_admin: bool,
        Named(named): &Named,
    ) -> Result<Option<Refusal>> {
        let identities = Identities::given(self.config.identities.as_deref())?;
        let mut owned: HashMap<String, bool> = HashMap::new();
        let mut owns =
            |folder: &str| *owned.entry(folder.to_owned()).or_insert_with(|| viewer.owns(folder, &identities));
        let (mut tasks, mut copies, mut known) = (Vec::new(), Vec::new(), HashSet::new());
        // All that is said about the tasks, by anybody.
        let mut all: HashMap<&str, TaskSaid> = HashMap::new();
        for (task, (_, said)) in named {
            let all = all.entry(task).or_insert_with(|| said.clone());
            for part in unread.of(task) {
                if !owns(&part.file.folder) {
                    let both = said.events.iter().filter(|(event, _)| part.said.events.contains_key(event));
                    copies.extend(both.map(|(_, number)| *number));
                }
                all.join(part.said.clone());
            }
        }
        let ids: Vec<_> = named.keys().cloned().collect();
        for events_of in self.plugs.iter().filter_map(|plug| plug.task_events) {
            let Some(reader) = reader else { continue };
            events_of(reader, &ids, &mut |event| {
                let Some((number, said)) = named.get(&event.task_id) else { return };
                if !owns(&event.owner) {
                    tasks.push(*number);
                }
                let key = event.event_id.map(|id| event_hash(&event.source, &id));
                if let Some(number) = key.and_then(|key| said.events.get(&key))
                    && !owns(&event.folder)
                {
                    copies.push(*number);
                }
                if let Some(all) = all.get_mut(event.task_id.as_str()) {
                    all.short_ids.extend(event.short_id);
                    all.types.extend(event.task_type.as_deref().map(key_hash));
                }
                known.insert(event.task_id);
            })?;
        }
        let short_ids: Vec<_> = all.values().flat_map(|said| &said.short_ids).cloned().collect();
        // By short id and hash of the releasing type: whether the user owns one of the held tasks.
        let mut held: HashMap<(String, i64), bool> = HashMap::new();
        for held_tasks in self.plugs.iter().filter_map(|plug| plug.held_tasks) {
            let Some(reader) = reader else { continue };
            held_tasks(reader, &short_ids, &mut |short_id, releasing, folder| {
                *held.entry((short_id, key_hash(&releasing))).or_default() |= owns(&folder);
            })?;
        }
        let releases = held.iter().filter(|(_, is_own)| !**is_own).flat_map(|((short_id, releasing), _)| {
            let tasks =
                all.iter().filter(move |(_, said)| said.short_ids.contains(short_id) && said.types.contains(releasing));
            tasks.filter_map(|(task, _)| named.get(*task)).map(|(number, _)| *number)
        });
        let release = releases.min().filter(|_| !is_admin).map(Refusal::Release);
        let unknown = named.iter().filter(|(task, _)| !known.contains(*task));
        let owners = unknown.filter_map(|(task, (number, _))| Some((unread.owner(task)?, *number)));
        tasks.extend(owners.filter(|(owner, _)| !owns(owner)).map(|(_, number)| number));
        let task = tasks.into_iter().min().filter(|_| !is_admin).map(Refusal::Task);
        let refused = task.or(release).or_else(|| copies.into_iter().min().map(Refusal::Copy));
        if refused.is_some() {
            return Ok(refused);
        }
        let new: usize = named.iter().map(|(task, (_, said))| task.len() + said.size()).sum();
        Ok((unread.size(&viewer.name) + new > MOST).then_some(Refusal::Full))
    }
}

/// Appends lines, and returns how far the file was written and the number of lines.
fn append(root: &Path, file: &LogFile, lines: &[String]) -> Result<(Extent, usize)> {
    let until = EventJournal::open(root, &file.folder)?.append_all(file.day, lines)?;
    Ok((until, lines.len()))
}
