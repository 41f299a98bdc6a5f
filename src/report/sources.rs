//! The sources of a database: their roots, what is known of their files, and problems with them.

use crate::base::error::Result;
use crate::base::utc;
use crate::store::known;
use crate::store::reader::Reader;
use crate::store::sources::{Registered, registered};
use serde::Serialize;
use std::collections::HashMap;

/// A source, and what is known of it.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub root: String,
    pub layout: &'static str,
    /// The user whose logs it contains, if configured.
    pub user: Option<String>,
    /// `in use`, `alarm` or `retired`.
    pub state: &'static str,
    /// Why the source is not read.
    pub alarm: Option<String>,
    /// UTC.
    pub retired_at: Option<String>,
    /// Whether the program found the source itself. `None` for a source that an older version added.
    pub found: Option<bool>,
    /// The number of files that were read.
    pub files: i64,
    /// The number of these that have been deleted.
    pub gone: i64,
}

/// All sources by name, retired ones last.
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
