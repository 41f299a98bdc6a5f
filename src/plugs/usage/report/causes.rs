//! Why calls of tools came to nothing, what was tried again and again, which files were changed again and again, and
//! which subagents ran on.

use super::errors::{Kind, Trouble};
use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::facts::CALLS;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Columns};
use crate::plugs::usage::report::subagents;
use crate::price::{PicoUsd, Prices};
use crate::report::trend::Steps;
use crate::store::reader::{Reader, Row};
use std::collections::HashMap;

/// The causes of calls that came to nothing, the most frequent first.
pub(super) fn causes(reader: Reader<'_>, filter: &Filter, steps: &Steps) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.condition();
    let trend = steps.counts("time", "true");
    let sql = format!(
        "SELECT cause, count(*) AS calls, sum(count(*)) OVER (), min(time), {EXAMPLE} {trend} FROM usage_tool_events
         WHERE {clause} AND kind <> 'slash_command' GROUP BY cause ORDER BY calls DESC, cause"
    );
    let mut causes = Vec::new();
    reader.each(&sql, &params, |row| {
        if row.get::<Option<String>>(0)?.is_some() {
            let (of, trend) = (Some(row.integer(2)?), steps.read(|step| row.integer(5 + step))?);
            causes.push(Trouble { of, trend, ..trouble(Kind::Cause, row, 3)? });
        }
        Ok(())
    })?;
    Ok(causes)
}

/// What the model was told last.
pub(super) const EXAMPLE: &str = "arg_max(error, time) FILTER (error <> '')";

/// A trouble with when it happened first, and an example, which begin at a column.
fn trouble(kind: Kind, row: &Row<'_>, at: usize) -> Result<Trouble> {
    Ok(Trouble {
        kind,
        what: row.get(0)?,
        count: row.integer(1)?,
        of: None,
        first_seen: row.time(at)?.map(utc::shortest),
        example: row.get(at + 1)?,
        cost: None,
        trend: Vec::new(),
    })
}

/// Calls in loops: three or more in a row, in one conversation, that fail with the same tool and for the same cause. Of
/// calls in a row, the number among all calls and that among equal ones differ by the same amount:
///
/// ```text
/// call   Bash exit   Bash exit   Read   Bash exit
/// all            1           2      3           4
/// equal          1           2      –           3
/// ```
///
/// Most sessions have no three such calls at all, and are left out first: the parameters of the clause come twice.
fn in_loops(clause: &str) -> String {
    let calls = format!("FROM usage_tool_events WHERE {clause} AND kind <> 'slash_command'");
    let bad = "cause NOT IN ('declined', 'interrupted', 'not_run')";
    format!(
        "SELECT * FROM (
             SELECT message_id, time, error, cause, tool || ': ' || cause AS what,
                 count(*) OVER (PARTITION BY session_id, caller_id, tool, cause, number - equal) AS length
             FROM (
                 SELECT *, row_number() OVER (
                     PARTITION BY session_id, caller_id, tool, cause ORDER BY number) AS equal
                 FROM (
                     SELECT session_id, caller_id, message_id, time, error, tool, cause,
                         row_number() OVER (PARTITION BY session_id, caller_id ORDER BY time, line, event_id) AS number
                     {calls} AND (session_id IS NULL OR session_id IN (
                         SELECT session_id {calls} AND {bad}
                         GROUP BY session_id, caller_id, tool, cause HAVING count(*) >= 3)))
                 WHERE cause IS NOT NULL))
         WHERE length >= 3 AND {bad}"
    )
}

/// Loops, and what the responses cost that made their calls.
pub(super) fn loops(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.condition();
    let params = [&*params, &*params].concat();
    let calls = in_loops(&clause);
    let sql = format!(
        "SELECT what, count(*) AS calls, min(time), {EXAMPLE} FROM ({calls}) GROUP BY what ORDER BY calls DESC, what"
    );
    let mut loops = reader.rows(&sql, &params, |row| trouble(Kind::RetryLoop, row, 2))?;
    if loops.is_empty() {
        return Ok(loops);
    }
    let join = format!("JOIN (SELECT DISTINCT message_id, what FROM ({calls})) AS loops USING (message_id)");
    let condition = Where { clause: "true".to_owned(), params };
    let columns = Columns { keys: &["loops.what"], join: &join };
    let mut costs: HashMap<String, PicoUsd> = HashMap::new();
    spending::read(
        reader,
        prices,
        columns,
        &condition,
        |row| row.get(0),
        |what: String, _, spent| {
            *costs.entry(what).or_default() += spent.cost.unwrap_or_default();
        },
    )?;
    for of_loop in &mut loops {
        of_loop.cost = costs.get(&of_loop.what).copied();
    }
    Ok(loops)
}

/// Files that were changed at least three times in one session.
pub(super) fn edited_again(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.condition();
    let sql = format!(
        "SELECT file, max(changes)::BIGINT AS most FROM (
             SELECT file, session_id, count(*) AS changes FROM (
                 SELECT session_id, unnest(string_split(files, chr(10))) AS file FROM {CALLS}
                 WHERE {clause} AND is_done AND files IS NOT NULL)
             GROUP BY ALL HAVING changes >= 3)
         GROUP BY file ORDER BY most DESC, file LIMIT 10"
    );
    reader.rows(&sql, &params, |row| Ok(Trouble::new(Kind::EditedAgain, row.get(0)?, row.integer(1)?, None)))
}

/// The session and the id of a subagent.
type Subagent = (Option<String>, String);

/// A subagent that made so many responses, and so many times as many as half of all subagents do, ran on.
const RESPONSES: i128 = 30;
const TIMES: i128 = 10;

/// Subagents that ran on: the ten with the most responses, and what they cost. `of` is the usual number of responses.
pub(super) fn runaways(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.condition();
    let sql = format!(
        "SELECT session_id, subagent_id, responses, usual FROM (
             SELECT session_id, subagent_id, count(*) AS responses, floor(median(count(*)) OVER ())::BIGINT AS usual
             FROM usage_responses WHERE {clause} AND subagent_id IS NOT NULL AND part = 0 GROUP BY ALL)
         WHERE responses >= {RESPONSES} AND responses >= {TIMES} * usual
         ORDER BY responses DESC, session_id, subagent_id LIMIT 10"
    );
    let runaways: Vec<(Subagent, [i128; 2])> =
        reader.rows(&sql, &params, |row| Ok(((row.get(0)?, row.get(1)?), [row.integer(2)?, row.integer(3)?])))?;
    if runaways.is_empty() {
        return Ok(Vec::new());
    }
    let condition = Where {
        clause: format!("{clause} AND usage_responses.subagent_id IN (SELECT subagent_id FROM ({sql}))"),
        params: [&*params, &*params].concat(),
    };
    let keys = ["usage_responses.session_id", "usage_responses.subagent_id", subagents::TYPE];
    let mut known: HashMap<Subagent, (Option<String>, PicoUsd)> = HashMap::new();
    spending::read(
        reader,
        prices,
        Columns { keys: &keys, join: subagents::JOIN },
        &condition,
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
        |(id, of_type): (_, Option<String>), _, spent| {
            let known = known.entry(id).or_insert((of_type, PicoUsd::default()));
            known.1 += spent.cost.unwrap_or_default();
        },
    )?;
    let mut trouble = |(id, [responses, usual]): (Subagent, [i128; 2])| {
        let (of_type, cost) = known.remove(&id).unwrap_or_default();
        let (session, subagent) = (id.0.unwrap_or_default(), id.1);
        let what = format!("{} {subagent} of {session}", of_type.unwrap_or_default());
        Trouble { cost: Some(cost), ..Trouble::new(Kind::Runaway, what, responses, Some(usual)) }
    };
    Ok(runaways.into_iter().map(&mut trouble).collect())
}
