//! Usage in the HTTP API: the same figures as on the command line.
//!
//! A viewer who may see only aggregates of other people gets no row with fewer than `min_group` people, unless the row
//! is only about the viewer. All smaller rows are merged into one row, `(others)`. If even this row has too few people,
//! it is left out of the totals, too. Otherwise a viewer could compute it: the total minus the visible rows.

use crate::base::error::Result;
use crate::plug::call::{Asked, CURSOR, Call, LIMIT, Level, Parameter, Reply, Schema, Schemas, schema_of};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::{Filter, Only, Where};
use crate::plugs::usage::report::names::Names;
use crate::plugs::usage::report::sessions::{self, CELLS, Order, Part, Session};
use crate::plugs::usage::report::{people, prompts, timeline, usage};
use crate::plugs::usage::sums::Responses;
use crate::price::Prices;
use crate::report::{Column, Row, Sheet, Unit};
use crate::store::reader::{Param, Reader};
use clap::ValueEnum as _;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const fn any(name: &'static str, words: &'static str) -> Parameter {
    Parameter { name, words, values: &[] }
}

const SINCE: Parameter = any("since", "first day, such as 2026-02-01");
const UNTIL: Parameter = any("until", "last day");
const USER: Parameter = any("user", "a person's name or e-mail address, or a folder; also the beginning of it");
const TEAM: Parameter = any("team", "only people of this team");
const PROJECT: Parameter = any("project", "a name, a working directory, or a repository with its worktrees");
const MODEL: Parameter = any("model", "only this model, such as opus or opus-4-6");
const AGENT: Parameter = any("agent", "only logs of this agent");

pub(super) const CALLS: [Call; 3] = [
    Call {
        path: "/usage",
        id: "usage",
        summary: "Tokens, cost and tool calls by day, person, model and so on",
        parameters: &[
            Parameter {
                name: "by",
                words: "what a row is about; day, if it is not said",
                values: &[
                    "day",
                    "week",
                    "month",
                    "hour",
                    "user",
                    "team",
                    "project",
                    "path",
                    "branch",
                    "model",
                    "session",
                    "agent",
                    "subagent",
                    "command",
                    "skill",
                    "mcp-server",
                    "block",
                    "tool",
                ],
            },
            SINCE,
            UNTIL,
            USER,
            TEAM,
            PROJECT,
            MODEL,
            AGENT,
        ],
        schema: |schemas| schema_of::<Usage>(schemas),
        is_stable: true,
        is_lines: false,
        answer: by,
        remove: None,
    },
    Call {
        path: "/usage/sessions",
        id: "listUsageSessions",
        summary: "What each session of an agent cost, the costliest first",
        parameters: &[SINCE, UNTIL, USER, TEAM, PROJECT, MODEL, AGENT, LIMIT, CURSOR],
        schema: sessions_schema,
        is_stable: true,
        is_lines: false,
        answer: list,
        remove: None,
    },
    Call {
        path: "/usage/sessions/{id}",
        id: "getUsageSession",
        summary: "One session of an agent by its id or the beginning of it, step by step",
        parameters: &[],
        schema: |schemas| schema_of::<Steps>(schemas),
        is_stable: true,
        is_lines: false,
        answer: steps,
        remove: None,
    },
];

/// Rows by a key, and their totals. The figures have the same names as in the command line's JSON.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Usage {
    by: String,
    as_of: Option<String>,
    pending: i64,
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
    #[schema(value_type = Object)]
    totals: Value,
    #[schema(value_type = Vec<Object>)]
    unpriced: Vec<Value>,
}

/// Sessions of agents, the costliest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Sessions {
    #[schema(value_type = Vec<Object>)]
    sessions: Vec<Map<String, Value>>,
    /// The total on all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// A session, step by step.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Steps {
    session: String,
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Value>,
    /// What followed each prompt; without its words for viewers who may not see content.
    #[schema(value_type = Vec<Object>)]
    by_prompt: Vec<Value>,
}

fn sessions_schema(schemas: &mut Schemas) -> Schema {
    schema_of::<Sessions>(schemas)
}

/// The key of the row that small rows are merged into.
const MERGED: &str = "(others)";

/// The filter of a request, or an error reply. Names are found as on the command line, among those that the viewer may
/// know: of a viewer who may not see details of others, these are the viewer's own names, and those that at least
/// `people` people have. The viewer's own name as `user` is a whole one.
fn filter(asked: &Asked, reader: Reader<'_>, people: usize) -> Result<std::result::Result<Filter, Reply>> {
    let days = match asked.days("since", "until") {
        Ok(days) => days,
        Err(reply) => return Ok(Err(reply)),
    };
    let sees_others = asked.viewer.others >= Level::Metadata;
    let only = |name: &str| asked.value(name).map(str::to_owned).map(Only::short);
    let filter = Filter {
        days,
        user: asked.value("user").map(|user| match sees_others && !asked.viewer.is(user) {
            true => Only::short(user.to_owned()),
            false => Only::from(user.to_owned()),
        }),
        team: only("team"),
        project: only("project"),
        model: only("model"),
        agent: only("agent"),
        zone: asked.zone,
        identities: asked.identities.clone(),
    };
    let is_shown = |of: &BTreeSet<String>| of.len() >= people || of.iter().any(|folder| asked.is_own(folder));
    let mut names = if sees_others { Names::new(reader) } else { Names::shown(reader, &is_shown) };
    Ok(Ok(names.resolve(&filter)?))
}

/// The same for reports that tell people or projects apart. A viewer who may not see these details of others gets only
/// their own.
fn own(asked: &Asked, reader: Reader<'_>) -> Result<std::result::Result<Filter, Reply>> {
    let mut asked = asked.clone();
    if asked.viewer.others < Level::Metadata {
        let user = asked.value("user");
        if user.is_some_and(|user| !asked.viewer.is(user)) {
            return Ok(Err(Reply::NotFound));
        }
        asked.values.insert("user".to_owned(), asked.viewer.person.clone());
    }
    filter(&asked, reader, usize::MAX)
}

fn by(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let by = asked.value("by").map_or(Ok(By::Day), |by| By::from_str(by, false));
    let Ok(by) = by else { return Ok(Reply::Invalid("`by` is unknown".to_owned())) };
    let prices = Prices::new(&asked.config.price)?;
    let is_aggregate = matches!(by, By::Day | By::Week | By::Month | By::Hour | By::Team | By::Model | By::Agent)
        && ["user", "project"].iter().all(|name| asked.value(name).is_none());
    let is_guarded = asked.viewer.others < Level::Metadata && is_aggregate;
    let filter = if is_guarded { self::filter(asked, reader, asked.min_group as usize)? } else { own(asked, reader)? };
    let filter = match filter {
        Ok(filter) => filter,
        Err(reply) => return Ok(reply),
    };
    if let Some(reply) = check(by, &filter, reader)? {
        return Ok(reply);
    }
    let mut sheet = usage::usage(reader, &[by], &filter, &prices)?;
    sheet.explanation.clear();
    if is_guarded {
        let people = people::of_rows(reader, by, &filter)?;
        guard(&mut sheet, &people, asked);
        // This amount is over all rows, including hidden ones.
        sheet.saved = None;
    }
    Ok(Reply::Found(sheet.json()))
}

/// The most rows of an answer by session. Each row takes a few kilobytes of memory until it is sent.
const ROWS: u64 = 20_000;

/// Refuses a request whose answer would have too many rows. Only reports by session can be that long.
fn check(by: By, filter: &Filter, reader: Reader<'_>) -> Result<Option<Reply>> {
    if by != By::Session {
        return Ok(None);
    }
    let condition = filter.condition();
    let responses = Responses::added_up(reader, &condition, None)?.table;
    let sql = format!("SELECT approx_count_distinct(session_id) FROM {responses} WHERE {}", condition.clause);
    let rows = reader.one(&sql, &condition.params, |row| row.count(0))?;
    let why = || format!("more than {ROWS} sessions: ask for fewer days, or for /usage/sessions, which has pages");
    Ok((rows > ROWS).then(|| Reply::TooLarge(why())))
}

/// Merges rows of too few people, as described at the top of this file.
fn guard(sheet: &mut Sheet, people: &BTreeMap<Option<String>, BTreeSet<String>>, asked: &Asked) {
    let enough = asked.min_group as usize;
    let nobody = BTreeSet::new();
    let of = |key: &Option<String>| people.get(key).unwrap_or(&nobody);
    let is_shown = |row: &Row| {
        let people = of(&row.key);
        people.len() >= enough || !people.is_empty() && people.iter().all(|folder| asked.is_own(folder))
    };
    let (shown, hidden): (Vec<_>, Vec<_>) = std::mem::take(&mut sheet.rows).into_iter().partition(is_shown);
    let merged: BTreeSet<_> = hidden.iter().flat_map(|row| of(&row.key)).collect();
    sheet.rows = shown;
    if !hidden.is_empty() && merged.len() >= enough {
        sheet.rows.push(Row::new(Some(MERGED.to_owned()), sum(&hidden, sheet.columns.len())));
    } else if !hidden.is_empty() {
        // If no row is left, the totals look like those of an empty report. A different form would reveal that there
        // are hidden rows.
        let nothing = |column: &Column| (column.unit == Unit::Count).then_some(0);
        sheet.totals = match sheet.rows.is_empty() {
            true => sheet.columns.iter().map(nothing).collect(),
            false => sum(&sheet.rows, sheet.columns.len()),
        };
    }
    // These lists name models of hidden rows, too.
    sheet.unpriced.clear();
    sheet.notes.clear();
}

fn sum(rows: &[Row], columns: usize) -> Vec<Option<i128>> {
    let column = |at: usize| rows.iter().filter_map(|row| row.numbers.get(at).copied().flatten()).reduce(|a, b| a + b);
    (0..columns).map(column).collect()
}

fn list(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let prices = Prices::new(&asked.config.price)?;
    let from = usize::try_from(asked.page.offset()).unwrap_or(usize::MAX);
    let filter = match own(asked, reader)? {
        Ok(filter) => filter,
        Err(reply) => return Ok(reply),
    };
    let part = [from, asked.page.limit as usize];
    let Part { sessions, all: total } =
        sessions::part(reader, &filter, &filter.condition(), &prices, Order::Cost, part)?;
    let of_page = Where::everything().of_sessions(sessions.iter().map(|session| session.id.as_str()));
    let mut folders =
        if sessions.is_empty() { BTreeMap::new() } else { folders(reader, &of_page.clause, &of_page.params)? };
    let object = |mut session: Session| {
        // Another person can have written the first prompt.
        let folders = folders.remove(&session.id).unwrap_or_default();
        if !folders.iter().all(|folder| asked.may_see(Some(folder), Level::Content)) {
            session.facts.hide_prompt();
        }
        CELLS.map(str::to_owned).into_iter().zip(session.cells()).collect()
    };
    let page: Vec<_> = sessions.into_iter().map(object).collect();
    let next_cursor = asked.page.next(page.len(), total);
    Ok(Reply::Found(json!(Sessions { sessions: page, total, next_cursor })))
}

/// The folders that have anything of the sessions of a condition, by session id. One file can have records of several
/// sessions.
fn folders(reader: Reader<'_>, condition: &str, params: &[Param]) -> Result<BTreeMap<String, Vec<String>>> {
    let told = ["usage_responses", "usage_sessions", "usage_tool_events"].map(str::to_owned);
    let told: Vec<_> = told.into_iter().chain(prompts::told(reader)?).collect();
    let of = |told: &String| format!("SELECT session_id, username FROM {told} WHERE {condition}");
    let sql = told.iter().map(of).collect::<Vec<_>>().join(" UNION ") + " ORDER BY ALL";
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    reader.each(&sql, &vec![params; told.len()].concat(), |row| {
        folders.entry(row.get(0)?).or_default().push(row.get(1)?);
        Ok(())
    })?;
    Ok(folders)
}

fn steps(asked: &Asked, reader: Reader<'_>) -> Result<Reply> {
    let begin = asked.value("id").unwrap_or_default();
    let mut known = folders(reader, "starts_with(session_id, ?)", &[begin.into()])?;
    known.retain(|_, folders| folders.iter().all(|folder| asked.may_see(Some(folder), Level::Metadata)));
    let several = known.len();
    let found = known.remove_entry(begin).or_else(|| known.pop_first().filter(|_| several == 1));
    let (id, folders) = match found {
        Some(found) => found,
        None if several == 0 => return Ok(Reply::NotFound),
        None => return Ok(Reply::Invalid(format!("{several} sessions begin with that: give more of the id"))),
    };
    let prices = Prices::new(&asked.config.price)?;
    let filter = Filter::of_all(asked.zone, asked.identities.clone());
    let mut timeline = timeline::timeline(reader, &id, &filter, &prices)?;
    if !folders.iter().all(|folder| asked.may_see(Some(folder), Level::Content)) {
        timeline.hide_prompts();
    }
    Ok(Reply::Found(timeline.json()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plug::call::Viewer;

    const COLUMNS: [Column; 1] = [Column::count("responses", "Responses")];

    /// What a viewer with `Level::Aggregate` sees of days on which these people had one response each.
    fn seen(days: &[&[&str]]) -> (Vec<(String, i128)>, Option<i128>) {
        let mut asked = Asked::of(Viewer {
            name: "ada".into(),
            person: "ada".into(),
            others: Level::Aggregate,
            sees_knowledge: false,
        });
        asked.min_group = 3;
        let key = |day: usize| Some(format!("day {day}"));
        let row = |(day, people): (usize, &&[&str])| Row::new(key(day), vec![Some(people.len() as i128)]);
        let rows: Vec<_> = days.iter().enumerate().map(row).collect();
        let people = days
            .iter()
            .enumerate()
            .map(|(day, people)| (key(day), people.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()));
        let totals = sum(&rows, 1);
        let mut sheet = Sheet { columns: COLUMNS.as_slice().into(), rows, totals, ..Sheet::default() };
        guard(&mut sheet, &people.collect(), &asked);
        let rows = sheet.rows.into_iter().map(|row| (row.key.unwrap(), row.numbers[0].unwrap())).collect();
        (rows, sheet.totals[0])
    }

    #[test]
    fn rows_are_about_all_that_the_report_knows() {
        let known: Vec<_> = By::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value).collect();
        let known: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
        assert_eq!(CALLS[0].parameters[0].values, known);
    }

    #[test]
    fn rows_of_few_people_are_merged_or_left_out() {
        let row = |key: &str, number| (key.to_owned(), number);
        assert_eq!(seen(&[&["ada", "bob", "cyd"]]), (vec![row("day 0", 3)], Some(3)));
        assert_eq!(seen(&[&["ada"]]), (vec![row("day 0", 1)], Some(1)), "one's own is one's own");
        let all = seen(&[&["ada", "bob", "cyd"], &["bob"], &["cyd", "dan"]]);
        assert_eq!(all, (vec![row("day 0", 3), row("(others)", 3)], Some(6)), "three people in the others");
        let all = seen(&[&["ada", "bob", "cyd"], &["bob"], &["cyd"]]);
        assert_eq!(all, (vec![row("day 0", 3)], Some(3)), "two people: the total would tell their sum");
        assert_eq!(seen(&[&["bob"]]), (vec![], Some(0)), "as if there were nothing");
    }
}
