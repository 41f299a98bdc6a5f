//! Costs that the clients themselves report. They are shown beside the computed cost, and never added to it.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::period;
use crate::price::PicoUsd;
use crate::store::reader::{Reader, Row};

/// Keys that a client's total for a session can be grouped by. A session can have several projects and models, so its
/// total has neither.
const WHOLE: [&str; 6] = [period::QUARTER, period::HOUR, period::DAY, "username", "session_id", "agent"];

/// Reads the reported costs of a condition, grouped by some columns. If a client reports a total for a session, the
/// total replaces the costs of single responses, and counts at the time the session began. A report by or about a
/// project or model leaves such sessions out. Returns whether there are any that it leaves out.
///
/// # Errors
///
/// If the database cannot be read.
pub(super) fn read<K>(
    reader: Reader<'_>,
    keys: &[&str],
    filter: &Filter,
    mut key: impl FnMut(&Row<'_>) -> Result<K>,
    mut each: impl FnMut(K, PicoUsd),
) -> Result<bool> {
    const MICRO: PicoUsd = 1_000_000;
    let whole = keys.iter().all(|key| WHOLE.contains(key)) && filter.project.is_none() && filter.model.is_none();
    let Where { clause, params } = filter.condition();
    let named: Vec<_> = keys.iter().enumerate().map(|(number, key)| format!("{key} AS key_{number}, ")).collect();
    let (named, names) = (named.concat(), (0..keys.len()).map(|number| format!("key_{number}, ")).collect::<String>());
    let totals =
        if whole { format!("UNION ALL SELECT {named} reported FROM totals WHERE {clause}") } else { String::new() };
    let sql = format!(
        "WITH totals AS (
             SELECT session_id, min(started) AS time, first(username ORDER BY started, session_file) AS username,
                 first(agent ORDER BY started, session_file) AS agent, max(client_total_micro_usd) AS reported
             FROM usage_sessions WHERE client_total_micro_usd IS NOT NULL GROUP BY session_id)
         SELECT {names} sum(reported), (SELECT count(*) FROM totals) FROM (
             SELECT {named} reported_cost_micro_usd AS reported FROM usage_responses
             WHERE {clause} AND reported_cost_micro_usd IS NOT NULL
                 AND (session_id IS NULL OR session_id NOT IN (SELECT session_id FROM totals WHERE session_id IS NOT NULL))
             {totals})
         GROUP BY ALL"
    );
    let times = if whole { 2 } else { 1 };
    let mut has_totals = false;
    reader.each(&sql, &vec![params; times].concat(), |row| {
        has_totals = row.integer(keys.len() + 1)? > 0;
        each(key(row)?, row.integer(keys.len())? * MICRO);
        Ok(())
    })?;
    Ok(has_totals && !whole)
}
