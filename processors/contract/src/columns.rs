//! Rows of one table, stored column by column: eight bytes per cell, and all texts in one string.
//!
//! Folds produce facts in columns, and the database takes them in this form. A text that equals the one in the row
//! above is stored once. For example, two rows of (word, line) with the same word:
//!
//! ```text
//! word   0  0        texts  mill
//! line   3  7
//! ```

use crate::{Cell, Cells, ColumnKind, Table, Value};
use chrono::DateTime;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Rows of one table, which is given by its columns.
#[derive(Clone, Debug)]
pub struct Columns {
    table: &'static Table,
    columns: Vec<Column>,
    rows: usize,
    texts: Texts,
}

/// The cells of one column.
#[derive(Clone, Debug, Default)]
struct Column {
    /// Numbers, microseconds since 1970 or numbers of texts, depending on the column's kind; 0 for null.
    cells: Vec<i64>,
    is_null: Vec<bool>,
    /// The number of the last text.
    last: Option<usize>,
}

/// Texts by number.
#[derive(Clone, Debug, Default)]
struct Texts {
    all: String,
    /// The end of each text.
    ends: Vec<usize>,
}

/// A row of a [`Columns`].
#[derive(Clone, Copy)]
pub struct RowRef<'r> {
    columns: &'r Columns,
    row: usize,
}

impl Columns {
    /// Without rows.
    pub fn new(table: &'static Table) -> Self {
        Self { table, columns: vec![Column::default(); table.columns.len()], rows: 0, texts: Texts::default() }
    }

    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Adds a row. Times are cut to microseconds, as in the database.
    ///
    /// # Panics
    ///
    /// If the row does not have one cell per column, each null or of the column's kind. That is a bug of the processor;
    /// the runner contains the panic.
    pub fn push<'c>(&mut self, row: impl IntoIterator<Item = Cell<'c>>) {
        let mut row = row.into_iter();
        for (declared, column) in self.table.columns.iter().zip(&mut self.columns) {
            let cell = match (row.next(), declared.kind) {
                (Some(Cell::Null), _) => None,
                (Some(Cell::Bool(bool)), ColumnKind::Bool) => Some(bool.into()),
                (Some(Cell::Int(int)), ColumnKind::Int) => Some(int),
                (Some(Cell::Text(text)), ColumnKind::Text) => {
                    let number = match column.last {
                        Some(last) if self.texts.get(last) == text => last,
                        _ => self.texts.add(text),
                    };
                    column.last = Some(number);
                    Some(number as i64)
                }
                (Some(Cell::Time(time)), ColumnKind::Time) => Some(time.timestamp_micros()),
                (cell, _) => panic!("`{}.{}` cannot be {cell:?}", self.table.name, declared.name),
            };
            column.cells.push(cell.unwrap_or_default());
            column.is_null.push(cell.is_none());
        }
        assert!(row.next().is_none(), "row of `{}` has the wrong number of values", self.table.name);
        self.rows += 1;
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// A row by its number, which must exist.
    pub fn row(&self, row: usize) -> RowRef<'_> {
        RowRef { columns: self, row }
    }

    /// All rows, in the order in which they were pushed.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        self.rows_from(0)
    }

    /// The rows from a number on. Skipping earlier ones costs nothing.
    pub fn rows_from(&self, first: usize) -> impl ExactSizeIterator<Item = RowRef<'_>> {
        (first..self.rows).map(|row| self.row(row))
    }

    /// Removes the rows from a number on, including one that was only partly pushed.
    pub fn truncate(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.cells.truncate(rows);
            column.is_null.truncate(rows);
        }
        self.rows = self.rows.min(rows);
    }

    /// Removes all rows, but keeps the allocated memory.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.columns.iter_mut().for_each(|column| column.last = None);
        self.texts.all.clear();
        self.texts.ends.clear();
    }

    /// The approximate memory of the rows, in bytes.
    pub fn weight(&self) -> usize {
        let cells = self.columns.len() * self.rows * (size_of::<i64>() + size_of::<bool>());
        cells + self.texts.all.len() + self.texts.ends.len() * size_of::<usize>()
    }

    #[inline]
    fn number(&self, row: usize, position: usize) -> Option<i64> {
        let column = self.columns.get(position)?;
        if column.is_null[row] { None } else { Some(column.cells[row]) }
    }

    #[inline]
    fn cell(&self, row: usize, position: usize) -> Cell<'_> {
        let (Some(declared), Some(cell)) = (self.table.columns.get(position), self.number(row, position)) else {
            return Cell::Null;
        };
        match declared.kind {
            ColumnKind::Bool => Cell::Bool(cell != 0),
            ColumnKind::Int => Cell::Int(cell),
            ColumnKind::Text => Cell::Text(self.texts.get(cell as usize)),
            ColumnKind::Time => DateTime::from_timestamp_micros(cell).into(),
        }
    }
}

impl Texts {
    fn add(&mut self, text: &str) -> usize {
        self.all.push_str(text);
        self.ends.push(self.all.len());
        self.ends.len() - 1
    }

    #[inline]
    fn get(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[number]]
    }
}

impl<'r> RowRef<'r> {
    /// The stored form of a number, time or flag: a time in microseconds since 1970, a flag as 0 or 1. `None` for null.
    #[inline]
    pub fn number(self, position: usize) -> Option<i64> {
        self.columns.number(self.row, position)
    }

    /// The cells of the row.
    pub fn cells(self) -> impl ExactSizeIterator<Item = Cell<'r>> {
        (0..self.width()).map(move |position| self.cell(position))
    }

    /// The cells of the row, owned.
    pub fn to_vec(self) -> Vec<Value> {
        self.cells().map(Cell::to_value).collect()
    }
}

impl<'r> Cells<'r> for RowRef<'r> {
    #[inline]
    fn width(self) -> usize {
        self.columns.columns.len()
    }

    #[inline]
    fn cell(self, position: usize) -> Cell<'r> {
        self.columns.cell(self.row, position)
    }
}

impl fmt::Debug for RowRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.cells()).finish()
    }
}

impl PartialEq for RowRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cells().eq(other.cells())
    }
}

impl Eq for RowRef<'_> {}

impl Hash for RowRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cells().for_each(|cell| cell.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::table! {
        static WORDS: Table = "test_words", Hidden;

        struct WordRow<'a> {
            word: &'a str,
            line: u64,
            is_first: Option<bool>,
            time: Option<DateTime<chrono::Utc>>,
        }
    }

    fn row(word: &str, line: i64) -> [Cell<'_>; 4] {
        [word.into(), line.into(), Some(line == 1).into(), DateTime::from_timestamp_micros(-line).into()]
    }

    #[test]
    fn rows_are_read_as_they_were_pushed_and_equal_texts_in_a_row_are_kept_once() {
        let mut columns = Columns::new(&WORDS);
        let rows = [
            row("mill", 1),
            row("mill", 2),
            row("", 3),
            row("mühle", 4),
            [Cell::Text("x"), Cell::Int(5), Cell::Null, Cell::Null],
        ];
        rows.iter().for_each(|row| columns.push(*row));
        assert_eq!(columns.len(), rows.len());
        for (stored, row) in columns.rows().zip(&rows) {
            assert_eq!(stored.cells().collect::<Vec<_>>(), row);
        }
        assert_eq!(columns.texts.all, "millmühlex");
        assert!(columns.row(0) != columns.row(1) && columns.row(0) == columns.clone().row(0));
    }

    #[test]
    fn removed_rows_are_gone_and_more_can_follow() {
        let mut columns = Columns::new(&WORDS);
        columns.push(row("a", 1));
        columns.push(row("b", 2));
        let wrong = std::panic::AssertUnwindSafe(|| columns.push([Cell::Text("c"), Cell::Text("no number")]));
        assert!(std::panic::catch_unwind(wrong).is_err());
        columns.truncate(1);
        columns.push(row("b", 3));
        assert_eq!(
            columns.rows().map(RowRef::to_vec).collect::<Vec<_>>(),
            [row("a", 1), row("b", 3)].map(|row| row.map(Cell::to_value).to_vec())
        );
        columns.clear();
        columns.push(row("b", 4));
        assert_eq!(columns.row(0).cells().collect::<Vec<_>>(), row("b", 4));
        assert_eq!(columns.len(), 1);
    }

    #[test]
    fn a_row_without_a_cell_for_each_column_is_refused() {
        for row in [&row("a", 1)[..3], &[row("a", 1), row("b", 2)].concat()[..5]] {
            let push = || Columns::new(&WORDS).push(row.iter().copied());
            assert!(std::panic::catch_unwind(push).is_err());
        }
    }
}
