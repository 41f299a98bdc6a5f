//! What people decide about entities, and what was found out about them: rows that are added and never
//! changed.
//!
//! No transcript can bring them back, so all of them stand in a file beside the database, too, a JSON object a
//! line: `mill.duckdb.knowledge_reviews` for that table of `mill.duckdb`. It is written before they are
//! committed. A database that has lost some, or is a new one in the place of another, takes them back.

use crate::error::{Error, Result, Status, cause};
use crate::failpoint;
use crate::store::rows::{Cell, append_touched, key_hash};
use crate::store::settle::all;
use crate::store::{Store, Transaction, beside};
use crate::whole;
use chrono::SecondsFormat;
use duckdb::params;
use serde_json::{Map, Value as Json};
use sessionmill_contract::{Manifest, Settlement, Table, Value};
use std::io::ErrorKind;
use std::path::Path;

/// Rows of a table, which follow its columns.
type Values = Vec<Vec<Value>>;

impl Store {
    /// Adds rows to the reviews of a settlement, each after a number of its own, and touches the keys
    /// that they can change anything about. These wait for the next pass, unless they are settled at once.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or the file beside it neither read nor written.
    pub fn review(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        rows: &[impl AsRef<[Value]>],
        keys: &[String],
    ) -> Result<()> {
        let Some(table) = settlement.reviews else { return Ok(()) };
        failpoint::point("before-review", table.name);
        self.transaction(|transaction| {
            self.take_back_in(transaction, manifest, settlement, table)?;
            let first = last(transaction, table)? + 1;
            let rows = (first..)
                .zip(rows)
                .map(|(number, row)| std::iter::once(Cell::Int(number)).chain(row.as_ref().iter().map(Cell::Value)));
            transaction.append("main", table.name, rows)?;
            let hashes: Vec<_> = keys.iter().map(|key| key_hash(key)).collect();
            append_touched(transaction, manifest.name, settlement, &hashes)?;
            keep(self.lock.database(), table, &all(transaction, "main", table)?)
        })
    }

    /// Takes back the reviews of a processor that the database has lost, and touches all keys for them. Where
    /// the file is missing, it is written. Returns how many were lost.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or the file beside it not be read.
    pub fn take_back(&self, manifest: &Manifest) -> Result<u64> {
        let mut count = 0;
        for settlement in manifest.settlements {
            let Some(table) = settlement.reviews else { continue };
            let database = self.lock.database();
            count += self.transaction(|transaction| {
                if !beside(database, table.name).exists() && last(transaction, table)? > 0 {
                    keep(database, table, &all(transaction, "main", table)?)?;
                }
                self.take_back_in(transaction, manifest, settlement, table)
            })?;
        }
        Ok(count)
    }

    fn take_back_in(
        &self,
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
        table: &Table,
    ) -> Result<u64> {
        let last = last(transaction, table)?;
        let lost = kept(self.lock.database(), table, last)?;
        if lost.is_empty() {
            return Ok(0);
        }
        let facts = settlement.facts.name;
        let touch = format!("INSERT INTO facts.touched_keys SELECT DISTINCT ?, ?, key_hash FROM facts.{facts}");
        transaction.execute(&touch, params![manifest.name, facts])?;
        transaction.append("main", table.name, lost.into_iter().map(|row| row.into_iter().map(Cell::Own)))
    }

    /// The entities of a settlement, which are the rows of its first table, and their reviews.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn reviewed(&self, settlement: &Settlement) -> Result<(Values, Values)> {
        self.transaction(|transaction| {
            let entities = settlement.entities.first().map(|table| all(transaction, "facts", table));
            let reviews = settlement.reviews.map(|table| all(transaction, "main", table));
            Ok((entities.transpose()?.unwrap_or_default(), reviews.transpose()?.unwrap_or_default()))
        })
    }
}

/// The number of the last review.
fn last(transaction: &Transaction<'_>, table: &Table) -> Result<i64> {
    transaction.number(&format!("SELECT coalesce(max({}), 0) FROM {}", table.columns[0], table.name), [])
}

/// Writes all reviews into the file beside the database.
fn keep(database: &Path, table: &Table, rows: &Values) -> Result<()> {
    let path = beside(database, table.name);
    let line = |row: &Vec<Value>| {
        let cells = table.columns.iter().zip(row).map(|(column, value)| ((*column).to_owned(), json(value)));
        Json::Object(cells.collect()).to_string() + "\n"
    };
    let text: String = rows.iter().map(line).collect();
    whole::write(&path, &text, None).map_err(|error| Error::cannot("write", path.display(), cause(&error)))
}

/// The reviews after a number in the file beside the database; none if there is no such file.
fn kept(database: &Path, table: &Table, last: i64) -> Result<Values> {
    let path = beside(database, table.name);
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| Error::cannot("read", path.display(), cause(&error)))?,
    };
    let strange = |number: usize| {
        Error::new(Status::CannotRun, format!("cannot read `{}`: line {number} is no decision", path.display()))
            .hint("put back the file from a copy; what only it holds is lost if it is removed")
    };
    let is_lost = |row: &Vec<Value>| row.first().and_then(Value::as_int).is_some_and(|number| number > last);
    // Most often nothing is, and the last line says so.
    if text.lines().next_back().and_then(|line| read(table, line)).is_some_and(|row| !is_lost(&row)) {
        return Ok(Vec::new());
    }
    let lines = (1..).zip(text.lines());
    let mut rows =
        lines.map(|(number, line)| read(table, line).ok_or_else(|| strange(number))).collect::<Result<Values>>()?;
    rows.retain(is_lost);
    Ok(rows)
}

fn read(table: &Table, line: &str) -> Option<Vec<Value>> {
    let row: Map<String, Json> = serde_json::from_str(line).ok()?;
    let cell = |column: &&str| match row.get(*column)? {
        Json::Null => Some(Value::Null),
        Json::Number(number) => Some(Value::Int(number.as_i64()?)),
        Json::String(text) => Some(Value::from(text.as_str())),
        _ => None,
    };
    table.columns.iter().map(cell).collect()
}

/// Times are text, which the database reads.
fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Int(int) => (*int).into(),
        Value::Text(text) => (&**text).into(),
        Value::Time(time) => time.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
    }
}
