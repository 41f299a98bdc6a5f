//! The sources of a database: where they are, what is known of their files, and what is wrong with them.

use crate::base::error::Result;
use crate::base::utc;
use crate::store::known;
use crate::store::reader::Reader;
use crate::store::sources::{Registered, registered};
use serde::Serialize;
use std::collections::HashMap;

/// A source and what is known of it.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub root: String,
    pub layout: &'static str,
    /// Whose logs it has, where that is configured.
    pub user: Option<String>,
    /// `in use`, `alarm` or `retired`.
    pub state: &'static str,
    /// Why nothing of it is read.
    pub alarm: Option<String>,
    /// UTC.
    pub retired_at: Option<String>,
    /// Whether it was found and not named; unknown for one that an older version added.
    pub found: Option<bool>,
    /// Transcripts that were read.
    pub files: i64,
    /// Those of them that are gone.
    pub gone: i64,
}

/// All sources, by name; those that are retired last.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sources(reader: Reader<'_>) -> Result<Vec<Listed>> {
    let sql = "SELECT source, count(*), count(gone_since) FROM session_files GROUP BY source";
    let files = reader.rows(sql, &[], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    let files: HashMap<String, (i64, i64)> = files.into_iter().collect();
    let alarms: HashMap<String, String> = known::alarms(reader)?.into_iter().collect();
    let mut all = registered(reader)?;
    all.sort_by_key(|known| known.retired_at.is_some());
    let listed = |Registered { source, retired_at, is_found, .. }: Registered| {
        let alarm = alarms.get(&source.name).cloned();
        let (files, gone) = files.get(&source.name).copied().unwrap_or_default();
        Listed {
            state: match (retired_at, &alarm) {
                (Some(_), _) => "retired",
                (None, Some(_)) => "alarm",
                (None, None) => "in use",
            },
            root: source.root.display().to_string(),
            layout: source.layout.name(),
            user: source.user,
            retired_at: retired_at.map(utc::seconds),
            found: is_found,
            name: source.name,
            alarm,
            files,
            gone,
        }
    };
    Ok(all.into_iter().map(listed).collect())
}
