//! Whose the tasks are that events of a request name. Nobody but admins appends events of tasks of others: who tells of
//! a task first owns it, so an event with an earlier time would hand it over.
//!
//! The database knows the tasks that a run has read. Until then a task belongs to whoever sent an event of it to this
//! process. A task that others told of in files which no run has read, or before the console was started again, is not
//! known for that time.

use super::accounts::token::Scope;
use super::accounts::user::Role;
use super::app::App;
use super::caller::Caller;
use super::problem::Problem;
use crate::base::error::Result;
use crate::identities::Identities;
use crate::plugs::call::Viewer;
use crate::store::reader::Reader;
use crate::store::snapshot::Snapshot;
use axum::http::StatusCode;
use sessionmill_contract::TaskEvent;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Users by the tasks of which they were the first to send an event. Only those that no run has read.
pub(crate) type Claims = HashMap<String, String>;

/// Tasks of one user that may wait to be read.
const MOST: usize = 100_000;

/// What the events of a request name, with the number of the first event that does.
#[derive(Debug, Default)]
pub(crate) struct Named {
    tasks: HashMap<String, u64>,
    /// By task, source and id.
    events: HashMap<(String, String, String), u64>,
}

impl Named {
    pub(crate) fn add(&mut self, number: u64, id: Option<&str>, event: &TaskEvent<'_>) {
        self.tasks.entry(event.task_id.to_owned()).or_insert(number);
        if let Some(id) = id {
            let event = (event.task_id.to_owned(), event.source.to_owned(), id.to_owned());
            self.events.entry(event).or_insert(number);
        }
    }
}

/// Why events are refused. Of several events the first one is named.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// It is of a task of somebody else.
    Task(u64),
    /// An event of its task that somebody else wrote has the same source and id: only one of them would count.
    Copy(u64),
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
            Refusal::Full => Self::away(format!("{MOST} of your tasks wait to be read: send this after the next run")),
        }
    }
}

impl App {
    /// Refuses what would change tasks of others, and remembers whose the new ones are.
    pub(crate) async fn claim(self: &Arc<Self>, caller: &Caller, named: Named) -> std::result::Result<(), Problem> {
        if named.tasks.is_empty() {
            return Ok(());
        }
        let viewer = caller.viewer();
        let is_admin = caller.require(Scope::Admin).is_ok() && caller.require_role(&[Role::Admin]).is_ok();
        let has_database = self.database.try_exists().unwrap_or(true) || Snapshot::newest(&self.database).is_some();
        let app = Arc::clone(self);
        // Before the database is opened: nobody else takes a claim away then that only a later state of it replaces.
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
                known.insert(event.task_id);
            })?;
        }
        claims.retain(|task, _| !known.contains(task));
        let unknown = || named.tasks.iter().filter(|(task, _)| !known.contains(*task));
        let claimed = unknown().filter_map(|(task, number)| Some((claims.get(task)?, number)));
        tasks.extend(claimed.filter(|(user, _)| !owns((*user).clone())).map(|(_, number)| *number));
        let task = tasks.into_iter().min().filter(|_| !is_admin).map(Refusal::Task);
        let refused = task.or_else(|| copies.into_iter().min().map(Refusal::Copy));
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
