//! Rows of an answer as DuckDB hands them over: in batches of Arrow, column by column. The kind of a column is found once for
//! a batch. Through the rows of `duckdb` it is found for each cell, which takes several times as long.

use chrono::DateTime;
use duckdb::arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use duckdb::types::Type;
use duckdb::{Params, Statement};
use sessionmill_contract::{Cell, Cells, Table};

/// The columns of a batch.
struct Batch<'b>(Vec<Column<'b>>);

enum Column<'b> {
    Bool(&'b BooleanArray),
    Int(&'b Int64Array),
    Text(&'b StringArray),
    Time(&'b TimestampMicrosecondArray),
    /// No table declares this kind, nor those that follow.
    Short(&'b Int32Array),
    Huge(&'b Decimal128Array),
    Double(&'b Float64Array),
    Other(&'b ArrayRef),
}

impl<'b> Column<'b> {
    fn of(array: &'b ArrayRef) -> Self {
        let any = array.as_any();
        let text = || any.downcast_ref().map(Self::Text);
        let int = || any.downcast_ref().map(Self::Int);
        let bool = || any.downcast_ref().map(Self::Bool);
        let time = || any.downcast_ref().map(Self::Time);
        let short = || any.downcast_ref().map(Self::Short);
        let huge = || any.downcast_ref().map(Self::Huge);
        let double = || any.downcast_ref().map(Self::Double);
        let declared = text().or_else(int).or_else(bool).or_else(time);
        declared.or_else(short).or_else(huge).or_else(double).unwrap_or(Self::Other(array))
    }

    fn array(&self) -> &'b dyn Array {
        match *self {
            Self::Bool(array) => array,
            Self::Int(array) => array,
            Self::Text(array) => array,
            Self::Time(array) => array,
            Self::Short(array) => array,
            Self::Huge(array) => array,
            Self::Double(array) => array,
            Self::Other(array) => array,
        }
    }
}

/// Runs a statement and hands on the rows of its answer, until one is not wanted.
///
/// # Errors
///
/// If the statement fails.
pub(super) fn rows(
    statement: &mut Statement<'_>,
    params: impl Params,
    mut each: impl FnMut(Scanned<'_>) -> bool,
) -> duckdb::Result<()> {
    statement.execute(params)?;
    while let Some(rows) = statement.step()? {
        let batch = Batch(rows.columns().iter().map(Column::of).collect());
        for row in 0..StructArray::len(&rows) {
            if !each(Scanned { batch: &batch, row }) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A row of a batch.
#[derive(Clone, Copy)]
pub(super) struct Scanned<'b> {
    batch: &'b Batch<'b>,
    row: usize,
}

impl<'b> Scanned<'b> {
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

    /// # Errors
    ///
    /// If there is no such column.
    pub(super) fn is_null(self, column: usize) -> duckdb::Result<bool> {
        let found = self.batch.0.get(column).ok_or(duckdb::Error::InvalidColumnIndex(column))?;
        Ok(found.array().is_null(self.row))
    }

    /// A whole number of any width; `None` where there is none.
    pub(super) fn integer(self, column: usize) -> Option<i128> {
        let row = self.row;
        match self.batch.0.get(column)? {
            Column::Int(array) if array.is_valid(row) => Some(array.value(row).into()),
            Column::Short(array) if array.is_valid(row) => Some(array.value(row).into()),
            Column::Huge(array) if array.is_valid(row) && array.scale() == 0 => Some(array.value(row)),
            _ => None,
        }
    }

    /// `None` where there is none.
    pub(super) fn double(self, column: usize) -> Option<f64> {
        match self.batch.0.get(column)? {
            Column::Double(array) if array.is_valid(self.row) => Some(array.value(self.row)),
            _ => None,
        }
    }

    /// That a column is of another type than somebody wants.
    pub(super) fn is_of_another_type(self, column: usize) -> duckdb::Error {
        let data_type = self.batch.0.get(column).map(|found| Type::from(found.array().data_type()));
        match data_type {
            Some(data_type) => duckdb::Error::InvalidColumnType(column, String::new(), data_type),
            None => duckdb::Error::InvalidColumnIndex(column),
        }
    }
}

impl<'b> Cells<'b> for Scanned<'b> {
    fn width(self) -> usize {
        self.batch.0.len()
    }

    /// Null, too, for a column of a kind that no table declares.
    #[inline]
    fn cell(self, column: usize) -> Cell<'b> {
        let row = self.row;
        match self.batch.0.get(column) {
            Some(Column::Bool(array)) if array.is_valid(row) => Cell::Bool(array.value(row)),
            Some(Column::Int(array)) if array.is_valid(row) => Cell::Int(array.value(row)),
            Some(Column::Text(array)) if array.is_valid(row) => Cell::Text(array.value(row)),
            Some(Column::Time(array)) if array.is_valid(row) => {
                DateTime::from_timestamp_micros(array.value(row)).into()
            }
            _ => Cell::Null,
        }
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
}
