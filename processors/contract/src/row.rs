//! Rows on their way between processors and the store: facts of a file, entities of a key.

use crate::{Row, Table};
use chrono::{DateTime, Utc};

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    Time(DateTime<Utc>),
}

/// Rows by table, in the order in which they were pushed.
#[derive(Debug, Default)]
pub struct Rows {
    tables: Vec<(&'static Table, Vec<Value>)>,
}

/// A stored fact with where it comes from. `values` follow the columns of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    pub session_file: Box<str>,
    pub username: Box<str>,
    pub values: Vec<Value>,
}

impl Rows {
    /// Adds a row.
    pub fn push<'v, R: Row<'v>>(&mut self, row: R) {
        row.write(self.slot(R::TABLE));
    }

    /// Adds a row cell by cell, whatever the types of the columns are.
    ///
    /// # Panics
    ///
    /// If the row does not have one value for each column: a bug of the processor, which the runner
    /// contains.
    pub fn push_values(&mut self, table: &'static Table, row: Vec<Value>) {
        assert_eq!(row.len(), table.columns.len(), "row of `{}` has the wrong number of values", table.name);
        self.slot(table).extend(row);
    }

    fn slot(&mut self, table: &'static Table) -> &mut Vec<Value> {
        let slot = match self.tables.iter().position(|(t, _)| t.name == table.name) {
            Some(slot) => slot,
            None => {
                self.tables.push((table, Vec::new()));
                self.tables.len() - 1
            }
        };
        &mut self.tables[slot].1
    }

    /// Adds all rows of another set.
    pub fn append(&mut self, other: Self) {
        for (table, values) in other.tables {
            match self.tables.iter_mut().find(|(t, _)| t.name == table.name) {
                Some((_, all)) => all.extend(values),
                None => self.tables.push((table, values)),
            }
        }
    }

    /// The rows of one table.
    pub fn of(&self, table: &Table) -> impl Iterator<Item = &[Value]> {
        let values = self.tables.iter().find(|(t, _)| t.name == table.name).map_or(&[][..], |(_, v)| v);
        values.chunks_exact(table.columns.len().max(1))
    }

    /// Number of rows of all tables.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|(table, values)| values.len() / table.columns.len().max(1)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the rows take, about.
    pub fn weight(&self) -> usize {
        let text = |value: &Value| value.as_str().map_or(0, str::len);
        self.tables.iter().flat_map(|(_, values)| values).map(|value| size_of::<Value>() + text(value)).sum()
    }
}

impl Value {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    pub fn as_time(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(time) => Some(*time),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Value {
    /// Saturates: what does not fit into a signed column is shown as its largest value.
    fn from(int: u64) -> Self {
        Self::Int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}

impl From<DateTime<Utc>> for Value {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}
