//! Rows passed from processors to the store: facts of a file, entities of a key.

use crate::{Cell, Columns, Row, RowRef, Table};

/// Rows by table, in the order in which they were pushed.
#[derive(Debug, Default)]
pub struct Rows {
    tables: Vec<Columns>,
}

/// The number of rows of each table at some time.
#[derive(Debug, Default)]
pub struct Mark(Vec<usize>);

/// A fact, with the file that it comes from. `values` follow the columns of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactRow<'f> {
    pub session_file: &'f str,
    pub username: &'f str,
    pub values: RowRef<'f>,
}

impl Rows {
    /// Adds a row.
    pub fn push<'v, R: Row<'v>>(&mut self, row: R) {
        row.write(self.slot(R::TABLE));
    }

    /// Adds a row cell by cell, for a table that is only known at run time.
    ///
    /// # Panics
    ///
    /// As [`Columns::push`].
    pub fn push_cells<'c>(&mut self, table: &'static Table, row: impl IntoIterator<Item = Cell<'c>>) {
        self.slot(table).push(row);
    }

    fn slot(&mut self, table: &'static Table) -> &mut Columns {
        let slot = match self.tables.iter().position(|columns| columns.table().name == table.name) {
            Some(slot) => slot,
            None => {
                self.tables.push(Columns::new(table));
                self.tables.len() - 1
            }
        };
        &mut self.tables[slot]
    }

    /// Adds all rows of another set.
    pub fn append(&mut self, other: Self) {
        for columns in other.tables {
            match self.tables.iter_mut().find(|own| own.table().name == columns.table().name) {
                Some(own) => columns.rows().for_each(|row| own.push(row.cells())),
                None => self.tables.push(columns),
            }
        }
    }

    /// The rows of one table.
    pub fn of(&self, table: &Table) -> impl Iterator<Item = RowRef<'_>> {
        self.tables.iter().filter(|columns| columns.table().name == table.name).flat_map(Columns::rows)
    }

    /// Remembers the present number of rows.
    pub fn mark(&self) -> Mark {
        Mark(self.tables.iter().map(Columns::len).collect())
    }

    /// The rows of one table that were pushed after the mark.
    pub fn since(&self, mark: &Mark, table: &Table) -> impl Iterator<Item = RowRef<'_>> {
        let first = |at: usize| mark.0.get(at).copied().unwrap_or_default();
        let of_table = self.tables.iter().enumerate().filter(|(_, columns)| columns.table().name == table.name);
        of_table.flat_map(move |(at, columns)| columns.rows_from(first(at)))
    }

    /// The number of rows of one table that were pushed before the mark.
    pub fn before(&self, mark: &Mark, table: &Table) -> usize {
        let at = self.tables.iter().position(|columns| columns.table().name == table.name);
        at.and_then(|at| mark.0.get(at).copied()).unwrap_or_default()
    }

    /// Removes all rows that were pushed after the mark.
    pub fn truncate(&mut self, mark: &Mark) {
        for (table, columns) in self.tables.iter_mut().enumerate() {
            columns.truncate(mark.0.get(table).copied().unwrap_or_default());
        }
    }

    /// Number of rows of all tables.
    pub fn len(&self) -> usize {
        self.tables.iter().map(Columns::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The approximate memory of the rows, in bytes.
    pub fn weight(&self) -> usize {
        self.tables.iter().map(Columns::weight).sum()
    }
}
