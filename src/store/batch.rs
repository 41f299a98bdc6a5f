//! Appends rows in batches of Arrow, column by column: the fastest way into DuckDB.

use crate::base::error::Result;
use crate::store::Transaction;
use duckdb::arrow::array::{ArrayRef, BooleanArray, Int64Array, LargeStringArray, TimestampMicrosecondArray};
use duckdb::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use duckdb::arrow::record_batch::RecordBatch;
use sessionmill_contract::{Cells as _, ColumnKind, RowRef, Table};
use std::sync::Arc;

/// Rows per batch: enough that the overhead of a batch does not matter, and few enough that two copies of its texts fit
/// into memory.
const ROWS: usize = 8_192;

/// A column that the store puts before the declared columns of a table.
pub(super) enum Lead<'l> {
    Text(&'static str, Box<dyn Fn(usize) -> &'l str + 'l>),
    Int(&'static str, Box<dyn Fn(usize) -> i64 + 'l>),
    Bool(&'static str, Box<dyn Fn(usize) -> bool + 'l>),
}

impl Lead<'_> {
    fn field(&self) -> Field {
        match self {
            Self::Text(name, _) => Field::new(*name, DataType::LargeUtf8, false),
            Self::Int(name, _) => Field::new(*name, DataType::Int64, false),
            Self::Bool(name, _) => Field::new(*name, DataType::Boolean, false),
        }
    }

    fn array(&self, rows: std::ops::Range<usize>) -> ArrayRef {
        match self {
            Self::Text(_, text) => Arc::new(LargeStringArray::from_iter_values(rows.map(text))),
            Self::Int(_, int) => Arc::new(Int64Array::from_iter_values(rows.map(int))),
            Self::Bool(_, bool) => Arc::new(rows.map(|at| Some(bool(at))).collect::<BooleanArray>()),
        }
    }
}

/// Appends rows to a table in schema `facts`. Returns their number.
pub(super) fn append(
    transaction: &Transaction<'_>,
    table: &Table,
    lead: &[Lead<'_>],
    rows: &[RowRef<'_>],
) -> Result<u64> {
    let declared = table.columns.iter().map(|column| Field::new(column.name, kind(column.kind), true));
    let schema = Arc::new(Schema::new(lead.iter().map(Lead::field).chain(declared).collect::<Vec<_>>()));
    let batches = (0..rows.len()).step_by(ROWS).map(|first| {
        let range = first..rows.len().min(first + ROWS);
        let part = &rows[range.clone()];
        let declared = (0..).zip(table.columns).map(|(position, column)| array(column.kind, position, part));
        let columns = lead.iter().map(|lead| lead.array(range.clone())).chain(declared).collect();
        RecordBatch::try_new(schema.clone(), columns)
    });
    transaction.append_batches("facts", table.name, batches)
}

fn kind(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Int => DataType::Int64,
        ColumnKind::Text => DataType::LargeUtf8,
        ColumnKind::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// The cells of one column.
fn array(kind: ColumnKind, position: usize, rows: &[RowRef<'_>]) -> ArrayRef {
    let numbers = rows.iter().map(|row| row.number(position));
    match kind {
        ColumnKind::Bool => Arc::new(numbers.map(|number| Some(number? != 0)).collect::<BooleanArray>()),
        ColumnKind::Int => Arc::new(numbers.collect::<Int64Array>()),
        ColumnKind::Text => {
            let texts = rows.iter().map(|row| row.cell(position).as_str());
            Arc::new(texts.collect::<LargeStringArray>())
        }
        ColumnKind::Time => Arc::new(numbers.collect::<TimestampMicrosecondArray>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::transaction;
    use chrono::{DateTime, Utc};
    use duckdb::Connection;
    use sessionmill_contract::{Columns, Row as _, table};

    table! {
        static WORDS: Table = "words", Hidden;

        struct WordRow<'a> {
            word: Option<&'a str>,
            line: Option<i64>,
            is_first: Option<bool>,
            time: Option<DateTime<Utc>>,
        }
    }

    #[test]
    fn rows_of_several_batches_are_stored_as_they_are() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "CREATE SCHEMA facts; CREATE TABLE facts.words
                   (file VARCHAR, hash BIGINT, word VARCHAR, line BIGINT, is_first BOOLEAN, time TIMESTAMP)";
        connection.execute_batch(sql).unwrap();
        let count = 2 * ROWS as i64 + 1;
        let mut columns = Columns::new(&WORDS);
        for line in 0..count {
            let is_there = line % 3 > 0;
            let word = format!("wörd {line}");
            let row = WordRow {
                word: is_there.then_some(&word),
                line: is_there.then_some(-line),
                is_first: is_there.then_some(line == 1),
                time: DateTime::from_timestamp_micros(line).filter(|_| is_there),
            };
            row.write(&mut columns);
        }
        let lead = [Lead::Text("file", Box::new(|_| "ada/s.jsonl")), Lead::Int("hash", Box::new(|at| at as i64))];
        let rows: Vec<_> = columns.rows().collect();
        let appended = transaction::run(&connection, |transaction| append(transaction, &WORDS, &lead, &rows)).unwrap();
        assert_eq!(appended, count.cast_unsigned());
        let sql = "SELECT count(*) FROM facts.words WHERE file = 'ada/s.jsonl' AND CASE WHEN hash % 3 > 0
                   THEN word = 'wörd ' || hash AND line = -hash AND is_first = (hash = 1) AND epoch_us(time) = hash
                   ELSE word IS NULL AND line IS NULL AND is_first IS NULL AND time IS NULL END";
        assert_eq!(connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), count);
    }

    #[test]
    fn a_row_that_the_table_refuses_ends_the_transaction() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "CREATE SCHEMA facts; CREATE TABLE facts.words
                   (word VARCHAR NOT NULL, line BIGINT, is_first BOOLEAN, time TIMESTAMP)";
        connection.execute_batch(sql).unwrap();
        let mut columns = Columns::new(&WORDS);
        WordRow { word: None, line: None, is_first: None, time: None }.write(&mut columns);
        let rows: Vec<_> = columns.rows().collect();
        let refused = transaction::run(&connection, |transaction| append(transaction, &WORDS, &[], &rows));
        assert_eq!(refused.unwrap_err().fault, Some(crate::base::fault::Fault::Refused));
    }
}
