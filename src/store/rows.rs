//! Rows between the contract's values and DuckDB's.

use crate::base::error::Result;
use crate::base::hash::{self, Hash};
use crate::source::stat::Stat;
use crate::store::Transaction;
use crate::store::settle::Groups;
use chrono::{DateTime, Utc};
use duckdb::types::{TimeUnit, ToSqlOutput, ValueRef};
use duckdb::{Row, ToSql};
use md5::{Digest, Md5};
use sessionmill_contract::{Manifest, Settlement, SourceFile, Table, Value};

/// A value on its way to an appender, without a copy.
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

/// Size, mtime, ctime and inode.
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

/// A cell of a result.
pub(super) fn value(row: &Row<'_>, column: usize) -> duckdb::Result<Value> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Value::Null,
        ValueRef::Boolean(bool) => Value::Bool(bool),
        ValueRef::BigInt(int) => Value::Int(int),
        ValueRef::Timestamp(unit, time) => {
            DateTime::from_timestamp_micros(unit.to_micros(time)).map_or(Value::Null, Value::Time)
        }
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into()),
        other => return Err(duckdb::Error::InvalidColumnType(column, String::new(), other.data_type())),
    })
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

/// A stable number for a key: tables filter by it, because a number is compared in a tenth of the
/// time of a text. Two keys with the same one only cost each other a second look.
pub(super) fn key_hash(key: &str) -> i64 {
    let hash: [u8; 16] = Md5::digest(key).into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Appends facts of one table, with where they come from, under the hashes of their groups; returns how many.
pub(super) fn append_facts<'f>(
    transaction: &Transaction<'_>,
    table: &Table,
    settlement: Option<(&Settlement, &Groups)>,
    rows: impl Iterator<Item = (&'f SourceFile, &'f [Value])>,
) -> Result<u64> {
    let key = settlement.and_then(|(settlement, groups)| Some((table.position(settlement.key)?, groups)));
    let cells = rows.map(|(file, row)| {
        let origin = [Cell::Text(&file.session_file), Cell::Text(&file.username)];
        origin.into_iter().chain(key_cell(key, row)).chain(row.iter().map(Cell::Value))
    });
    transaction.append("facts", table.name, cells)
}

/// Appends entities of one table, which can be the facts of a later settlement.
pub(super) fn append_entities(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    table: &Table,
    settlement: &Settlement,
    rows: &[&[Value]],
) -> Result<()> {
    let own = Groups::default();
    let key = table.position(settlement.key).map(|key| (key, &own));
    let later = manifest.settlement_of(table).and_then(|later| Some((later, table.position(later.key)?)));
    let groups = match later {
        Some((later, key)) => {
            let keys = rows.iter().filter_map(|row| row.get(key)?.as_str());
            Groups::of(transaction, manifest, later, keys)?
        }
        None => Groups::default(),
    };
    let chain = later.map(|(_, key)| (key, &groups));
    let cells = rows.iter().map(|row| {
        let hashes = key_cell(key, row).into_iter().chain(key_cell(chain, row));
        hashes.chain(row.iter().map(Cell::Value))
    });
    transaction.append("facts", table.name, cells)?;
    Ok(())
}

/// The hash of a key, which is in this place of a row.
fn key_cell<'a>(key: Option<(usize, &Groups)>, row: &'a [Value]) -> Option<Cell<'a>> {
    let (key, groups) = key?;
    Some(Cell::Int(groups.hash(row.get(key)?.as_str().unwrap_or_default())))
}
