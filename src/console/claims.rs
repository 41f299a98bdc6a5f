//! Checks who owns the tasks that sent events name. Only admins may send events for tasks of other users. The owner of
//! a task is whoever sent its earliest event, so a foreign event with an earlier time would take the task over.
//!
//! The database knows the tasks that a run has read. Until then, a task belongs to the user who first sent an event of
//! it to this process. Not protected in that time are tasks whose events came from files that no run has read yet, or
//! that were sent before the console was restarted.

use super::accounts::token::Scope;
use super::accounts::user::Role;
use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plug::call::Viewer;
use crate::store::reader::Reader;
use crate::store::snapshot::Snapshot;
use axum::http::StatusCode;
use sessionmill_contract::TaskEvent;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The first sender of each task that no run has read yet.
pub(crate) type Claims = HashMap<String, String>;

/// The most unread tasks of one user.
const MOST: usize = 100_000;

/// The tasks and events that a request names, each with the number of the first event that names it.
#[derive(Debug, Default)]
pub(crate) struct Named {
    tasks: HashMap<String, u64>,
    /// By task, source and id.
    events: HashMap<(String, String, String), u64>,
    groups: HashMap<String, Group>,
}

/// The short ids and types that events give a task. Which of them count is only known when all of its events are.
#[derive(Clone, Debug, Default)]
struct Group {
    short_ids: BTreeSet<String>,
    types: BTreeSet<String>,
}

impl Group {
    fn add(&mut self, short_id: Option<&str>, task_type: Option<&str>) {
        self.short_ids.extend(short_id.map(str::to_owned));
        self.types.extend(task_type.map(str::to_owned));
    }
}

impl Named {
    pub(crate) fn add(&mut self, number: u64, id: Option<&str>, event: &TaskEvent<'_>) {
        self.tasks.entry(event.task_id.to_owned()).or_insert(number);
        let group = self.groups.entry(event.task_id.to_owned()).or_default();
        group.add(event.short_id, event.task_type.or(event.task_name));
        if let Some(id) = id {
            let event = (event.task_id.to_owned(), event.source.to_owned(), id.to_owned());
            self.events.entry(event).or_insert(number);
        }
    }
}

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
                Self::unavailable(format!("{MOST} of your tasks wait to be read: send this after the next run"))
            }
        }
    }
}

impl App {
    /// Refuses events that would change tasks of other users, and remembers the owners of new tasks.
    pub(crate) async fn claim(self: &Arc<Self>, caller: &Caller, named: Named) -> std::result::Result<(), Problem> {
        if named.tasks.is_empty() {
            return Ok(());
        }
        let viewer = caller.viewer();
        let is_admin = caller.require(Scope::Admin).is_ok() && caller.require_role(&[Role::Admin]).is_ok();
        let has_database = self.database.try_exists().unwrap_or(true) || Snapshot::newest(&self.database).is_some();
        let app = Arc::clone(self);
        // Locked before the database is opened. Claims are dropped once a run has read their tasks; the lock ensures
        // that no other request drops one that this view of the database does not show yet.
        let mut claims = Arc::clone(&self.claims).lock_owned().await;
        let mut claim = move |reader: Option<Reader<'_>>| app.claim_now(reader, &mut claims, &viewer, is_admin, &named);
        let refusal = match has_database {
            true => self.read(move |reader| claim(Some(reader))).await?,
            false => self.work(move || claim(None)).await?,
        };
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn claim_now(
        &self,
        reader: Option<Reader<'_>>,
        claims: &mut Claims,
        viewer: &Viewer,
        is_admin: bool,
        named: &Named,
    ) -> Result<Option<Refusal>> {
        let identities = Identities::given(self.config.identities.as_deref())?;
        let mut owned: HashMap<String, bool> = HashMap::new();
        let mut owns =
            |folder: String| *owned.entry(folder).or_insert_with_key(|folder| viewer.owns(folder, &identities));
        let (mut tasks, mut copies, mut known) = (Vec::new(), Vec::new(), HashSet::new());
        let mut groups = named.groups.clone();
        let ids: Vec<_> = named.tasks.keys().chain(claims.keys()).cloned().collect();
        for events_of in self.plugs.iter().filter_map(|plug| plug.task_events) {
            let Some(reader) = reader else { continue };
            events_of(reader, &ids, &mut |event| {
                if let Some(number) = named.tasks.get(&event.task_id)
                    && !owns(event.owner)
                {
                    tasks.push(*number);
                }
                let key = event.event_id.map(|id| (event.task_id.clone(), event.source, id));
                if let Some(number) = key.and_then(|key| named.events.get(&key))
                    && !owns(event.folder)
                {
                    copies.push(*number);
                }
                if let Some(group) = groups.get_mut(&event.task_id) {
                    group.add(event.short_id.as_deref(), event.task_type.as_deref());
                }
                known.insert(event.task_id);
            })?;
        }
        let short_ids: Vec<_> = groups.values().flat_map(|group| &group.short_ids).cloned().collect();
        // By short id and releasing type: whether the user owns one of the held tasks.
        let mut held: HashMap<(String, String), bool> = HashMap::new();
        for held_tasks in self.plugs.iter().filter_map(|plug| plug.held_tasks) {
            let Some(reader) = reader else { continue };
            held_tasks(reader, &short_ids, &mut |short_id, releasing, folder| {
                *held.entry((short_id, releasing)).or_default() |= owns(folder);
            })?;
        }
        let releases = held.into_iter().filter(|(_, is_own)| !is_own).flat_map(|((short_id, releasing), _)| {
            let groups = groups.iter();
            let tasks = groups
                .filter(move |(_, group)| group.short_ids.contains(&short_id) && group.types.contains(&releasing));
            tasks.filter_map(|(task, _)| named.tasks.get(task).copied())
        });
        let release = releases.min().filter(|_| !is_admin).map(Refusal::Release);
        claims.retain(|task, _| !known.contains(task));
        let unknown = || named.tasks.iter().filter(|(task, _)| !known.contains(*task));
        let claimed = unknown().filter_map(|(task, number)| Some((claims.get(task)?, number)));
        tasks.extend(claimed.filter(|(user, _)| !owns((*user).clone())).map(|(_, number)| *number));
        let task = tasks.into_iter().min().filter(|_| !is_admin).map(Refusal::Task);
        let refused = task.or(release).or_else(|| copies.into_iter().min().map(Refusal::Copy));
        if refused.is_some() {
            return Ok(refused);
        }
        let new: Vec<_> = unknown().map(|(task, _)| task).filter(|task| !claims.contains_key(*task)).collect();
        if claims.values().filter(|user| **user == viewer.name).count() + new.len() > MOST {
            return Ok(Some(Refusal::Full));
        }
        claims.extend(new.into_iter().map(|task| (task.clone(), viewer.name.clone())));
        Ok(None)
    }
}
