//! Calls of the HTTP API about activity sessions, and about everything that a person did.

use crate::base::error::{Error, Result, Status};
use crate::dialect::replay::Typed;
use crate::plug::call::{Asked, CURSOR, Call, LIMIT, Level, Parameter, Reply, Rows, schema_of};
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::recording::{Recording, parts};
use crate::plugs::tracking::report::session;
use crate::plugs::tracking::report::timeline::{self, CELLS, KINDS};
use crate::plugs::usage::report::facts::Facts;
use crate::plugs::usage::report::filter::Only;
use crate::price::Prices;
use crate::store::condition::Condition;
use crate::store::reader::Reader;
use crate::store::sources;
use serde::Serialize;
use serde_json::{Map, Value, json};

const fn any(name: &'static str, words: &'static str) -> Parameter {
    Parameter { name, words, values: &[] }
}

const FROM: Parameter = any("from", "first day, such as 2026-02-01");
const TO: Parameter = any("to", "last day");

pub(super) const CALLS: [Call; 5] = [
    Call {
        path: "/activity-sessions",
        id: "listActivitySessions",
        summary: "Activity sessions, the newest first",
        parameters: &[
            any("user", "a person's name or e-mail address, or a folder"),
            any("person", "the person that a session is of"),
            Parameter { name: "kind", words: "of web events, or of work with agents", values: &["web", "agent"] },
            FROM,
            TO,
            any("channel", "only of this channel"),
            Parameter { name: "bounce", words: "whether the person left at once", values: &["true", "false"] },
            LIMIT,
            CURSOR,
        ],
        schema: |schemas| schema_of::<ActivitySessions>(schemas),
        is_stable: false,
        is_lines: false,
        answer: list,
        remove: None,
    },
    Call {
        path: "/activity-sessions/{id}",
        id: "getActivitySession",
        summary: "An activity session, by its id; 308 where the id is of a later event of it",
        parameters: &[],
        schema: |schemas| schema_of::<ActivitySession>(schemas),
        is_stable: false,
        is_lines: false,
        answer: one,
        remove: None,
    },
    Call {
        path: "/activity-sessions/{id}/events",
        id: "listActivityEvents",
        summary: "The events of an activity session, in order",
        parameters: &[LIMIT, CURSOR],
        schema: |schemas| schema_of::<ActivityEvents>(schemas),
        is_stable: true,
        is_lines: false,
        answer: events,
        remove: None,
    },
    Call {
        path: "/activity-sessions/{id}/replay",
        id: "replayActivitySession",
        summary: "What was recorded in an activity session, one item a line, in the order of time; input is masked",
        parameters: &[],
        schema: |schemas| schema_of::<ReplayItem>(schemas),
        is_stable: false,
        is_lines: true,
        answer: replay,
        remove: None,
    },
    Call {
        path: "/users/{user}/timeline",
        id: "timeline",
        summary: "Activity sessions, transcripts and tasks of a user, in one order; the runs that read them if they are asked for",
        parameters: &[
            Parameter {
                name: "kind",
                words: "only of these, with commas between them; all but runs otherwise",
                values: &KINDS,
            },
            FROM,
            TO,
            LIMIT,
            CURSOR,
        ],
        schema: |schemas| schema_of::<Timeline>(schemas),
        is_stable: false,
        is_lines: false,
        answer: timeline,
        remove: None,
    },
];

/// An activity session: the columns of the table `activity_sessions`, with `last_activity`, `ended_at` and `is_active`
/// for older programs.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ActivitySession {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    columns: Map<String, Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ActivitySessions {
    #[schema(value_type = Vec<Object>)]
    sessions: Vec<Value>,
    /// The total on all pages.
    total: usize,
    next_cursor: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ActivityEvents {
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// The total on all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// A line of a recording.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ReplayItem {
    timestamp: String,
    /// `dom`, `mouse`, `scroll`, `input`, `viewport` or `custom`.
    event_type: String,
    #[schema(value_type = Object)]
    data: Value,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Timeline {
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Map<String, Value>>,
    /// The total on all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// SQL for a time in RFC 3339.
fn rfc3339(column: &str) -> String {
    format!("strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {column}")
}

/// The beginning of a query for sessions as JSON objects; the caller adds its end.
fn sessions() -> String {
    let times = ["started_at", "last_at", "seen_until", "closed_at", "expires_at"].map(rfc3339).join(", ");
    format!(
        "SELECT to_json(shown) FROM (
             SELECT * REPLACE ({times}), strftime(last_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS last_activity,
                 strftime(closed_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS ended_at
             FROM activity_sessions"
    )
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn list(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let days = match asked.days("from", "to") {
        Ok(days) => days,
        Err(reply) => return Ok(reply),
    };
    let user = asked.value("user");
    let folders: Vec<String> =
        reader.rows("SELECT DISTINCT username FROM activity_sessions ORDER BY ALL", &[], |row| row.get(0))?;
    let is_asked = |folder: &String| {
        user.is_none_or(|user| folder == user || asked.identities.is_of(folder, user))
            && asked.may_see(Some(folder), Level::Metadata)
    };
    let folders: Vec<_> = folders.into_iter().filter(is_asked).collect();
    if folders.is_empty() {
        return Ok(Reply::Found(json!(ActivitySessions { sessions: Vec::new(), total: 0, next_cursor: None })));
    }
    let mut condition = Condition::default();
    condition.is_one_of("username", folders);
    condition.is_in_days("started_at", days, asked.zone);
    for (name, column) in [("person", "person_id"), ("kind", "kind"), ("channel", "channel")] {
        if let Some(value) = asked.value(name) {
            condition.add(format!("{column} = ?"), [value.into()]);
        }
    }
    match asked.value("bounce") {
        Some("true") => condition.add("is_bounce", []),
        Some(_) => condition.add("is_bounce = false", []),
        None => {}
    }
    let (clause, params) = (condition.clause(), &condition.params);
    let total =
        reader.one(&format!("SELECT count(*) FROM activity_sessions WHERE {clause}"), params, |row| row.count(0))?;
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    let sql = format!(
        "{} WHERE {clause} ORDER BY activity_sessions.started_at DESC, session_id LIMIT {} OFFSET {}) AS shown",
        sessions(),
        asked.page.limit,
        asked.page.offset()
    );
    let sessions = reader.rows(&sql, params, |row| Ok(parsed(&row.get::<String>(0)?)))?;
    let next_cursor = asked.page.next(sessions.len(), total);
    Ok(Reply::Found(json!(ActivitySessions { sessions, total, next_cursor })))
}

/// The folder of the requested session, or an error reply. The id can belong to a session that has been merged into an
/// earlier one; then the reply names the new path, which ends with `end`.
fn located(asked: &Asked, reader: Reader<'_>, end: &str) -> Result<std::result::Result<String, Reply>> {
    let id = asked.value("id").unwrap_or_default();
    let shown = |id: &str| {
        let sql = "SELECT username FROM activity_sessions WHERE session_id = ?";
        let folder: Option<String> = reader.first(sql, &[id.into()], |row| row.get(0))?;
        Ok::<_, Error>(folder.map(|folder| (asked.may_see(Some(&folder), Level::Metadata), folder)))
    };
    Ok(match shown(id)? {
        Some((true, folder)) => Ok(folder),
        Some((false, _)) => Err(Reply::NotFound),
        None => Err(match session::resolve(reader, id)? {
            Some(now) if matches!(shown(&now)?, Some((true, _))) => {
                Reply::Moved(format!("/activity-sessions/{now}{end}"))
            }
            _ => Reply::NotFound,
        }),
    })
}

fn one(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    if let Err(reply) = located(asked, reader, "")? {
        return Ok(reply);
    }
    let sql = format!("{} WHERE session_id = ?) AS shown", sessions());
    let id = asked.value("id").unwrap_or_default();
    let found = reader.first(&sql, &[id.into()], |row| Ok(parsed(&row.get::<String>(0)?)))?;
    Ok(found.map_or(Reply::NotFound, Reply::Found))
}

fn events(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    if let Err(reply) = located(asked, reader, "/events")? {
        return Ok(reply);
    }
    let id = asked.value("id").unwrap_or_default();
    let total = "SELECT count(*) FROM activity_events WHERE session_id = ?";
    let total = usize::try_from(reader.one(total, &[id.into()], |row| row.count(0))?).unwrap_or(usize::MAX);
    let sql = format!(
        "SELECT to_json(shown) FROM (
             SELECT * EXCLUDE (ip) REPLACE ({}) FROM activity_events WHERE session_id = ?
             ORDER BY activity_events.time, session_file, line, part LIMIT {} OFFSET {}) AS shown",
        rfc3339("time"),
        asked.page.limit,
        asked.page.offset()
    );
    let events = reader.rows(&sql, &[id.into()], |row| Ok(parsed(&row.get::<String>(0)?)))?;
    let next_cursor = asked.page.next(events.len(), total);
    Ok(Reply::Found(json!(ActivityEvents { events, total, next_cursor })))
}

/// The most items of a recording in a reply. Sorting more items would take too much memory, for as long as the client
/// reads.
const ITEMS: usize = 1_000_000;

fn replay(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let folder = match located(asked, reader, "/replay")? {
        Ok(folder) => folder,
        Err(reply) => return Ok(reply),
    };
    if !asked.may_see(Some(&folder), Level::Content) {
        return Ok(Reply::NotFound);
    }
    if !asked.config.console.transcripts {
        let why = "recordings are in the transcripts, which the console may not read: see [console] transcripts";
        return Ok(Reply::Withheld(why.to_owned()));
    }
    let parts = match parts(reader, asked.value("id").unwrap_or_default()) {
        Err(error) if error.fault.is_none() => return Ok(Reply::Withheld(error.to_string())),
        parts => parts?,
    };
    let sources: Vec<_> = sources::registered(reader)?.into_iter().map(|registered| registered.source).collect();
    Ok(match Recording::copy(parts, &sources, asked.config.caps.file, Typed::Masked) {
        Ok(recording) if recording.len() > ITEMS => {
            Reply::TooLarge(format!("the recording has more than {ITEMS} items: `sessionmill replay` writes it"))
        }
        Ok(recording) => Reply::Lines(Box::new(recording)),
        Err(error) => Reply::Withheld(error.to_string()),
    })
}

fn timeline(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let days = match asked.days("from", "to") {
        Ok(days) => days,
        Err(reply) => return Ok(reply),
    };
    let user = asked.value("user").unwrap_or_default();
    let (zone, identities) = (asked.zone, asked.identities.clone());
    let filter = Filter { days, user: None, kind: None, projects: None, bots: false, zone, identities };
    let mut who = match timeline::who(reader, &Only::from(user.to_owned()), &filter.identities) {
        Err(error) if error.status == Status::Usage => return Ok(Reply::NotFound),
        who => who?,
    };
    // A name can be that of several folders: of a person, of a user, of itself.
    who.folders.retain(|folder| asked.may_see(Some(folder), Level::Metadata));
    if who.folders.is_empty() {
        return Ok(Reply::NotFound);
    }
    let kinds = asked.value("kind").map(|kinds| kinds.split(',').collect::<Vec<_>>());
    let mut entries = timeline::timeline(reader, &who, &filter, kinds.as_deref())?;
    let prices = Prices::new(&asked.config.price)?;
    let has_content = who.folders.iter().all(|folder| asked.may_see(Some(folder), Level::Content));
    let is_shown = |facts: &Facts| has_content || facts.title_source.as_deref() == Some("client");
    timeline::name(reader, &mut entries, &who.folders, &prices, is_shown)?;
    let object = |entry: &timeline::Entry| CELLS.into_iter().map(str::to_owned).zip(entry.cells()).collect();
    let Rows { rows, total, next_cursor } = asked.page.cut(entries);
    let entries = rows.iter().map(object).collect();
    Ok(Reply::Found(json!(Timeline { entries, total, next_cursor })))
}
