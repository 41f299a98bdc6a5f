//! Tables of facts and entities: their columns are declared once, by [`table!`](crate::table!).
//!
//! ```
//! sessionmill_contract::table! {
//!     /// one row per word
//!     pub static WORDS: Table = "test_words", Viewed;
//!
//!     /// A word where it was found.
//!     #[derive(Debug, PartialEq)]
//!     pub struct WordRow<'a> {
//!         /// as it is written
//!         word: &'a str,
//!         line: u64,
//!         /// null in a log without times
//!         time: Option<chrono::DateTime<chrono::Utc>>,
//!         /// what a person wrote
//!         sentence: &'a str as quote,
//!         /// came later, so that older rows have none
//!         letters: u64 = 0,
//!     }
//! }
//!
//! use sessionmill_contract::{ColumnKind, Row, Rows, Sensitive};
//!
//! let mut rows = Rows::default();
//! rows.push(WordRow { word: "mill", line: 3, time: None, sentence: "a mill", letters: 4 });
//! let values = rows.of(&WORDS).next().unwrap();
//! assert_eq!(WordRow::read(values).unwrap().letters, 4);
//! assert_eq!(WORDS.columns[2].kind, ColumnKind::Time);
//! assert!(WORDS.columns[2].is_nullable && WORDS.columns[3].sensitive == Some(Sensitive::Quote));
//! ```

use crate::{Cell, Cells, Columns, Failure, FailureClass, Value};
use chrono::{DateTime, Utc};

/// A table and its columns, in the order in which rows give them.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// What the database says of the table, or of the view that shows it; empty if it says nothing.
    pub comment: &'static str,
    pub place: Place,
    pub columns: &'static [Column],
}

/// Where a table is, and who sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In schema `facts`, behind the scenes.
    Hidden,
    /// In schema `facts`, and shown by a view of the same name in schema `main`.
    Viewed,
    /// In schema `main`.
    Public,
}

/// A column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnKind,
    pub is_nullable: bool,
    /// What older rows have in a column that was added later.
    pub default: Option<i64>,
    /// What the database says of the column; empty if it says nothing.
    pub comment: &'static str,
    /// What it tells of people that snapshots leave empty.
    pub sensitive: Option<Sensitive>,
}

/// What snapshots leave empty unless the configuration wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitive {
    /// What people wrote, letter by letter.
    Quote,
    /// The network address of somebody.
    Ip,
    /// What a client calls a session.
    Title,
    /// What is taken from a prompt or an error: a title, an example.
    Content,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Bool,
    Int,
    Text,
    Time,
}

/// The type of a field, from which the kind of its column follows.
pub trait Field<'v>: Into<Cell<'v>> + Sized {
    const KIND: ColumnKind;
    const IS_NULLABLE: bool = false;

    /// The field of a cell, or nothing if the cell is of another kind or has a number out of range.
    fn read(cell: Cell<'v>) -> Option<Self>;
}

/// A row of a table, with a field for each column. [`table!`](crate::table!) implements it.
pub trait Row<'v>: Sized {
    const TABLE: &'static Table;
    const COLUMNS: &'static [Column];

    /// Reads the cells of a row, which follow the columns of the table.
    ///
    /// # Errors
    ///
    /// If they are none of a row of the table.
    fn read(cells: impl Cells<'v>) -> Result<Self, Failure>;

    /// Adds the row to others.
    fn write(self, columns: &mut Columns);

    /// The cells of the row.
    fn values(self) -> Vec<Value> {
        let mut columns = Columns::new(Self::TABLE);
        self.write(&mut columns);
        columns.row(0).to_vec()
    }
}

/// Declares a table and the rows that it has.
///
/// The types of the fields are `bool`, `i64`, `u64`, `&str` and `DateTime<Utc>`, or an `Option` of one of
/// these, whose column can be null. Doc comments on the table and on the fields are what the database says of
/// them, so they are written for its readers. A field can be marked behind its type: `= 0` is the default of a
/// column that was added to a table with rows (the database takes null there, a reader does not), `as quote`
/// and the other kinds of [`Sensitive`] are for what snapshots leave empty.
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $comment:literal])*
        $visible:vis static $table:ident: Table = $name:literal, $place:ident;

        $(#[$attribute:meta])*
        $row_visible:vis struct $row:ident<$life:lifetime> {
            $(
                $(#[doc = $about:literal])*
                $column:ident: $type:ty $(= $default:literal)? $(as $mark:ident)?
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $comment])*
        $visible static $table: $crate::Table = $crate::Table {
            name: $name,
            comment: concat!($($comment),*).trim_ascii(),
            place: $crate::Place::$place,
            columns: <$row<'static> as $crate::Row<'static>>::COLUMNS,
        };

        $(#[$attribute])*
        $row_visible struct $row<$life> {
            $($(#[doc = $about])* pub $column: $type),+
        }

        impl<$life> $crate::Row<$life> for $row<$life> {
            const TABLE: &'static $crate::Table = &$table;
            const COLUMNS: &'static [$crate::Column] = &[
                $(
                    $crate::Column {
                        name: stringify!($column),
                        kind: <$type as $crate::Field<$life>>::KIND,
                        is_nullable: <$type as $crate::Field<$life>>::IS_NULLABLE,
                        default: None,
                        comment: concat!($($about),*).trim_ascii(),
                        sensitive: None,
                    }
                    $(.default($default))?
                    $(.$mark())?
                ),+
            ];

            fn read(cells: impl $crate::Cells<$life>) -> ::core::result::Result<Self, $crate::Failure> {
                if cells.width() != Self::COLUMNS.len() {
                    return Err($table.unreadable());
                }
                let mut positions = 0..;
                let mut next = || positions.next().map_or($crate::Cell::Null, |position| cells.cell(position));
                Ok(Self { $($column: $crate::Field::read(next()).ok_or_else(|| $table.unreadable())?),+ })
            }

            fn write(self, columns: &mut $crate::Columns) {
                columns.push([$(self.$column.into()),+]);
            }
        }
    };
}

impl Table {
    /// The schema that the table is in.
    pub fn schema(&self) -> &'static str {
        match self.place {
            Place::Hidden | Place::Viewed => "facts",
            Place::Public => "main",
        }
    }

    /// The failure to settle a row that is none of this table.
    pub fn unreadable(&self) -> Failure {
        Failure::new(FailureClass::Permanent, format!("unreadable row of `{}`", self.name))
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    /// The names of the columns for a statement of SQL.
    pub fn list(&self) -> String {
        self.names().join(", ")
    }

    /// Position of a column, or `None` for a name that the table does not have.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }
}

impl Column {
    /// The same, added to a table with rows.
    #[must_use]
    pub const fn default(self, default: i64) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The same, for what people wrote.
    #[must_use]
    pub const fn quote(self) -> Self {
        Self { sensitive: Some(Sensitive::Quote), ..self }
    }

    /// The same, for what a client calls a session.
    #[must_use]
    pub const fn title(self) -> Self {
        Self { sensitive: Some(Sensitive::Title), ..self }
    }

    /// The same, for what is taken from a prompt or an error.
    #[must_use]
    pub const fn content(self) -> Self {
        Self { sensitive: Some(Sensitive::Content), ..self }
    }

    /// The same, for network addresses.
    #[must_use]
    pub const fn ip(self) -> Self {
        Self { sensitive: Some(Sensitive::Ip), ..self }
    }
}

impl Field<'_> for bool {
    const KIND: ColumnKind = ColumnKind::Bool;

    fn read(cell: Cell<'_>) -> Option<Self> {
        cell.as_bool()
    }
}

impl Field<'_> for i64 {
    const KIND: ColumnKind = ColumnKind::Int;

    fn read(cell: Cell<'_>) -> Option<Self> {
        cell.as_int()
    }
}

impl Field<'_> for u64 {
    const KIND: ColumnKind = ColumnKind::Int;

    fn read(cell: Cell<'_>) -> Option<Self> {
        cell.as_int()?.try_into().ok()
    }
}

impl<'v> Field<'v> for &'v str {
    const KIND: ColumnKind = ColumnKind::Text;

    fn read(cell: Cell<'v>) -> Option<Self> {
        cell.as_str()
    }
}

impl Field<'_> for DateTime<Utc> {
    const KIND: ColumnKind = ColumnKind::Time;

    fn read(cell: Cell<'_>) -> Option<Self> {
        cell.as_time()
    }
}

impl<'v, F: Field<'v>> Field<'v> for Option<F> {
    const KIND: ColumnKind = F::KIND;
    const IS_NULLABLE: bool = true;

    fn read(cell: Cell<'v>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => F::read(cell).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;

    crate::table! {
        /// one row per word,
        /// wherever it is
        static WORDS: Table = "test_words", Hidden;

        #[derive(Debug, PartialEq)]
        struct WordRow<'a> {
            /// as it is written
            word: &'a str,
            line: u64,
            score: Option<i64>,
            is_first: Option<bool> as quote,
            time: DateTime<Utc>,
            letters: u64 = 0,
        }
    }

    const ROW: WordRow<'_> =
        WordRow { word: "mill", line: 1, score: None, is_first: Some(true), time: DateTime::UNIX_EPOCH, letters: 4 };

    #[test]
    fn a_declaration_says_all_of_its_columns() {
        let column =
            |name, kind| Column { name, kind, is_nullable: false, default: None, comment: "", sensitive: None };
        let columns = [
            Column { comment: "as it is written", ..column("word", ColumnKind::Text) },
            column("line", ColumnKind::Int),
            Column { is_nullable: true, ..column("score", ColumnKind::Int) },
            Column { is_nullable: true, sensitive: Some(Sensitive::Quote), ..column("is_first", ColumnKind::Bool) },
            column("time", ColumnKind::Time),
            Column { default: Some(0), ..column("letters", ColumnKind::Int) },
        ];
        assert_eq!((WORDS.name, WORDS.schema()), ("test_words", "facts"));
        assert_eq!(WORDS.comment, "one row per word, wherever it is");
        assert_eq!(WORDS.columns, columns);
    }

    #[test]
    fn a_row_is_read_as_it_was_pushed() {
        let mut rows = Rows::default();
        rows.push(ROW);
        let values = rows.of(&WORDS).next().unwrap();
        assert_eq!(values.width(), WORDS.columns.len());
        assert_eq!(WordRow::read(values), Ok(ROW));
    }

    #[test]
    fn what_is_no_row_of_the_table_is_said_to_be_unreadable() {
        let unreadable = |position: usize, value: Value| {
            let mut values = ROW.values();
            values[position] = value;
            assert_eq!(WordRow::read(&values), Err(WORDS.unreadable()), "{position}");
        };
        for position in [0, 1, 4, 5] {
            unreadable(position, Value::Null);
        }
        unreadable(0, Value::Int(1));
        unreadable(1, Value::Int(-1));
        unreadable(2, Value::Bool(true));
        assert_eq!(WordRow::read(&ROW.values()[1..]), Err(WORDS.unreadable()));
        assert_eq!(WORDS.unreadable().message, "unreadable row of `test_words`");
    }
}
