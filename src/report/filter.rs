//! Which part of the database a report is about.

use crate::report::zone;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use duckdb::types::{TimeUnit, ToSqlOutput, ValueRef};

/// Days and names; what is `None` is not asked for.
#[derive(Clone, Debug)]
pub struct Filter {
    /// First day.
    pub since: Option<NaiveDate>,
    /// Last day, which belongs to the report.
    pub until: Option<NaiveDate>,
    pub user: Option<String>,
    pub project: Option<String>,
    pub model: Option<String>,
    pub agent: Option<String>,
    pub zone: Tz,
}

/// A condition in SQL, and its parameters.
#[derive(Debug)]
pub(super) struct Where {
    pub(super) clause: String,
    pub(super) params: Vec<Param>,
}

#[derive(Clone, Debug)]
pub(super) enum Param {
    Text(String),
    Time(DateTime<Utc>),
}

impl duckdb::ToSql for Param {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Time(time) => ValueRef::Timestamp(TimeUnit::Microsecond, time.timestamp_micros()),
        }))
    }
}

impl Filter {
    /// What is asked for by name: what it is, the column that has it, the name.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str, &String)> {
        [
            ("user", "username", &self.user),
            ("project", "project", &self.project),
            ("model", "model", &self.model),
            ("agent", "agent", &self.agent),
        ]
        .into_iter()
        .filter_map(|(what, column, name)| Some((what, column, name.as_ref()?)))
    }

    /// Whether it leaves anything out.
    pub fn is_narrow(&self) -> bool {
        self.since.is_some() || self.until.is_some() || self.names().next().is_some()
    }

    pub(super) fn condition(&self) -> Where {
        let mut parts = vec!["true".to_owned()];
        let mut params = Vec::new();
        let since = self.since.map(|day| ("time >= ?", zone::begin(day, self.zone)));
        let until = self.until.map(|day| ("time < ?", zone::end(day, self.zone)));
        for (part, time) in [since, until].into_iter().flatten() {
            parts.push(part.to_owned());
            params.push(Param::Time(time));
        }
        for (_, column, name) in self.names() {
            parts.push(format!("{column} = ?"));
            params.push(Param::Text(name.clone()));
        }
        Where { clause: parts.join(" AND "), params }
    }
}
