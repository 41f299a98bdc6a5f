//! What the usage was for: teams and projects, and what people and their agents were at.

use crate::base::error::Result;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::html::figures::{Series, within};
use crate::plugs::usage::report::html::period::Period;
use crate::plugs::usage::report::html::totals;
use crate::plugs::usage::report::key::Keys;
use crate::plugs::usage::report::spending::{self, Columns};
use crate::price::Prices;
use crate::store::reader::{Reader, Row};

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

/// Reads the sums by each kind of names that there are any of.
pub(super) fn read(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<(&'static str, Series)>> {
    let mut work = Vec::new();
    for (by, title) in TABLES {
        let keys = Keys::of(&[By::Day, by], reader, filter)?;
        let Some(mut keys) = keys else { continue };
        let (columns, join) = keys.columns();
        let columns = Columns { keys: &columns, join };
        let mut series = Series::new();
        let key = |row: &Row<'_>| keys.names(row);
        spending::read(reader, prices, columns, &filter.condition(), key, |names, _, spent| {
            let mut names = names.into_iter();
            let day = names.next().flatten().and_then(|day| day.parse().ok());
            series.entry(names.next().flatten().unwrap_or_else(|| NONE.to_owned())).or_default().add(day, spent);
        })?;
        if series.keys().any(|name| name != NONE) {
            work.push((title, series));
        }
    }
    Ok(work)
}

/// A table for each of them.
pub(super) fn html(work: &[(&str, Series)], period: &Period<'_, '_>) -> String {
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
