//! What the usage was for: teams and projects, and what people and their agents were at.

use crate::base::error::Result;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::html::figures::Series;
use crate::plugs::usage::report::html::totals;
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::spending;
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

/// A table for each kind of names that there are any of.
pub(super) fn work(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<String> {
    let mut html = String::new();
    for (by, title) in TABLES {
        let Some(mut key) = Key::of(by, reader, filter)? else { continue };
        let mut series = Series::new();
        let columns = key.columns();
        let name = |row: &Row<'_>| key.name(row);
        spending::read(reader, prices, columns, &filter.condition(), name, |name, _, spent| {
            series.entry(name.unwrap_or_else(|| NONE.to_owned())).or_default().total.add(spent);
        })?;
        if series.keys().any(|name| name != NONE) {
            html += &totals(title, &series);
        }
    }
    if html.is_empty() {
        return Ok(html);
    }
    Ok(format!("<h2 id=\"work\">What it was for</h2>\n<div class=\"pair\">\n{html}</div>\n"))
}
