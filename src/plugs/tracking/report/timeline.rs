//! Everything that a person did, in order of time: activity sessions, transcripts and tasks, and on request the runs of
//! sessionmill that read them.

use crate::base::error::{self, Error, Result, Status};
use crate::base::names;
use crate::base::printable::printable;
use crate::base::utc;
use crate::identities::Identities;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::usage::report::facts::{self, Facts};
use crate::plugs::usage::report::filter::{Only, Where};
use crate::plugs::usage::report::spending;
use crate::price::{PicoUsd, Prices};
use crate::report::money;
use crate::store::condition::Condition;
use crate::store::reader::{Param, Reader, Row};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An entry of a timeline.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub begun: DateTime<Utc>,
    /// `None` while it is active.
    pub ended: Option<DateTime<Utc>>,
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// The id of the session, transcript, task or run.
    pub id: String,
    /// A short description.
    pub about: String,
}

/// The kinds of entries.
pub const KINDS: [&str; 4] = ["activity", "transcript", "task", "run"];

/// The names of an entry's fields in JSON and CSV.
pub const CELLS: [&str; 5] = ["begun", "ended", "kind", "id", "about"];

/// The current tasks, without runs of the program.
const TASKS: &str = "tracked_tasks_at(make_timestamp(epoch_us(now())))";

impl Entry {
    /// The values in the order of [`CELLS`].
    pub fn cells(&self) -> [Value; CELLS.len()] {
        [
            json!(utc::shortest(self.begun)),
            json!(self.ended.map(utc::shortest)),
            json!(self.kind),
            json!(self.id),
            json!(self.about),
        ]
    }
}

/// The person that a timeline is about: folders, and optionally a single visitor of a site.
pub struct Who {
    pub folders: Vec<String>,
    person: Option<String>,
}

impl Who {
    /// Whether it is a single visitor of a site.
    pub fn is_one(&self) -> bool {
        self.person.is_some()
    }
}

/// Reads a timeline. Without `kinds`, it has all kinds except runs: the program makes these, and there can be one every
/// minute.
///
/// # Errors
///
/// If the database cannot be read.
pub fn timeline(reader: Reader<'_>, who: &Who, filter: &Filter, kinds: Option<&[&str]>) -> Result<Vec<Entry>> {
    let is_wanted = |kind: &str| kinds.map_or(kind != "run", |kinds| kinds.contains(&kind));
    // Only activity is known of a visitor of a site.
    let is_of_folders = |kind: &str| who.person.is_none() && is_wanted(kind);
    let mut entries = if is_wanted("activity") { activity(reader, who, filter)? } else { Vec::new() };
    if is_of_folders("transcript") {
        entries.extend(transcripts(reader, &who.folders, filter)?);
    }
    if is_of_folders("task") {
        entries.extend(tasks(reader, &who.folders, filter)?);
    }
    if is_of_folders("run") {
        entries.extend(runs(reader, &who.folders, filter)?);
    }
    entries.sort_by(|a, b| (a.begun, a.kind, &a.id).cmp(&(b.begun, b.kind, &b.id)));
    Ok(entries)
}

/// Adds the titles of transcripts, if `is_shown` allows it, because a title can quote a prompt; and their cost.
///
/// # Errors
///
/// If the database cannot be read.
pub fn name(
    reader: Reader<'_>,
    entries: &mut [Entry],
    folders: &[String],
    prices: &Prices,
    is_shown: impl Fn(&Facts) -> bool,
) -> Result<()> {
    let ids: Vec<&str> = entries.iter().filter(|entry| entry.kind == "transcript").map(|entry| &*entry.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let condition = Where::everything().of_sessions(ids.into_iter());
    let titles = facts::facts(reader, &condition)?;
    let is_theirs = |folder: &String| folders.contains(folder);
    let titles: BTreeMap<String, String> = titles
        .into_iter()
        .filter(|((_, folder), facts)| is_theirs(folder) && is_shown(facts))
        .filter_map(|((id, _), facts)| Some((id, facts.title?)))
        .collect();
    type Key = (Option<String>, String);
    let key = |row: &Row<'_>| -> Result<Key> { Ok((row.get(0)?, row.get(1)?)) };
    let mut costs: BTreeMap<String, PicoUsd> = BTreeMap::new();
    for ((id, folder), cost) in spending::costs(reader, prices, &["session_id", "username"], &condition, key)? {
        if let Some(id) = id.filter(|_| is_theirs(&folder)) {
            *costs.entry(id).or_default() += cost;
        }
    }
    for entry in entries.iter_mut().filter(|entry| entry.kind == "transcript") {
        let title = titles.get(&entry.id).map(|title| format!("{title} · ")).unwrap_or_default();
        let cost = costs.get(&entry.id).map(|cost| format!(", {}", money::rounded(*cost))).unwrap_or_default();
        entry.about = format!("{title}{}{cost}", entry.about);
    }
    Ok(())
}

/// Finds a user: a person's name or e-mail address, a folder, or `SITE/ID` for one person of a site.
///
/// # Errors
///
/// If the user is unknown, or the database cannot be read.
pub fn who(reader: Reader<'_>, user: &Only, identities: &Identities) -> Result<Who> {
    let sql = "SELECT username FROM activity_sessions UNION SELECT username FROM usage_sessions
               UNION SELECT username FROM TASKS WHERE username IS NOT NULL ORDER BY username";
    let known: Vec<String> = reader.rows(&sql.replace("TASKS", TASKS), &[], |row| row.get(0))?;
    let name = &user.name;
    if let Some((site, id)) = name.split_once('/')
        && known.iter().any(|folder| folder == site)
        && !known.iter().any(|folder| identities.is_of(folder, name))
    {
        let person = person(reader, site, id)?.ok_or_else(|| {
            Error::new(Status::Usage, format!("`{}` has nobody with the id `{}`", printable(site), printable(id)))
                .hint(format!("`sessionmill report activity --by user --user {}` shows the ids", printable(site)))
        })?;
        return Ok(Who { folders: vec![site.to_owned()], person: Some(person) });
    }
    let folders = user.folders(identities, &known)?;
    if folders.is_empty() {
        let labels: BTreeSet<&str> = known.iter().map(|folder| identities.label(folder)).collect();
        return Err(names::unknown("user", name, labels.into_iter()));
    }
    Ok(Who { folders, person: None })
}

/// The visitor of a site that an id belongs to.
fn person(reader: Reader<'_>, site: &str, id: &str) -> Result<Option<String>> {
    let sql = "SELECT person_id FROM activity_people WHERE username = ? AND kind = 'web'
                   AND (person_id = ? OR list_contains(string_split(distinct_ids, ', '), ?)) ORDER BY person_id LIMIT 1";
    reader.first(sql, &[site.into(), id.into(), id.into()], |row| row.get(0))
}

/// The condition for rows of these folders in the filter's days, by a column with a time.
fn condition(folders: &[String], time: &str, filter: &Filter) -> Condition {
    let mut condition = of_folders(folders);
    condition.is_in_days(time, filter.days, filter.zone);
    condition
}

fn of_folders(folders: &[String]) -> Condition {
    let mut condition = Condition::default();
    condition.is_one_of("username", folders.iter().cloned());
    condition
}

fn activity(reader: Reader<'_>, who: &Who, filter: &Filter) -> Result<Vec<Entry>> {
    let mut condition = condition(&who.folders, "started_at", filter);
    if let Some(person) = &who.person {
        condition.add("kind = 'web' AND person_id = ?", [Param::Text(person.clone())]);
    }
    if let Some(kind) = filter.kind {
        condition.add("kind = ?", [kind.name().into()]);
    }
    if !filter.bots {
        condition.add("NOT is_bot", []);
    }
    let sql = format!(
        "SELECT started_at, if(is_active, NULL, seen_until), session_id, kind = 'agent', page_views,
             coalesce(responses, 0), coalesce(tool_calls, 0), coalesce(errors, 0), channel, landing_page,
             person_id, event_count
         FROM activity_sessions WHERE {}",
        condition.clause()
    );
    reader.rows(&sql, &condition.params, |row| {
        let about = if row.get(3)? {
            let mut parts = vec![
                count(row.count(4)?, "prompt"),
                count(row.count(5)?, "response"),
                count(row.count(6)?, "tool call"),
            ];
            let errors = row.count(7)?;
            parts.extend((errors > 0).then(|| count(errors, "error")));
            parts.join(", ")
        } else {
            let (channel, page) = (row.get::<Option<String>>(8)?, row.get::<Option<String>>(9)?);
            let mut parts = vec![count(row.count(4)?, "view")];
            parts.extend(channel.map(|channel| format!("by {channel}")));
            parts.extend(page.map(|page| format!("from {page}")));
            parts.extend(who.person.is_none().then(|| row.get::<String>(10)).transpose()?);
            parts.join(", ")
        };
        entry(row, "activity", row.get(2)?, about)
    })
}

/// Transcripts that began in the filter's days. A transcript is one entry, however many files and folders it is in.
fn transcripts(reader: Reader<'_>, folders: &[String], filter: &Filter) -> Result<Vec<Entry>> {
    let (of_folders, mut of_days) = (of_folders(folders), Condition::default());
    of_days.is_in_days("begun", filter.days, filter.zone);
    // Responses that are in several files count once, as in all reports.
    let sql = format!(
        "SELECT begun, ended, session_id, agent, coalesce(responses, 0), files FROM (
             SELECT session_id, min(started) AS begun, max(ended) AS ended, count(*) AS files,
                 any_value(agent ORDER BY session_file) AS agent
             FROM usage_sessions WHERE {folders} AND started IS NOT NULL GROUP BY session_id
         ) LEFT JOIN (
             SELECT session_id, count(*) FILTER (part = 0) AS responses FROM usage_responses WHERE {folders}
             GROUP BY session_id
         ) USING (session_id) WHERE {days}",
        folders = of_folders.clause(),
        days = of_days.clause()
    );
    let params: Vec<_> = [&*of_folders.params, &*of_folders.params, &*of_days.params].concat();
    reader.rows(&sql, &params, |row| {
        let agent: Option<String> = row.get(3)?;
        let mut parts: Vec<_> = agent.into_iter().collect();
        parts.extend([count(row.count(4)?, "response"), count(row.count(5)?, "file")]);
        entry(row, "transcript", row.get(2)?, parts.join(", "))
    })
}

fn tasks(reader: Reader<'_>, folders: &[String], filter: &Filter) -> Result<Vec<Entry>> {
    let condition = condition(folders, "created_at", filter);
    let sql = format!(
        "SELECT created_at, coalesce(ended_at, closed_at), task_id, task_type, status
         FROM {TASKS} WHERE {}",
        condition.clause()
    );
    reader.rows(&sql, &condition.params, |row| {
        let (task_type, status): (Option<String>, String) = (row.get(3)?, row.get(4)?);
        let about = task_type.into_iter().chain([status]).collect::<Vec<_>>().join(", ");
        entry(row, "task", row.get(2)?, about)
    })
}

/// The runs that read the data of these people.
fn runs(reader: Reader<'_>, folders: &[String], filter: &Filter) -> Result<Vec<Entry>> {
    let (of_people, mut of_days) = (of_folders(folders), Condition::default());
    of_days.is_in_days("runs.started_at", filter.days, filter.zone);
    let sql = format!(
        "SELECT runs.started_at, runs.ended_at, runs.run_id::VARCHAR, runs.processor_name,
             runs.outcome, read.files
         FROM processor_runs AS runs JOIN (
             SELECT run_id, processor_name, count(*) AS files FROM session_processor_state
             WHERE {} GROUP BY ALL
         ) AS read USING (run_id, processor_name) WHERE {}",
        of_people.clause(),
        of_days.clause()
    );
    let params: Vec<_> = of_people.params.into_iter().chain(of_days.params).collect();
    reader.rows(&sql, &params, |row| {
        let (processor, outcome): (String, String) = (row.get(3)?, row.get(4)?);
        let files = count(row.count(5)?, "file");
        entry(row, "run", row.get(2)?, format!("{processor} read {files}, {outcome}"))
    })
}

/// A number with a noun, such as `1 prompt`.
fn count(number: u64, what: &str) -> String {
    error::count(number, what).to_string()
}

/// An entry. The first two columns of the row are its times.
fn entry(row: &Row<'_>, kind: &'static str, id: String, about: String) -> Result<Entry> {
    Ok(Entry { begun: row.time(0)?.unwrap_or_default(), ended: row.time(1)?, kind, id, about })
}
