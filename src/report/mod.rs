//! What the database says, as a sheet of rows that can be shown in several formats.

pub mod render;
pub mod runs;
pub mod status;
pub mod usage;
pub mod value;
pub mod zone;

use serde_json::{Map, Value, json};

/// Rows under one key column, and their totals.
#[derive(Debug, PartialEq)]
pub struct Sheet {
    /// Name of the key column, in JSON and CSV.
    pub by: &'static str,
    /// Names of the number columns, in JSON and CSV.
    pub columns: &'static [Column],
    pub rows: Vec<Row>,
    pub totals: Vec<i128>,
    /// When the pass began that brought in the newest of it (RFC 3339).
    pub as_of: Option<String>,
    /// Source files that wait for a next pass, because of a limit or a failure.
    pub pending: i64,
    /// What a reader should know before trusting a figure.
    pub notes: Vec<String>,
}

/// A column of numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    /// In tables.
    pub title: &'static str,
    /// A narrow table can do without it.
    pub spare: bool,
}

/// One row. A key of `None` is what has none: no time, no project.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub key: Option<String>,
    pub numbers: Vec<i128>,
}

impl Sheet {
    /// The sheet as JSON: `{"by", "as_of", "pending", "rows": […], "totals": {…}}`.
    pub fn json(&self) -> Value {
        let numbers = |numbers: &[i128]| -> Map<String, Value> {
            let number = |number: &i128| i64::try_from(*number).map_or_else(|_| json!(*number as f64), |n| json!(n));
            self.columns.iter().map(|column| column.name.to_owned()).zip(numbers.iter().map(number)).collect()
        };
        let row = |row: &Row| {
            let mut object = Map::from_iter([(self.by.to_owned(), json!(row.key))]);
            object.extend(numbers(&row.numbers));
            Value::Object(object)
        };
        json!({
            "by": self.by,
            "as_of": self.as_of,
            "pending": self.pending,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "totals": numbers(&self.totals),
        })
    }
}
