//! Converts rows between the types of the contract and those of DuckDB.

use crate::base::error::Result;
use crate::base::hash::{self, Hash};
use crate::source::stat::Stat;
use crate::store::Transaction;
use crate::store::batch::{self, Lead};
use chrono::{DateTime, Utc};
use duckdb::types::{TimeUnit, ToSqlOutput, ValueRef};
use duckdb::{Row, ToSql};
use md5::{Digest, Md5};
use sessionmill_contract::{Cells as _, FactRow, RowRef, Settlement, SourceFile, Table, Value};

/// A value for an appender, borrowed if possible.
pub(super) enum Cell<'a> {
    Text(&'a str),
    Int(i64),
    Time(DateTime<Utc>),
    Value(&'a Value),
    Own(Value),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Int(int) => ValueRef::BigInt(*int),
            Self::Time(at) => time(at),
            Self::Value(value) => borrowed(value),
            Self::Own(value) => borrowed(value),
        }))
    }
}

/// The cells for size, mtime, ctime and inode.
pub(super) fn stat_cells(stat: &Stat) -> [Cell<'static>; 4] {
    [stat.size.cast_signed(), stat.mtime_ns, stat.ctime_ns, stat.inode.cast_signed()].map(Cell::Int)
}

fn time(time: &DateTime<Utc>) -> ValueRef<'static> {
    ValueRef::Timestamp(TimeUnit::Microsecond, time.timestamp_micros())
}

fn borrowed(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(bool) => ValueRef::Boolean(*bool),
        Value::Int(int) => ValueRef::BigInt(*int),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Time(at) => time(at),
    }
}

/// Size, mtime, ctime and inode, from this column on.
pub(super) fn as_stat(row: &Row<'_>, first: usize) -> duckdb::Result<Stat> {
    let number = |column: usize| row.get::<_, i64>(first + column);
    Ok(Stat {
        size: number(0)?.cast_unsigned(),
        mtime_ns: number(1)?,
        ctime_ns: number(2)?,
        inode: number(3)?.cast_unsigned(),
    })
}

pub(super) fn as_hash(row: &Row<'_>, column: usize) -> duckdb::Result<Option<Hash>> {
    Ok(hash::from_hex(as_text(row, column)?))
}

pub(super) fn as_time(row: &Row<'_>, column: usize) -> duckdb::Result<Option<DateTime<Utc>>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Timestamp(unit, time) => DateTime::<Utc>::from_timestamp_micros(unit.to_micros(time)),
        _ => None,
    })
}

pub(super) fn as_text<'r>(row: &'r Row<'_>, column: usize) -> duckdb::Result<&'r str> {
    match row.get_ref(column)? {
        ValueRef::Text(text) => Ok(std::str::from_utf8(text).unwrap_or_default()),
        _ => Ok(""),
    }
}

/// A stable hash of a key, by which tables are filtered: numbers are compared ten times as fast as texts. Keys with the
/// same hash must then be distinguished by their texts.
pub fn key_hash(key: &str) -> i64 {
    let hash: [u8; 16] = Md5::digest(key).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Finds the key of a row of a table.
#[derive(Clone, Copy)]
pub(super) struct Key {
    column: Option<usize>,
    /// The key of all rows, if the settlement has no key column.
    name: &'static str,
}

impl Key {
    pub(super) fn of(settlement: &Settlement, table: &Table) -> Self {
        Self { column: settlement.key.and_then(|column| table.position(column)), name: settlement.name }
    }

    pub(super) fn text(self, row: RowRef<'_>) -> &str {
        self.column.map_or(self.name, |column| text(row, column))
    }
}

/// A fact on its way to the database.
#[derive(Clone, Copy)]
pub(super) struct Fact<'f> {
    pub(super) file: &'f SourceFile,
    pub(super) row: RowRef<'f>,
    /// The hash of its key, or of the key of its group; 0 in a table without keys.
    pub(super) key_hash: i64,
    /// Whether the fact is itself an entity, in a settlement that declares `alone`.
    pub(super) alone: bool,
}

impl<'f> Fact<'f> {
    /// The fact in the form that a processor takes.
    pub(super) fn as_row(&self) -> FactRow<'f> {
        FactRow { session_file: &self.file.session_file, username: &self.file.username, values: self.row }
    }
}

/// Appends facts to a table, with their source file and person. Returns their number.
pub(super) fn append_facts(
    transaction: &Transaction<'_>,
    table: &Table,
    settlement: Option<&Settlement>,
    facts: &[Fact<'_>],
) -> Result<u64> {
    let mut lead = vec![
        Lead::Text("session_file", Box::new(|at| &facts[at].file.session_file)),
        Lead::Text("username", Box::new(|at| &facts[at].file.username)),
    ];
    lead.extend(settlement.map(|_| Lead::Int("key_hash", Box::new(|at| facts[at].key_hash))));
    let alone = settlement.and_then(|settlement| settlement.alone.as_ref());
    lead.extend(alone.map(|_| Lead::Bool("alone", Box::new(|at| facts[at].alone))));
    let rows: Vec<_> = facts.iter().map(|fact| fact.row).collect();
    batch::append(transaction, table, &lead, &rows)
}

/// A text of a row; empty for null.
pub(super) fn text(row: RowRef<'_>, position: usize) -> &str {
    row.cell(position).as_str().unwrap_or_default()
}
