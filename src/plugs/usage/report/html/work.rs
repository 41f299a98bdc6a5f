//! What the usage was for: teams and projects, and what people and their agents were at.

use crate::base::error::Result;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::html::figures::{Series, within};
use crate::plugs::usage::report::html::period::Period;
use crate::plugs::usage::report::html::totals;
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::spending::{self, Columns};
use crate::price::Prices;
use crate::report::trend::Steps;
use crate::store::reader::{Reader, Row};
use std::collections::BTreeSet;

/// What a table is by, and what it is called.
const TABLES: [(By, &str); 6] = [
    (By::Team, "team"),
    (By::Project, "project"),
    (By::Command, "slash command"),
    (By::Skill, "skill"),
    (By::Subagent, "type of subagent"),
    (By::McpServer, "MCP server"),
];

/// What has no name of the kind that a table is about.
const NONE: &str = "(none)";

/// Reads the sums by each kind of names that there are any of. They are told by the days on which periods begin, and
/// by the one after them: more is not asked of them.
pub(super) fn read(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    periods: &[Period<'_>],
) -> Result<Vec<(&'static str, Series)>> {
    let parts = periods.iter().skip(1).map(|period| period.days);
    // A wrong clock can put a response behind all of them.
    let begins: BTreeSet<_> =
        parts.flat_map(|days| [days.since, days.until.and_then(|day| day.succ_opt())]).flatten().collect();
    let begins: Vec<_> = begins.into_iter().collect();
    let step = Steps::from(begins.iter().copied(), filter.zone).sql("time");
    let mut work = Vec::new();
    for (by, title) in TABLES {
        let Some(mut key) = Key::of(by, reader, filter)? else { continue };
        let Columns { keys, join } = key.columns();
        let keys: Vec<&str> = keys.iter().copied().chain([step.as_str()]).collect();
        let mut series = Series::new();
        let name = |row: &Row<'_>| Ok((key.name(row)?, row.get::<Option<i64>>(keys.len() - 1)?));
        spending::read(
            reader,
            prices,
            Columns { keys: &keys, join },
            &filter.condition(),
            name,
            |(name, step), _, spent| {
                let begin = step.and_then(|step| begins.get(usize::try_from(step).ok()?.checked_sub(1)?));
                series.entry(name.unwrap_or_else(|| NONE.to_owned())).or_default().add(begin.copied(), spent);
            },
        )?;
        if series.keys().any(|name| name != NONE) {
            work.push((title, series));
        }
    }
    Ok(work)
}

/// A table for each of them.
pub(super) fn html(work: &[(&str, Series)], period: &Period<'_>) -> String {
    let mut html = String::new();
    for (title, series) in work {
        let part = if period.is_whole() { None } else { Some(within(series, period.days)) };
        let series = part.as_ref().unwrap_or(series);
        if series.keys().any(|name| name != NONE) {
            html += &totals(title, series);
        }
    }
    if html.is_empty() {
        return html;
    }
    let anchor = period.anchor("work");
    format!("<h2 id=\"{anchor}\">What it was for</h2>\n<div class=\"pair\">\n{html}</div>\n")
}
