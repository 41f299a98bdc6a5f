//! Tables of facts and entities. Their columns are declared once, by [`table!`](crate::table!).
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

/// A table and its columns, in the order of the cells in a row.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// The database comment of the table, or of the view that shows it; empty for none.
    pub comment: &'static str,
    pub visibility: Visibility,
    pub columns: &'static [Column],
}

/// Where a table is, and who sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// In the schema `facts`, for internal use.
    Hidden,
    /// In the schema `facts`, and shown by a view of the same name in the schema `main`.
    Viewed,
    /// In the schema `main`.
    Public,
}

/// A column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: ColumnKind,
    pub is_nullable: bool,
    /// The value in rows that are older than the column.
    pub default: Option<i64>,
    /// The database comment of the column; empty for none.
    pub comment: &'static str,
    /// What kind of personal data it contains, if snapshots leave it empty.
    pub sensitive: Option<Sensitive>,
}

/// Kinds of data that snapshots leave empty, depending on the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitive {
    /// Verbatim text of people.
    Quote,
    /// Network addresses of people.
    Ip,
    /// Titles that clients give their sessions.
    Title,
    /// Text taken from prompts or errors: titles, examples.
    Content,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Bool,
    Int,
    Text,
    Time,
}

/// The type of a field. It determines the kind of its column.
pub trait Field<'v>: Into<Cell<'v>> + Sized {
    const KIND: ColumnKind;
    const IS_NULLABLE: bool = false;

    /// The field in a cell; `None` if the cell has another type or its number is out of range.
    fn read(cell: Cell<'v>) -> Option<Self>;
}

/// A row of a table, with one field per column. [`table!`](crate::table!) implements it.
pub trait Row<'v>: Sized {
    const TABLE: &'static Table;
    const COLUMNS: &'static [Column];

    /// Reads a row from its cells, which follow the columns of the table.
    ///
    /// # Errors
    ///
    /// If the cells do not form a row of the table.
    fn read(cells: impl Cells<'v>) -> Result<Self, Failure>;

    /// Appends the row.
    fn write(self, columns: &mut Columns);

    /// The cells of the row.
    fn values(self) -> Vec<Value> {
        let mut columns = Columns::new(Self::TABLE);
        self.write(&mut columns);
        columns.row(0).to_vec()
    }
}

/// Declares a table and the type of its rows.
///
/// Fields have the type `bool`, `i64`, `u64`, `&str` or `DateTime<Utc>`, or an `Option` of one of these, which allows
/// null. Doc comments on the table and on the fields become the comments in the database, so they are written for its
/// users. A field can have a mark after its type. `= 0` is the default of a column that was added to a table with rows
/// (the database allows null there, but a reader gets the default). `as quote`, and likewise the other kinds of
/// [`Sensitive`], say that snapshots leave the column empty.
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $comment:literal])*
        $visible:vis static $table:ident: Table = $name:literal, $visibility:ident;

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
            visibility: $crate::Visibility::$visibility,
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
    /// The schema of the table.
    pub fn schema(&self) -> &'static str {
        match self.visibility {
            Visibility::Hidden | Visibility::Viewed => "facts",
            Visibility::Public => "main",
        }
    }

    /// The failure to read a row of this table.
    pub fn unreadable(&self) -> Failure {
        Failure::new(FailureClass::Permanent, format!("unreadable row of `{}`", self.name))
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    /// The names of the columns, for an SQL statement.
    pub fn list(&self) -> String {
        self.names().join(", ")
    }

    /// The position of a column; `None` if the table has no such column.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }
}

impl Column {
    /// The column, added later to a table with rows.
    #[must_use]
    pub const fn default(self, default: i64) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The column, containing verbatim text of people.
    #[must_use]
    pub const fn quote(self) -> Self {
        Self { sensitive: Some(Sensitive::Quote), ..self }
    }

    /// The column, containing titles that clients give.
    #[must_use]
    pub const fn title(self) -> Self {
        Self { sensitive: Some(Sensitive::Title), ..self }
    }

    /// The column, containing text taken from prompts or errors.
    #[must_use]
    pub const fn content(self) -> Self {
        Self { sensitive: Some(Sensitive::Content), ..self }
    }

    /// The column, containing network addresses.
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
    fn a_row_of_another_table_is_unreadable() {
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
