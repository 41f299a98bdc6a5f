//! What the rows of a report are about: the columns that a query groups by, and the name that each of its
//! groups has in the report.
//!
//! Every response is in exactly one row, which may be that of what has no name. So the sum over the rows
//! is the total, whatever they are about.

use crate::error::Result;
use crate::identities::Identities;
use crate::report::filter::Filter;
use crate::report::period::{Names, QUARTER, hour};
use crate::report::repository::repository;
use crate::report::subagent::{SUBAGENT, Subagents};
use crate::report::usage::By;
use crate::report::zone::Period;
use chrono_tz::Tz;
use duckdb::{Connection, Row};

/// Columns, and how they become a name.
pub(super) struct Key<'f> {
    pub(super) columns: &'static [&'static str],
    naming: Naming<'f>,
}

enum Naming<'f> {
    /// The value of the column.
    Plain,
    Period(Names),
    Hour(Tz),
    User(&'f Identities),
    Team(&'f Identities),
    Project,
    Subagent(Subagents),
    /// The value, else that of whoever started the subagent.
    Command(Subagents),
    Skill(Subagents),
}

/// Who works beside the main conversation without saying as what.
const UNKNOWN: &str = "(unknown)";

impl<'f> Key<'f> {
    /// The key of a report; `None` for those that are not made of responses by groups.
    pub(super) fn of(by: By, connection: &Connection, filter: &'f Filter) -> Result<Option<Self>> {
        let period = |period| Naming::Period(Names::new(period, filter.zone));
        let (columns, naming): (&[&str], _) = match by {
            By::Day => (&[QUARTER], period(Period::Day)),
            By::Week => (&[QUARTER], period(Period::Week)),
            By::Month => (&[QUARTER], period(Period::Month)),
            By::Hour => (&[QUARTER], Naming::Hour(filter.zone)),
            By::User => (&["username"], Naming::User(&filter.identities)),
            By::Team => (&["username"], Naming::Team(&filter.identities)),
            By::Project => (&["project"], Naming::Project),
            By::Branch => (&["branch"], Naming::Plain),
            By::Model => (&["model"], Naming::Plain),
            By::Session => (&["session_id"], Naming::Plain),
            By::Agent => (&["agent"], Naming::Plain),
            By::McpServer => (&["mcp_server"], Naming::Plain),
            By::Subagent => (&[SUBAGENT, "side_chain"], Naming::Subagent(Subagents::read(connection)?)),
            By::Command => (&["command", SUBAGENT], Naming::Command(Subagents::read(connection)?)),
            By::Skill => (&["skill", SUBAGENT], Naming::Skill(Subagents::read(connection)?)),
            By::Block | By::Tool => return Ok(None),
        };
        Ok(Some(Self { columns, naming }))
    }

    /// Whether rows are in the order of time, not of weight.
    pub(super) fn is_time(&self) -> bool {
        matches!(self.naming, Naming::Period(_) | Naming::Hour(_))
    }

    /// The name of a group, whose columns come first in the row.
    pub(super) fn name(&mut self, row: &Row<'_>) -> duckdb::Result<Option<String>> {
        let text = |column: usize| row.get::<_, Option<String>>(column);
        let name = |name: &str| name.to_owned();
        Ok(match &mut self.naming {
            Naming::Plain => text(0)?,
            Naming::Period(names) => names.of(row.get(0)?),
            Naming::Hour(zone) => row.get::<_, Option<i64>>(0)?.and_then(|quarter| hour(quarter, *zone)),
            Naming::User(identities) => text(0)?.map(|folder| name(identities.label(&folder))),
            Naming::Team(identities) => text(0)?.and_then(|folder| identities.team(&folder).map(name)),
            Naming::Project => text(0)?.map(|cwd| name(repository(&cwd))),
            Naming::Subagent(subagents) => match text(0)? {
                Some(id) => Some(name(subagents.kind(&id).unwrap_or(UNKNOWN))),
                None => row.get::<_, bool>(1)?.then(|| name(UNKNOWN)),
            },
            Naming::Command(subagents) => {
                let command = text(0)?.or(text(1)?.and_then(|id| subagents.command(&id).map(name)));
                command.map(|command| format!("/{command}"))
            }
            Naming::Skill(subagents) => text(0)?.or(text(1)?.and_then(|id| subagents.skill(&id).map(name))),
        })
    }
}
