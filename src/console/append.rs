//! Appends events that programs send, unless they would change tasks of other users. Only admins may send events of
//! tasks of other users. The owner of a task is whoever sent its earliest event, so a foreign event with an earlier time
//! would take the task over.
//!
//! An event is compared with what the database shows and with the events that no run has read yet. Not protected are
//! tasks whose events are in files that others write and that no run has read yet.

use super::accounts::token::Scope;
use super::accounts::user::Role;
use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use super::unread::{LogFile, Named, TaskSaid, Unread, event_hash};
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plug::call::Viewer;
use crate::source::events::{EventJournal, Extent};
use crate::store::reader::Reader;
use crate::store::rows::key_hash;
use crate::store::snapshot::Snapshot;
use axum::http::StatusCode;
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
                unread.load(app.plugs, &root_of_files, &users, reader)?;
            } else if unread.version != version {
                unread.drop_read(app.plugs, &root_of_files, reader)?;
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
