//! The cells of rows: owned, or borrowed from wherever the row is stored.

use chrono::{DateTime, Utc};

/// An owned cell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    Time(DateTime<Utc>),
}

/// A cell of a row that is stored elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell<'c> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'c str),
    Time(DateTime<Utc>),
}

/// The cells of one row, however it is stored.
pub trait Cells<'c>: Copy {
    /// The number of cells.
    fn width(self) -> usize;

    /// A cell by its position; null after the last one.
    fn cell(self, position: usize) -> Cell<'c>;
}

impl Value {
    /// The cell, borrowed.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(bool) => Cell::Bool(*bool),
            Self::Int(int) => Cell::Int(*int),
            Self::Text(text) => Cell::Text(text),
            Self::Time(time) => Cell::Time(*time),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        self.cell().as_str()
    }

    pub fn as_int(&self) -> Option<i64> {
        self.cell().as_int()
    }

    pub fn as_bool(&self) -> Option<bool> {
        self.cell().as_bool()
    }

    pub fn as_time(&self) -> Option<DateTime<Utc>> {
        self.cell().as_time()
    }
}

impl<'c> Cell<'c> {
    /// The cell, owned.
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => Value::Int(int),
            Self::Text(text) => Value::Text(text.into()),
            Self::Time(time) => Value::Time(time),
        }
    }

    #[inline]
    pub fn as_str(self) -> Option<&'c str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    #[inline]
    pub fn as_int(self) -> Option<i64> {
        if let Self::Int(int) = self { Some(int) } else { None }
    }

    #[inline]
    pub fn as_bool(self) -> Option<bool> {
        if let Self::Bool(bool) = self { Some(bool) } else { None }
    }

    #[inline]
    pub fn as_time(self) -> Option<DateTime<Utc>> {
        if let Self::Time(time) = self { Some(time) } else { None }
    }
}

impl<'c> Cells<'c> for &'c [Value] {
    fn width(self) -> usize {
        self.len()
    }

    fn cell(self, position: usize) -> Cell<'c> {
        self.get(position).map_or(Cell::Null, Value::cell)
    }
}

impl<'c> Cells<'c> for &'c Vec<Value> {
    fn width(self) -> usize {
        self.len()
    }

    fn cell(self, position: usize) -> Cell<'c> {
        self.as_slice().cell(position)
    }
}

impl<'c> From<&'c str> for Cell<'c> {
    fn from(text: &'c str) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Cell<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<u64> for Cell<'_> {
    /// Saturates: a number that does not fit into a signed column becomes its largest value.
    fn from(int: u64) -> Self {
        Self::Int(i64::try_from(int).unwrap_or(i64::MAX))
    }
}

impl From<DateTime<Utc>> for Cell<'_> {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl<'c, T: Into<Cell<'c>>> From<Option<T>> for Cell<'c> {
    fn from(option: Option<T>) -> Self {
        option.map_or(Self::Null, Into::into)
    }
}

impl<'c, T: Into<Cell<'c>>> From<T> for Value {
    fn from(value: T) -> Self {
        value.into().to_value()
    }
}
