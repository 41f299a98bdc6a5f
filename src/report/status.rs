//! What the database holds and how fresh it is.

use crate::error::{Result, count, thousands};
use crate::report::render::printable;
use duckdb::Connection;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// An overview of a database.
#[derive(Debug, Serialize)]
pub struct Status {
    pub database: String,
    pub sources: Vec<Value>,
    pub files: i64,
    /// Missing at the last walk; what they said is kept.
    pub gone: i64,
    pub lines: i64,
    pub malformed_lines: i64,
    /// Records of types that no rule is known for, by type.
    pub unknown_lines: Vec<(String, i64)>,
    pub processors: Vec<Processor>,
}

/// An overview of one processor.
#[derive(Debug, Serialize)]
pub struct Processor {
    pub processor: String,
    pub version: u32,
    /// Files that it has dealt with at this version.
    pub files: i64,
    pub items: i64,
    /// Files that it could not deal with.
    pub failures: i64,
    /// Keys whose entities are not up to date.
    pub unsettled_keys: i64,
    pub last_run: Option<Run>,
}

/// The last run of a processor.
#[derive(Debug, Serialize)]
pub struct Run {
    pub run_id: i64,
    pub trigger: String,
    /// UTC.
    pub started_at: String,
    /// `running`, `done` or `failed`.
    pub outcome: String,
    pub files: i64,
    pub processed: i64,
    pub pending: i64,
}

/// Unknown types that are shown.
const TYPES: usize = 20;

/// Reads the overview.
///
/// # Errors
///
/// If the database cannot be read.
pub fn status(connection: &Connection, database: &Path) -> Result<Status> {
    let mut statement = connection.prepare("SELECT name, root, layout, alarm FROM sources ORDER BY name")?;
    let source = |row: &duckdb::Row<'_>| -> duckdb::Result<Value> {
        let (name, root, layout): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let alarm: Option<String> = row.get(3)?;
        Ok(json!({"name": name, "root": root, "layout": layout, "alarm": alarm}))
    };
    let sources = statement.query_map([], source)?.collect::<duckdb::Result<_>>()?;
    let (files, gone, lines, malformed_lines) = connection.query_row(
        "SELECT count(*), count(gone_since), coalesce(sum(lines), 0)::BIGINT, coalesce(sum(malformed_lines), 0)::BIGINT
         FROM session_files",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let mut statement = connection.prepare(&format!(
        "SELECT kind, sum(lines)::BIGINT AS lines FROM session_unknown_lines GROUP BY kind ORDER BY lines DESC, kind LIMIT {TYPES}"
    ))?;
    let unknown_lines =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<duckdb::Result<_>>()?;
    let processors = crate::registry::processors().iter().map(|processor| {
        let manifest = processor.manifest();
        self::processor(connection, manifest.name, manifest.version)
    });
    let processors = processors.collect::<Result<_>>()?;
    let database = database.display().to_string();
    Ok(Status { database, sources, files, gone, lines, malformed_lines, unknown_lines, processors })
}

fn processor(connection: &Connection, name: &str, version: u32) -> Result<Processor> {
    let (files, items) = connection.query_row(
        "SELECT count(*), coalesce(sum(items_extracted), 0)::BIGINT FROM session_processor_state
         WHERE processor_name = ? AND processor_version = ?",
        duckdb::params![name, version],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let number = |sql: &str| connection.query_row(sql, [name], |row| row.get(0));
    let failures = number("SELECT count(*) FROM session_failures WHERE processor_name = ?")?;
    let unsettled_keys = number(
        "SELECT count(*) FROM (SELECT DISTINCT facts_table, key_hash FROM facts.touched_keys WHERE processor_name = ?)",
    )?;
    let mut statement = connection.prepare(
        "SELECT run_id, trigger, strftime(started_at, '%Y-%m-%dT%H:%M:%SZ'), outcome, files, processed, deferred + errors
         FROM processor_runs WHERE processor_name = ? ORDER BY run_id DESC LIMIT 1",
    )?;
    let mut rows = statement.query([name])?;
    let last_run = rows.next()?.map(|row| -> duckdb::Result<Run> {
        Ok(Run {
            run_id: row.get(0)?,
            trigger: row.get(1)?,
            started_at: row.get(2)?,
            outcome: row.get(3)?,
            files: row.get(4)?,
            processed: row.get(5)?,
            pending: row.get(6)?,
        })
    });
    let last_run = last_run.transpose()?;
    Ok(Processor { processor: name.to_owned(), version, files, items, failures, unsettled_keys, last_run })
}

impl Status {
    /// The overview in words.
    pub fn words(&self) -> String {
        let mut words = format!("database      {}\n", printable(&self.database));
        for source in &self.sources {
            let field = |name: &str| printable(source[name].as_str().unwrap_or_default());
            let _ = writeln!(words, "source        {} ({} layout)", field("root"), field("layout"));
            if source["alarm"].is_string() {
                let _ = writeln!(words, "              alarm: {}", field("alarm"));
            }
        }
        let files = |files: i64| count(files.cast_unsigned(), "file");
        let lines = count(self.lines.cast_unsigned(), "line");
        let _ = write!(words, "files         {}, {lines}", files(self.files));
        if self.malformed_lines > 0 {
            let _ = write!(words, ", {} of them malformed", thousands(self.malformed_lines.into()));
        }
        if self.gone > 0 {
            let _ = write!(words, "; {} no longer there, what they said is kept", files(self.gone));
        }
        words.push('\n');
        for (kind, lines) in &self.unknown_lines {
            let kind = printable(kind);
            let _ = writeln!(words, "unknown       {} of type `{kind}`", count(lines.cast_unsigned(), "line"));
        }
        for processor in &self.processors {
            processor.write(&mut words);
        }
        words
    }
}

impl Processor {
    fn write(&self, words: &mut String) {
        let items = count(self.items.cast_unsigned(), "item");
        let files = count(self.files.cast_unsigned(), "file");
        let _ = writeln!(words, "{:<13} {items} from {files}", self.processor);
        match &self.last_run {
            None => words.push_str("              never ran\n"),
            Some(run) => {
                let _ = write!(words, "              last run {} by {}: {}", run.started_at, run.trigger, run.outcome);
                let _ = writeln!(
                    words,
                    ", {} of {} files changed",
                    thousands(run.processed.into()),
                    thousands(run.files.into())
                );
                if run.pending > 0 {
                    let _ = writeln!(
                        words,
                        "              {} waiting for the next run",
                        count(run.pending.cast_unsigned(), "file")
                    );
                }
            }
        }
        if self.failures > 0 {
            let _ = writeln!(words, "              {} failed", count(self.failures.cast_unsigned(), "file"));
        }
        if self.unsettled_keys > 0 {
            let _ = writeln!(words, "              {} to settle", count(self.unsettled_keys.cast_unsigned(), "key"));
        }
    }
}
