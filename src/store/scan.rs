//! Rows of an answer as DuckDB hands them over: in batches of Arrow, column by column. The kind of a column is found once for
//! a batch. Through the rows of `duckdb` it is found for each cell, which takes several times as long.

use chrono::DateTime;
use duckdb::arrow::array::{
    Array as _, ArrayRef, BooleanArray, Int64Array, StringArray, StructArray, TimestampMicrosecondArray,
};
use duckdb::types::Type;
use sessionmill_contract::{Cell, Cells, Table};

/// The columns of a batch, each of a kind that tables declare.
pub(super) struct Batch<'b>(Vec<Column<'b>>);

enum Column<'b> {
    Bool(&'b BooleanArray),
    Int(&'b Int64Array),
    Text(&'b StringArray),
    Time(&'b TimestampMicrosecondArray),
}

impl<'b> Column<'b> {
    /// None for an array of another kind.
    fn of(array: &'b ArrayRef) -> Option<Self> {
        let any = array.as_any();
        let bool = || any.downcast_ref().map(Self::Bool);
        let int = || any.downcast_ref().map(Self::Int);
        let text = || any.downcast_ref().map(Self::Text);
        let time = || any.downcast_ref().map(Self::Time);
        bool().or_else(int).or_else(text).or_else(time)
    }

    #[inline]
    fn cell(&self, row: usize) -> Cell<'b> {
        match self {
            Self::Bool(array) if array.is_valid(row) => Cell::Bool(array.value(row)),
            Self::Int(array) if array.is_valid(row) => Cell::Int(array.value(row)),
            Self::Text(array) if array.is_valid(row) => Cell::Text(array.value(row)),
            Self::Time(array) if array.is_valid(row) => DateTime::from_timestamp_micros(array.value(row)).into(),
            _ => Cell::Null,
        }
    }
}

impl<'b> Batch<'b> {
    /// # Errors
    ///
    /// If a column is of no kind that tables declare.
    pub(super) fn of(batch: &'b StructArray) -> duckdb::Result<Self> {
        let column = |(position, array): (usize, &'b ArrayRef)| {
            Column::of(array)
                .ok_or_else(|| duckdb::Error::InvalidColumnType(position, String::new(), Type::from(array.data_type())))
        };
        batch.columns().iter().enumerate().map(column).collect::<duckdb::Result<_>>().map(Self)
    }
}

/// A row of a batch.
#[derive(Clone, Copy)]
pub(super) struct Scanned<'b> {
    batch: &'b Batch<'b>,
    row: usize,
}

impl<'b> Scanned<'b> {
    pub(super) fn of(batch: &'b Batch<'b>, row: usize) -> Self {
        Self { batch, row }
    }

    /// 0 for null.
    pub(super) fn int(self, column: usize) -> i64 {
        self.cell(column).as_int().unwrap_or_default()
    }

    /// Empty for null.
    pub(super) fn text(self, column: usize) -> &'b str {
        self.cell(column).as_str().unwrap_or_default()
    }

    /// The cells of a table's columns, which begin with this one.
    pub(super) fn cells(self, first: usize, table: &Table) -> impl Iterator<Item = Cell<'b>> {
        (first..first + table.columns.len()).map(move |column| self.cell(column))
    }
}

impl<'b> Cells<'b> for Scanned<'b> {
    fn width(self) -> usize {
        self.batch.0.len()
    }

    #[inline]
    fn cell(self, column: usize) -> Cell<'b> {
        self.batch.0.get(column).map_or(Cell::Null, |array| array.cell(self.row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::transaction;
    use duckdb::Connection;
    use sessionmill_contract::Value;

    #[test]
    fn cells_of_all_kinds_and_several_batches_are_what_the_database_has() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT x, if(x % 3 > 0, 'wörd ' || x, NULL), x % 2 = 0, make_timestamp(x), NULL::BIGINT
                   FROM range(?) AS r(x) ORDER BY x";
        let mut next = 0;
        let check = |row: Scanned<'_>| {
            assert_eq!(row.int(0), next);
            assert_eq!(row.text(1), if next % 3 > 0 { format!("wörd {next}") } else { String::new() });
            let cells: Vec<_> = (1..row.width()).map(|column| row.cell(column).to_value()).collect();
            let text = if next % 3 > 0 { Value::Text(row.text(1).into()) } else { Value::Null };
            let time = DateTime::from_timestamp_micros(next).unwrap();
            assert_eq!(cells, [text, Value::Bool(next % 2 == 0), Value::Time(time), Value::Null]);
            next += 1;
        };
        transaction::run(&connection, |transaction| transaction.scan(sql, [10_000], check)).unwrap();
        assert_eq!(next, 10_000);
    }

    #[test]
    fn a_column_of_another_kind_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        let scan = |sql| transaction::run(&connection, |transaction| transaction.scan(sql, [], |_| ()));
        assert!(scan("SELECT 1::BIGINT").is_ok());
        assert!(scan("SELECT 1::DOUBLE").is_err());
    }
}
