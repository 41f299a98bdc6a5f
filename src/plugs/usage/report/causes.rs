//! Causes of unsuccessful tool calls, retry loops, files that were changed again and again, runaway subagents, and
//! subagents without a response.

use super::trouble::{Kind, Trouble};
use crate::base::error::Result;
use crate::base::utc;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Asked, Columns};
use crate::plugs::usage::report::subagents::{self, Starts};
use crate::plugs::usage::sums::{self, Responses};
use crate::price::{PicoUsd, Prices};
use crate::report::trend::{Steps, Trend};
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Failed calls by tool, and unsuccessful calls by cause; the most frequent of each first.
pub(super) fn calls(reader: Reader<'_>, filter: &Filter, steps: &Steps) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.of_calls();
    let step = steps.sql("time");
    let at = |row: &Row<'_>| -> Result<Option<usize>> {
        Ok(row.get::<Option<i64>>(1)?.and_then(|step| usize::try_from(step).ok()))
    };
    let sql = format!(
        "SELECT tool, {step}, sum(calls), sum(errors) FROM {} WHERE {clause} GROUP BY ALL",
        sums::calls(reader, filter)?
    );
    let mut tools: BTreeMap<String, Calls> = BTreeMap::new();
    let mut all = 0;
    reader.each(&sql, &params, |row| {
        let (calls, errors) = (row.integer(2)?, row.integer(3)?);
        all += calls;
        let of_tool = tools.entry(row.get(0)?).or_default();
        of_tool.of += calls;
        of_tool.add(errors, at(row)?);
        Ok(())
    })?;
    let sql = format!(
        "SELECT cause, {step}, count(*), min(time), max(time) FILTER (error <> ''), {EXAMPLE}
         FROM {} WHERE {clause} AND cause IS NOT NULL GROUP BY ALL",
        sums::notable_calls(reader)?
    );
    let mut causes: BTreeMap<String, Calls> = BTreeMap::new();
    reader.each(&sql, &params, |row| {
        let of_cause = causes.entry(row.get(0)?).or_default();
        of_cause.add(row.integer(2)?, at(row)?);
        of_cause.first = of_cause.first.into_iter().chain(row.time(3)?).min();
        let example = row.time(4)?.zip(row.get(5)?);
        of_cause.example = of_cause.example.take().max(example);
        Ok(())
    })?;
    causes.values_mut().for_each(|cause| cause.of = all);
    let mut troubles: Vec<_> =
        tools.into_iter().map(|(tool, calls)| calls.trouble(Kind::ToolError, tool, steps)).collect();
    troubles.extend(causes.into_iter().map(|(cause, calls)| calls.trouble(Kind::Cause, cause, steps)));
    troubles.retain(|trouble| trouble.count > 0);
    troubles.sort_by_key(|trouble| (trouble.kind, Reverse(trouble.count)));
    Ok(troubles)
}

/// The cost of responses with failed calls, by tool, and of responses with unsuccessful calls, by cause; only of the
/// given kinds of trouble.
pub(super) fn costs(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    kinds: &[Kind],
) -> Result<HashMap<(Kind, String), PicoUsd>> {
    let Where { clause, params } = filter.of_calls();
    // Some causes occur in calls that failed and in calls that did not, so tools and causes are queried separately.
    let parts = [
        (Kind::ToolError, format!("tool AS what FROM {} WHERE {clause} AND errors > 0", sums::one_call_each())),
        (
            Kind::Cause,
            format!("cause AS what FROM {} WHERE {clause} AND cause IS NOT NULL", sums::notable_calls(reader)?),
        ),
    ];
    let parts = parts.into_iter().filter(|(kind, _)| kinds.contains(kind));
    let part = |(kind, part)| format!("SELECT DISTINCT message_id, {} AS is_tool, {part}", kind == Kind::ToolError);
    let parts: Vec<_> = parts.map(part).collect();
    if parts.is_empty() {
        return Ok(HashMap::new());
    }
    let join = format!("JOIN ({}) AS bad USING (message_id)", parts.join(" UNION ALL "));
    let params = vec![&*params; parts.len()].concat();
    let columns = Columns { join: &join, params: &params, ..Columns::of(&["is_tool", "what"]).one_by_one() };
    let key = |row: &Row<'_>| Ok((if row.get(0)? { Kind::ToolError } else { Kind::Cause }, row.get(1)?));
    spending::costs(reader, prices, columns, &Where::everything(), key)
}

/// Failed calls of a tool, or unsuccessful calls with the same cause.
#[derive(Default)]
struct Calls {
    count: i128,
    of: i128,
    trend: Trend,
    first: Option<DateTime<Utc>>,
    example: Option<(DateTime<Utc>, String)>,
}

impl Calls {
    fn add(&mut self, count: i128, step: Option<usize>) {
        self.count += count;
        step.into_iter().for_each(|step| self.trend.add(step, count));
    }

    fn trouble(self, kind: Kind, what: String, steps: &Steps) -> Trouble {
        Trouble {
            trend: steps.numbers(&self.trend),
            first_seen: self.first.map(utc::shortest),
            example: self.example.map(|(_, example)| example),
            ..Trouble::new(kind, what, self.count, Some(self.of))
        }
    }
}

/// The last error message that the model got.
pub(super) const EXAMPLE: &str = "arg_max(error, (time, error)) FILTER (error <> '')";

/// Creates [`LOOPS`], a temporary table of retry loops. A loop is three or more consecutive responses with calls in a
/// conversation, in each of which a call of the same tool fails for the same cause. Among consecutive responses, two
/// numbers grow together: the number of the response, and its number among the responses with that cause. So their
/// difference is constant:
///
/// ```text
/// response             1   2   3   4   5
/// with a failed Bash   x   x       x   x
/// its number           1   2       3   4
/// difference           0   0       1   1
/// ```
///
/// These are two loops of two responses, so neither counts. Calls of one response are made at the same time, so one of
/// them is not a retry of another.
fn in_loops(calls: &str, clause: &str) -> String {
    // A hash is compared faster than the texts that identify a conversation.
    let tried = "hash(session_file, session_id, caller_id, tool, cause)";
    format!(
        "CREATE OR REPLACE TEMP TABLE {LOOPS} AS
         WITH tries AS (
             SELECT {tried} AS tried, round, min(tool) AS tool, min(cause) AS cause, min(message_id) AS message_id,
                 min(username) AS username, min(project) AS project, max(time) AS time
             FROM {calls} WHERE {clause} AND is_retried AND cause NOT IN ('declined', 'interrupted', 'not_run')
             GROUP BY tried, round),
         counted AS (SELECT *, round - row_number() OVER (PARTITION BY tried ORDER BY round) AS difference FROM tries)
         SELECT tool, cause, tool || ': ' || cause AS what, message_id, username, project, time FROM counted
         QUALIFY count(*) OVER (PARTITION BY tried, difference) >= 3"
    )
}

/// The name of the temporary table of retry loops.
pub(super) const LOOPS: &str = "usage_loops";

/// Creates the table of retry loops. Returns the table of calls that it was made from.
pub(super) fn find_loops(reader: Reader<'_>, filter: &Filter) -> Result<String> {
    let Where { clause, params } = filter.of_calls();
    let calls = sums::notable_calls(reader)?;
    reader.each(&in_loops(&calls, &clause), &params, |_| Ok(()))?;
    Ok(calls)
}

/// Retry loops, with the cost of the responses that made their calls.
pub(super) fn loops(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Trouble>> {
    let calls = find_loops(reader, filter)?;
    // Error messages are read only for calls in loops.
    let sql = format!(
        "
        WITH loops AS (SELECT what, count(*) AS calls, min(time) AS first FROM {LOOPS} GROUP BY what),
        examples AS (
            SELECT what, arg_max(error, (said.time, error)) AS example
            FROM {calls} AS said JOIN {LOOPS} AS loops
                ON loops.time = said.time AND loops.message_id IS NOT DISTINCT FROM said.message_id
                AND loops.tool = said.tool AND loops.cause = said.cause
            WHERE error <> '' GROUP BY what)
        SELECT what, calls, first, example FROM loops LEFT JOIN examples USING (what) ORDER BY calls DESC, what"
    );
    let mut loops = reader.rows(&sql, &[], |row| {
        Ok(Trouble {
            first_seen: row.time(2)?.map(utc::shortest),
            example: row.get(3)?,
            ..Trouble::new(Kind::RetryLoop, row.get(0)?, row.integer(1)?, None)
        })
    })?;
    if loops.is_empty() {
        return Ok(loops);
    }
    let join = format!("JOIN (SELECT DISTINCT message_id, what FROM {LOOPS}) AS loops USING (message_id)");
    let columns = Columns { join: &join, ..Columns::of(&["loops.what"]).one_by_one() };
    let costs: HashMap<String, PicoUsd> =
        spending::costs(reader, prices, columns, &Where::everything(), |row| row.get(0))?;
    for of_loop in &mut loops {
        of_loop.cost = costs.get(&of_loop.what).copied();
    }
    Ok(loops)
}

/// Files that were changed at least three times in one session, at most ten.
pub(super) fn edited_again(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.of_calls();
    let sql = format!(
        "SELECT file, max(changes)::BIGINT AS most FROM (
             SELECT file, session_id, sum(changes)::BIGINT AS changes FROM {} WHERE {clause}
             GROUP BY ALL HAVING sum(changes) >= 3)
         GROUP BY file ORDER BY most DESC, file LIMIT 10",
        sums::file_changes(reader, filter)?
    );
    reader.rows(&sql, &params, |row| Ok(Trouble::new(Kind::EditedAgain, row.get(0)?, row.integer(1)?, None)))
}

/// The session and the id of a subagent.
type Subagent = (Option<String>, String);

/// A runaway subagent made at least `RESPONSES` responses and at least `TIMES` times the median.
const RESPONSES: i128 = 30;
const TIMES: i128 = 10;

/// The ten runaway subagents with the most responses, and their costs. `of` is the median.
pub(super) fn runaways(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.condition();
    let responses = Responses::added_up(reader, &filter.condition(), None)?.table;
    let sql = format!(
        "SELECT session_id, subagent_id, made, usual FROM (
             SELECT session_id, subagent_id, sum(responses)::BIGINT AS made,
                 floor(median(sum(responses)::BIGINT) OVER ())::BIGINT AS usual
             FROM {responses} WHERE {clause} AND subagent_id IS NOT NULL AND responses > 0 GROUP BY ALL)
         WHERE made >= {RESPONSES} AND made >= {TIMES} * usual
         ORDER BY made DESC, session_id, subagent_id LIMIT 10"
    );
    let runaways: Vec<(Subagent, [i128; 2])> =
        reader.rows(&sql, &params, |row| Ok(((row.get(0)?, row.get(1)?), [row.integer(2)?, row.integer(3)?])))?;
    if runaways.is_empty() {
        return Ok(Vec::new());
    }
    let condition = Where {
        clause: format!("{clause} AND subagent_id IN (SELECT subagent_id FROM ({sql}))"),
        params: [&*params, &*params].concat(),
    };
    let starts = Starts::read(reader)?;
    let mut known: HashMap<Subagent, (Option<String>, Option<PicoUsd>)> = HashMap::new();
    spending::read(
        reader,
        prices,
        Columns::of(&["session_id", "subagent_id", subagents::ID]).only(Asked::Costs),
        &condition,
        |row| Ok(((row.get(0)?, row.get(1)?), starts.kind(row.text(2)?, true).map(str::to_owned))),
        |(id, of_type): (_, Option<String>), _, spent| {
            let (_, cost) = known.entry(id).or_insert((of_type, None));
            *cost = cost.iter().copied().chain(spent.cost).reduce(|a, b| a + b);
        },
    )?;
    let mut trouble = |(id, [responses, usual]): (Subagent, [i128; 2])| {
        let (of_type, cost) = known.remove(&id).unwrap_or_default();
        let (session, subagent) = (id.0.unwrap_or_default(), id.1);
        let what = format!("{} {subagent} of {session}", of_type.unwrap_or_default());
        Trouble { cost, ..Trouble::new(Kind::Runaway, what, responses, Some(usual)) }
    };
    Ok(runaways.into_iter().map(&mut trouble).collect())
}

/// Subagents that were started and have no response in the database, by session. Either their transcripts are not in
/// the sources, or they ended before they answered.
pub(super) fn missing(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let Where { clause, params } = filter.of_calls();
    let responses = Responses::added_up(reader, &Where::everything(), None)?.table;
    let calls = sums::notable_calls(reader)?;
    let sql = format!(
        "WITH started AS (
             SELECT DISTINCT session_id, subagent_id FROM {calls}
             WHERE {clause} AND kind = 'subagent' AND session_id IS NOT NULL AND subagent_id IS NOT NULL),
         found AS (
             SELECT DISTINCT session_id, subagent_id, true AS is_found
             FROM {responses} WHERE subagent_id IS NOT NULL)
         SELECT session_id, count(*) FILTER (is_found IS NULL) AS missing, count(*)
         FROM started LEFT JOIN found USING (session_id, subagent_id)
         GROUP BY session_id HAVING missing > 0 ORDER BY missing DESC, session_id"
    );
    let trouble =
        |row: &Row<'_>| Ok(Trouble::new(Kind::MissingSubagent, row.get(0)?, row.integer(1)?, Some(row.integer(2)?)));
    reader.rows(&sql, &params, trouble)
}
