//! Calls of the HTTP API about tasks, and about who owns them.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::base::utc;
use crate::plug::call::{
    Asked, CURSOR, Call, LIMIT, Level, Parameter, Removing, Reply, Rows, Schema, Schemas, TaskEvent, schema_of,
};
use crate::plugs::tasks::commands::STATUSES;
use crate::plugs::tasks::report::filter::Filter;
use crate::plugs::tasks::report::session::{self, TaskSession};
use crate::plugs::usage::report::filter::Only;
use crate::store::reader::{Param, Reader};
use crate::store::rows::key_hash;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const INCLUDE: Parameter =
    Parameter { name: "include", words: "also tasks that are over, until they are purged", values: &["closed"] };
const STATUS: Parameter =
    Parameter { name: "status", words: "only of these, with commas between them; closed ones too", values: &STATUSES };
const TYPE: Parameter =
    Parameter { name: "task_type", words: "only of this type, or of all that begin with it and a colon", values: &[] };

pub(super) const CALLS: [Call; 3] = [
    Call {
        path: "/sessions/{short_id}",
        id: "listTasksOfShortId",
        summary: "The tasks that share a short id, the newest first",
        parameters: &[INCLUDE, STATUS, TYPE, LIMIT, CURSOR],
        schema: tasks_schema,
        is_stable: false,
        is_lines: false,
        answer: of_short_id,
        remove: None,
    },
    Call {
        path: "/sessions/task/{task_id}",
        id: "getTask",
        summary: "A task that is active or held",
        parameters: &[INCLUDE],
        schema: |schemas| schema_of::<Task>(schemas),
        is_stable: false,
        is_lines: false,
        answer: of_id,
        remove: Some(Removing {
            id: "removeTask",
            summary: "Hide a task until it is created anew",
            parameter: "task_id",
            find: |asked, reader| find(asked, reader, true),
        }),
    },
    Call {
        path: "/sessions/user/{user_id}",
        id: "listTasksOfUser",
        summary: "The tasks of a user: a person, a folder, or for whom they are done",
        parameters: &[INCLUDE, STATUS, TYPE, LIMIT, CURSOR],
        schema: tasks_schema,
        is_stable: false,
        is_lines: false,
        answer: of_user,
        remove: None,
    },
];

/// A task, as the API shows it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Task {
    short_id: Option<String>,
    task_type: Option<String>,
    task_id: String,
    user_id: Option<String>,
    /// `active`, `completed`, `failed`, `cancelled` or `orphaned`.
    status: String,
    created_at: String,
    updated_at: String,
    /// The folder with the first event of the task.
    username: Option<String>,
    attempt: i64,
    ended_at: Option<String>,
    closed_at: Option<String>,
    close_reason: Option<String>,
    is_held: bool,
    is_inferred: bool,
    /// Only for viewers who may see the content of all folders with events of the task, as `data`.
    error: Option<String>,
    #[schema(value_type = Object)]
    data: Value,
}

/// Tasks, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tasks {
    #[serde(skip_serializing_if = "Option::is_none")]
    short_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    sessions: Vec<Task>,
    /// The total on all pages.
    total_sessions: usize,
    timestamp: String,
    next_cursor: Option<String>,
}

fn tasks_schema(schemas: &mut Schemas) -> Schema {
    schema_of::<Tasks>(schemas)
}

impl Task {
    fn of(task: TaskSession, is_open: bool) -> Self {
        Self {
            short_id: task.short_id,
            task_type: task.task_type,
            task_id: task.task_id,
            user_id: task.user_id,
            status: task.status,
            created_at: session::text(task.created_at),
            updated_at: session::text(task.updated_at),
            username: task.username,
            attempt: task.attempt,
            ended_at: task.ended_at.map(session::text),
            closed_at: task.closed_at.map(session::text),
            close_reason: task.close_reason,
            is_held: task.is_held,
            is_inferred: task.is_inferred,
            error: task.error.filter(|_| is_open),
            data: if is_open { task.data } else { Value::Null },
        }
    }
}

/// The filter of any list of tasks.
fn filter(asked: &Asked) -> Filter {
    let status: Vec<_> = asked.value("status").into_iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
    Filter {
        days: Days::default(),
        zone: asked.zone,
        user: None,
        identities: asked.identities.clone(),
        with_closed: asked.value("include").is_some() || !status.is_empty(),
        status,
        task_type: asked.value("task_type").map(|name| Only::from(name.to_owned())),
        short_id: None,
        now: asked.now,
    }
}

fn of_short_id(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let short_id = asked.value("short_id").map(str::to_owned);
    let filter = Filter { short_id: short_id.clone(), ..filter(asked) };
    list(asked, reader, &filter, |tasks| Tasks { short_id, ..tasks })
}

fn of_user(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let user_id = asked.value("user_id").map(str::to_owned);
    let filter = Filter { user: user_id.clone().map(Only::from), ..filter(asked) };
    list(asked, reader, &filter, |tasks| Tasks { user_id, ..tasks })
}

fn list(asked: &Asked, reader: Reader<'_>, filter: &Filter, name: impl FnOnce(Tasks) -> Tasks) -> Result<Reply> {
    let mut tasks = Vec::new();
    session::read(reader, filter, session::Order::Date, None, |task| {
        if asked.decision(&task.task_id).is_none() && asked.may_see(task.username.as_deref(), Level::Metadata) {
            tasks.push(task);
        }
    })?;
    let Rows { rows, total, next_cursor } = asked.page.cut(tasks);
    let tasks = Tasks {
        short_id: None,
        user_id: None,
        sessions: shown(rows, asked, reader)?,
        total_sessions: total,
        next_cursor,
        timestamp: utc::microseconds(asked.now),
    };
    Ok(Reply::Found(json!(name(tasks))))
}

fn of_id(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    find(asked, reader, asked.value("include").is_some())
}

fn find(asked: &Asked, reader: Reader<'_>, with_closed: bool) -> Result<Reply> {
    let task = session::find(reader, asked.value("task_id").unwrap_or_default(), asked.now)?;
    let is_shown = |task: &TaskSession| {
        // Runs of the program are not shown here; they are in the history of runs.
        task.session_file.is_some()
            && asked.decision(&task.task_id).is_none()
            && (with_closed || task.closed_at.is_none())
            && asked.may_see(task.username.as_deref(), Level::Metadata)
    };
    let task = shown(task.filter(is_shown).into_iter().collect(), asked, reader)?;
    Ok(task.first().map_or(Reply::NotFound, |task| Reply::Found(json!(task))))
}

/// Tasks as the API shows them. Texts that people wrote are included only if the viewer may see the content of all
/// folders with events of the task, because the owner of a task need not be the author of the texts.
fn shown(tasks: Vec<TaskSession>, asked: &Asked, reader: Reader<'_>) -> Result<Vec<Task>> {
    let may_see = |folder: Option<&str>| asked.may_see(folder, Level::Content);
    let has_words = |task: &TaskSession| task.error.is_some() || !task.data.is_null();
    let told = tasks.iter().filter(|task| has_words(task) && may_see(task.username.as_deref()));
    let ids: Vec<Param> = told.map(|task| key_hash(&task.task_id).into()).collect();
    let mut closed: BTreeSet<String> = BTreeSet::new();
    if !ids.is_empty() {
        let sql = format!(
            "SELECT DISTINCT task_id, username FROM facts.task_events WHERE key_hash IN ({})",
            vec!["?"; ids.len()].join(", ")
        );
        reader.each(&sql, &ids, |row| {
            if !may_see(row.get::<Option<String>>(1)?.as_deref()) {
                closed.insert(row.get(0)?);
            }
            Ok(())
        })?;
    }
    let shown = |task: TaskSession| {
        let is_open = may_see(task.username.as_deref()) && !closed.contains(&task.task_id);
        Task::of(task, is_open)
    };
    Ok(tasks.into_iter().map(shown).collect())
}

/// Passes on the events of the tasks with these ids. A task that is not listed belongs to the folder of its first
/// event.
pub(super) fn events_of(reader: Reader<'_>, ids: &[String], take: &mut dyn FnMut(TaskEvent)) -> Result<()> {
    // Ids can contain any character, so they are sent as hexadecimal digits with commas in between.
    let ids = ids.iter().map(hex::encode);
    let sql = "WITH named AS (
                   SELECT decode(unhex(id)) AS task_id FROM (SELECT DISTINCT unnest(string_split(?, ',')) AS id)
               )
               SELECT e.task_id, coalesce(s.username, first_value(e.username) OVER (PARTITION BY e.task_id
                   ORDER BY e.time, e.source, e.sequence NULLS FIRST, e.session_file, e.line)),
                   e.username, e.source, e.event_id, e.short_id, coalesce(e.task_type, e.task_name)
               FROM facts.task_events AS e SEMI JOIN named ON named.task_id = e.task_id
               LEFT JOIN facts.task_state AS s ON s.task_id = e.task_id";
    reader.each(sql, &[ids.collect::<Vec<_>>().join(",").into()], |row| {
        take(TaskEvent {
            task_id: row.get(0)?,
            owner: row.get(1)?,
            folder: row.get(2)?,
            source: row.get(3)?,
            event_id: row.get(4)?,
            short_id: row.get(5)?,
            task_type: row.get(6)?,
        });
        Ok(())
    })
}

/// Passes on who owns the held tasks of these short ids, and what releases them.
pub(super) fn held(
    reader: Reader<'_>,
    short_ids: &[String],
    take: &mut dyn FnMut(String, String, String),
) -> Result<()> {
    let ids = short_ids.iter().map(hex::encode);
    let sql = "WITH named AS (
                   SELECT decode(unhex(id)) AS short_id FROM (SELECT DISTINCT unnest(string_split(?, ',')) AS id)
               )
               SELECT DISTINCT l.short_id, l.task_type, s.username
               FROM facts.task_links AS l SEMI JOIN named ON named.short_id = l.short_id
               JOIN facts.task_state AS s ON s.task_id = l.task_id WHERE l.kind = ?";
    let kind = sessionmill_tasks::link::Kind::Held.name();
    reader.each(sql, &[ids.collect::<Vec<_>>().join(",").into(), kind.to_owned().into()], |row| {
        take(row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(())
    })
}
