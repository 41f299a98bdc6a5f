//! What the database says, as a sheet of rows that can be shown in several formats.

pub mod csv;
pub mod grid;
pub mod listing;
pub mod money;
pub mod render;
pub mod runs;
pub mod sources;
pub mod status;

use crate::base::error::Result;
use crate::base::utc;
use crate::store::reader::Reader;
use serde_json::{Map, Value, json};

/// Rows under one key column, and their totals.
#[derive(Debug, Default, PartialEq)]
pub struct Sheet {
    /// Name of the key column, in JSON and CSV.
    pub by: &'static str,
    /// The number columns.
    pub columns: &'static [Column],
    pub rows: Vec<Row>,
    pub totals: Vec<Option<i128>>,
    /// When the pass began that brought in the newest of it (RFC 3339).
    pub as_of: Option<String>,
    /// Source files that wait for a next pass, because of a limit or a failure.
    pub pending: i64,
    /// Models that have no price, and their responses.
    pub unpriced: Vec<(String, i128)>,
    /// What a reader should know before trusting a figure.
    pub notes: Vec<String>,
    /// How the figures came about.
    pub explanation: Vec<String>,
}

/// A column of numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// In JSON and CSV.
    pub name: &'static str,
    /// In tables.
    pub title: &'static str,
    pub unit: Unit,
    /// A narrow table does without the highest first; 0 stays.
    pub rank: u8,
}

/// The rank of a column that a table also does without where it has nothing but zeros.
pub const SPARE: u8 = u8::MAX;

/// What the numbers of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// [`PicoUsd`](crate::price::PicoUsd), shown in dollars.
    PicoUsd,
    /// A length of time.
    Seconds,
    /// Thousandths, shown in percent.
    Share,
    /// Hundredths.
    Ratio,
    /// A length of time, in shorter steps.
    Milliseconds,
}

/// One row. A key of `None` is what has none: no time, no project. A number of `None` is not known: no
/// price, nothing reported.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub key: Option<String>,
    pub numbers: Vec<Option<i128>>,
}

impl Column {
    pub const fn count(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Count, rank: 0 }
    }

    pub const fn money(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::PicoUsd, rank: 0 }
    }

    pub const fn seconds(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Seconds, rank: 0 }
    }

    pub const fn share(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Share, rank: 0 }
    }

    pub const fn ratio(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Ratio, rank: 0 }
    }

    pub const fn milliseconds(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Milliseconds, rank: 0 }
    }

    pub const fn spare(self) -> Self {
        self.rank(SPARE)
    }

    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

impl Sheet {
    /// The sheet as JSON: `{"by", "as_of", "pending", "rows": […], "totals": {…}, "unpriced": […]}`.
    pub fn json(&self) -> Value {
        let cell = |(column, value): (&Column, &Option<i128>)| {
            let value = value.map(|value| match column.unit {
                Unit::Count | Unit::Seconds | Unit::Milliseconds => number(value),
                Unit::Share => json!(value as f64 / 1000.0),
                Unit::Ratio => json!(value as f64 / 100.0),
                Unit::PicoUsd => json!(money::dollars(value)),
            });
            (column.name.to_owned(), value.unwrap_or_default())
        };
        let cells = |numbers: &[Option<i128>]| self.columns.iter().zip(numbers).map(cell).collect::<Map<_, _>>();
        let row = |row: &Row| {
            let mut object = Map::from_iter([(self.by.to_owned(), json!(row.key))]);
            object.extend(cells(&row.numbers));
            Value::Object(object)
        };
        let unpriced = |(model, responses): &(String, i128)| json!({"model": model, "responses": number(*responses)});
        let mut json = json!({
            "by": self.by,
            "as_of": self.as_of,
            "pending": self.pending,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "totals": cells(&self.totals),
            "unpriced": self.unpriced.iter().map(unpriced).collect::<Vec<_>>(),
        });
        if !self.explanation.is_empty() {
            json["explanation"] = json!(self.explanation);
        }
        json
    }
}

/// Source files that wait for a next pass, in words.
pub(crate) fn waiting(pending: i64) -> Option<String> {
    let verb = if pending == 1 { "waits" } else { "wait" };
    let files = crate::base::error::count(pending.cast_unsigned(), "source file");
    (pending > 0).then(|| format!("{files} {verb} for the next run"))
}

/// When the newest pass of a processor began that ended, and how many files it left.
pub(crate) fn freshness(reader: Reader<'_>, processor: &str) -> Result<(Option<String>, i64)> {
    let sql = "SELECT started_at, deferred + errors FROM processor_runs
               WHERE processor_name = ? AND ended_at IS NOT NULL ORDER BY run_id DESC LIMIT 1";
    let last = reader.first(sql, &[processor.into()], |row| Ok((row.time(0)?.map(utc::seconds), row.get(1)?)))?;
    Ok(last.unwrap_or_default())
}

/// A number as near as JSON's come.
pub(crate) fn number(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| json!(number as f64), |n| json!(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_if_there_is_any() {
        assert_eq!(waiting(0), None);
        assert_eq!(waiting(1).unwrap(), "1 source file waits for the next run");
        assert_eq!(waiting(1200).unwrap(), "1,200 source files wait for the next run");
    }
}
