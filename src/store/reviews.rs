//! Reviews: decisions of people about entities, and findings about them. Rows are added and never changed.
//!
//! Reviews cannot be restored from transcripts, so they are also stored in files beside the database, one JSON object
//! per line: `mill.duckdb.knowledge_reviews` for that table of `mill.duckdb`. A review is written to the file before it
//! is committed. A database that has lost reviews, or that was made anew, restores them from the files.

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::base::utc;
use crate::store::rows::Cell;
use crate::store::settle::{all, touch};
use crate::store::{Store, Transaction, beside};
use serde_json::{Map, Value as Json};
use sessionmill_contract::{Column, ColumnKind, Manifest, Settlement, Table, Value};
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::Path;

/// Rows of a table, with a value for each of its columns.
type Values = Vec<Vec<Value>>;

impl Store {
    /// Adds reviews to a settlement and touches the given keys, whose entities they can change. Each review gets the
    /// next free number instead of its first cell. The keys are settled by the next pass, unless the caller settles
    /// them at once.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or the file beside it cannot be read or written.
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
            let (_, strange) = self.take_back_in(transaction, manifest, settlement, table)?;
            let last = last(transaction, table)?;
            let numbered = |(number, row): (i64, &[Value])| -> Vec<Value> {
                std::iter::once(number.into()).chain(row.iter().skip(1).cloned()).collect()
            };
            let rows: Values = (last + 1..).zip(rows.iter().map(AsRef::as_ref)).map(numbered).collect();
            transaction.append("main", table.name, rows.iter().map(|row| row.iter().map(Cell::Value)))?;
            touch::keys(transaction, manifest, settlement, keys)?;
            let database = self.lock.database();
            // If part of the file cannot be read, the whole file is written again from the database.
            match strange.is_none() && ends_with(database, table, last) {
                true => extend(database, table, &rows),
                false => keep(database, table, &all(transaction, "main", table)?),
            }
        })
    }

    /// Restores the reviews of a processor that the database has lost, and touches all keys of their settlement. If the
    /// file is missing or was written by an older program, it is written again. Returns the number of restored reviews,
    /// and messages about lines that cannot be read.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or the file beside it cannot be read or written.
    pub fn take_back(&self, manifest: &Manifest) -> Result<(u64, Vec<String>)> {
        let (mut count, mut strange) = (0, Vec::new());
        for settlement in manifest.settlements {
            let Some(table) = settlement.reviews else { continue };
            let database = self.lock.database();
            let (lost, unread) = self.transaction(|transaction| {
                let taken = self.take_back_in(transaction, manifest, settlement, table)?;
                let is_to_write = match first_line(database, table) {
                    None => last(transaction, table)? > 0,
                    Some(line) => taken.1.is_none() && is_older(table, &line),
                };
                if is_to_write {
                    keep(database, table, &all(transaction, "main", table)?)?;
                }
                Ok(taken)
            })?;
            count += lost;
            strange.extend(unread);
        }
        Ok((count, strange))
    }

    fn take_back_in(
        &self,
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
        table: &Table,
    ) -> Result<(u64, Option<String>)> {
        let last = last(transaction, table)?;
        let (lost, strange) = kept(self.lock.database(), table, last)?;
        if lost.is_empty() {
            return Ok((0, strange));
        }
        touch::all(transaction, manifest, settlement)?;
        let count =
            transaction.append("main", table.name, lost.into_iter().map(|row| row.into_iter().map(Cell::Own)))?;
        Ok((count, strange))
    }

    /// The entities in the first table of a settlement, and its reviews.
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

/// The number of the last review; 0 if there is none.
fn last(transaction: &Transaction<'_>, table: &Table) -> Result<i64> {
    transaction.number(&format!("SELECT coalesce(max({}), 0) FROM {}", table.columns[0].name, table.name), [])
}

/// Writes the file anew, with all reviews.
fn keep(database: &Path, table: &Table, rows: &Values) -> Result<()> {
    let path = beside(database, table.name);
    let written = atomic_file::write(&path, lines(table, rows), Some(0o600));
    written.map_err(|error| Error::cannot("write", path.display(), error))
}

/// Appends reviews to the file and syncs it.
fn extend(database: &Path, table: &Table, rows: &Values) -> Result<()> {
    let path = beside(database, table.name);
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    let written = File::options().append(true).open(&path).and_then(|mut file| {
        file.write_all(lines(table, rows).as_bytes())?;
        file.sync_data()
    });
    written.map_err(|error| Error::cannot("write", path.display(), error))
}

/// Whether the last line of the file is complete and is the review with this number.
fn ends_with(database: &Path, table: &Table, number: i64) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    let text = std::fs::read_to_string(beside(database, table.name)).unwrap_or_default();
    let last = text.strip_suffix('\n').and_then(|text| read(table, text.lines().next_back()?));
    last.is_some_and(|row| row.first().and_then(Value::as_int) == Some(number))
}

/// The first line of the file; `None` if there is no such file.
fn first_line(database: &Path, table: &Table) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    let file = File::open(beside(database, table.name)).ok()?;
    let mut line = String::new();
    // An error is ignored here: the function that reads the whole file reports it.
    let _ = BufReader::new(file).read_line(&mut line);
    Some(line)
}

/// Whether a line lacks a column that was added later. The first line is enough to find out, because a new column makes
/// the whole file be written again.
fn is_older(table: &Table, line: &str) -> bool {
    let row: Option<Map<String, Json>> = serde_json::from_str(line).ok();
    row.is_some_and(|row| table.columns.iter().any(|column| !row.contains_key(column.name)))
}

/// Reviews as text, one per line.
fn lines(table: &Table, rows: &Values) -> String {
    let line = |row: &Vec<Value>| {
        let cells = table.columns.iter().zip(row).map(|(column, value)| (column.name.to_owned(), json(value)));
        Json::Object(cells.collect()).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The reviews in the file whose number is greater than `last`; none if there is no file.
///
/// A line that cannot be read is an error if only the file can have that review. If a later line has a review that is
/// also in the database, the database has this one, too. Then the line is only reported, and the next review writes the
/// file again. For example, if `last` is 3, an unreadable line before review 3 is reported, and one after it is an
/// error.
///
/// A last line without a line end was cut off by a crash before its review was committed, and is ignored.
fn kept(database: &Path, table: &Table, last: i64) -> Result<(Values, Option<String>)> {
    let path = beside(database, table.name);
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), None)),
        read => read.map_err(|error| Error::cannot("read", path.display(), error))?,
    };
    let (mut rows, mut unread, mut reported) = (Vec::new(), None, None);
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    for (number, line) in (1..).zip(whole.lines()) {
        match read(table, line) {
            None => unread = unread.or(Some(number)),
            Some(row) if row.first().and_then(Value::as_int).is_some_and(|number| number > last) => rows.push(row),
            Some(_) => reported = unread.take().or(reported),
        }
    }
    let words = |number: usize| format!("cannot read `{}`: line {number} is not a decision", path.display());
    match unread {
        Some(number) => Err(Error::new(Status::CannotRun, words(number))
            .hint("put back the file from a copy; what only it holds is lost if it is removed")),
        None => Ok((rows, reported.map(words))),
    }
}

fn read(table: &Table, line: &str) -> Option<Vec<Value>> {
    let row: Map<String, Json> = serde_json::from_str(line).ok()?;
    let cell = |column: &Column| match (column.kind, row.get(column.name).unwrap_or(&Json::Null)) {
        // An older program knew fewer columns.
        (_, Json::Null) => column.is_nullable.then_some(Value::Null),
        (ColumnKind::Bool, Json::Bool(bool)) => Some(Value::Bool(*bool)),
        (ColumnKind::Int, Json::Number(number)) => Some(Value::Int(number.as_i64()?)),
        (ColumnKind::Time, Json::String(text)) => Some(Value::Time(text.parse().ok()?)),
        (ColumnKind::Text, Json::String(text)) => Some(Value::from(text.as_str())),
        _ => None,
    };
    let cells: Vec<_> = table.columns.iter().map(cell).collect::<Option<_>>()?;
    // A review is identified by its number, counted from 1.
    matches!(cells.first(), Some(Value::Int(1..))).then_some(cells)
}

/// A value as JSON. Times are texts that the database can read.
fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Int(int) => (*int).into(),
        Value::Text(text) => (&**text).into(),
        Value::Time(time) => utc::microseconds(*time).into(),
    }
}
