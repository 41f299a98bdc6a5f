//! Results of queries on the database, as sheets of rows that can be written in several formats.

pub mod compare;
pub mod csv;
pub mod grid;
pub mod health;
pub mod listing;
pub mod money;
pub mod render;
pub mod runs;
pub mod screen;
pub mod sources;
pub mod status;
pub mod trend;

use crate::base::error::Result;
use crate::base::names;
use crate::base::utc;
use crate::price::PicoUsd;
use crate::store::reader::Reader;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cmp::Reverse;

/// Rows under one key column, and their totals.
#[derive(Debug, Default, PartialEq)]
pub struct Sheet {
    /// The name of the key column in JSON and CSV.
    pub by: &'static str,
    /// The names of further key columns.
    pub then: Vec<&'static str>,
    /// The columns of numbers.
    pub columns: Cow<'static, [Column]>,
    pub rows: Vec<Row>,
    /// The totals of all rows, including those that are left out. Empty if adding up the rows would count something
    /// twice.
    pub totals: Vec<Option<i128>>,
    /// Whether rows are left out.
    pub is_cut: bool,
    /// When the pass that read the newest data began (RFC 3339).
    pub as_of: Option<String>,
    /// Source files that wait for the next pass, because of a limit or a failure.
    pub pending: i64,
    /// The amount that caches saved, if known.
    pub saved: Option<PicoUsd>,
    /// Models without a price, with their numbers of responses.
    pub unpriced: Vec<(String, i128)>,
    /// What readers should know about the figures.
    pub notes: Vec<String>,
    /// How the figures were computed.
    pub explanation: Vec<String>,
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name in JSON and CSV.
    pub name: &'static str,
    /// The title in tables.
    pub title: &'static str,
    pub unit: Unit,
    /// In a narrow table, the column with the highest rank is dropped first; 0 is never dropped.
    pub rank: u8,
}

/// The rank of a column that a table also drops if it has only zeros.
pub const SPARE: u8 = u8::MAX;

/// The rank of a column that only programs get.
pub const UNSEEN: u8 = u8::MAX - 1;

/// The unit of a column's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    /// A count of failures.
    Failures,
    /// [`PicoUsd`](crate::price::PicoUsd), shown in dollars.
    PicoUsd,
    /// A duration, shown in units of at least a second.
    Seconds,
    /// Thousandths, shown as percentages.
    Share,
    /// Hundredths.
    Ratio,
    /// A duration, shown to the millisecond.
    Milliseconds,
    /// A change since earlier days: see [`compare::change`].
    Change,
}

/// A row. A key is `None` for things without one, such as usage without a time or a project. A number is `None` if it
/// is unknown, such as a cost without a price.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub key: Option<String>,
    /// The further keys.
    pub then: Vec<Option<String>>,
    pub numbers: Vec<Option<i128>>,
    /// The most important number for each step of the days. Only shown on terminals.
    pub trend: Vec<i128>,
}

impl Row {
    pub fn new(key: Option<String>, numbers: Vec<Option<i128>>) -> Self {
        Self { key, numbers, ..Self::default() }
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Option<&str>> {
        std::iter::once(&self.key).chain(&self.then).map(Option::as_deref)
    }
}

impl Column {
    pub const fn count(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Count, rank: 0 }
    }

    pub const fn failures(name: &'static str, title: &'static str) -> Self {
        Self { name, title, unit: Unit::Failures, rank: 0 }
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
    /// The names of the key columns.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.by).chain(self.then.iter().copied())
    }

    /// The column that says how important a row is: the cost, if there is any, else the first column.
    pub fn weight(&self) -> Option<usize> {
        let cost = self.columns.iter().position(|column| column.name == "cost_usd");
        let has_any = |at: &usize| self.totals.get(*at).copied().flatten().is_some_and(|total| total > 0);
        cost.filter(has_any).or_else(|| Some(0).filter(has_any))
    }

    /// Sorts the rows by the column or key with this name, or whose name begins with it.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn order(&mut self, name: &str) -> Result<()> {
        // `share` means the column that the share is computed from.
        let wanted = match self.weight() {
            Some(at) if name.eq_ignore_ascii_case("share") => self.columns[at].name.to_owned(),
            _ => name.to_lowercase(),
        };
        let is_named = |column: &&Column| column.name == wanted || column.title.to_lowercase() == wanted;
        let begins =
            |column: &&Column| column.name.starts_with(&wanted) || column.title.to_lowercase().starts_with(&wanted);
        let column = self.columns.iter().find(is_named).or_else(|| self.columns.iter().find(begins));
        if let Some(at) = column.and_then(|column| self.columns.iter().position(|other| other == column)) {
            self.rows.sort_by_key(|row| Reverse(row.numbers.get(at).copied().flatten()));
            return Ok(());
        }
        let Some(at) = self.keys().position(|key| key.starts_with(&wanted.replace(' ', "_"))) else {
            let known = self.keys().chain(self.columns.iter().map(|column| column.name));
            return Err(names::unknown("column", name, known));
        };
        self.rows.sort_by(|a, b| a.keys().nth(at).cmp(&b.keys().nth(at)));
        Ok(())
    }

    /// Whether a column has anything other than zeros.
    pub fn has_any(&self, at: usize) -> bool {
        let has_any =
            |numbers: &Vec<Option<i128>>| numbers.get(at).copied().flatten().is_some_and(|number| number != 0);
        if self.totals.is_empty() { self.rows.iter().any(|row| has_any(&row.numbers)) } else { has_any(&self.totals) }
    }

    /// Keeps only the named columns, without those that are empty or only for programs.
    pub fn keep(&mut self, names: &[&str]) {
        let is_asked = |column: &Column| names.contains(&column.name) && column.rank != UNSEEN;
        let is_kept: Vec<_> =
            (0..self.columns.len()).map(|at| is_asked(&self.columns[at]) && self.has_any(at)).collect();
        let kept = |at: usize| is_kept.get(at).copied().unwrap_or_default();
        for numbers in self.rows.iter_mut().map(|row| &mut row.numbers).chain([&mut self.totals]) {
            let mut at = 0..;
            numbers.retain(|_| at.next().is_some_and(kept));
        }
        let mut at = 0..;
        self.columns.to_mut().retain(|_| at.next().is_some_and(kept));
    }

    /// Adds a column that is computed from others, before the column with the name `before`. It is computed for the
    /// totals, too.
    pub fn insert(&mut self, before: &str, column: Column, number: impl Fn(&dyn Fn(&str) -> i128) -> Option<i128>) {
        let Some(at) = self.columns.iter().position(|column| column.name == before) else { return };
        let columns = self.columns.clone();
        for numbers in self.rows.iter_mut().map(|row| &mut row.numbers).chain([&mut self.totals]) {
            let of = |name: &str| {
                let at = columns.iter().position(|column| column.name == name);
                at.and_then(|at| numbers.get(at).copied().flatten()).unwrap_or_default()
            };
            let number = number(&of);
            if at <= numbers.len() {
                numbers.insert(at, number);
            }
        }
        self.columns.to_mut().insert(at, column);
    }

    /// Keeps only the first rows.
    pub fn limit(&mut self, rows: usize) {
        let all = self.rows.len();
        self.rows.truncate(rows);
        self.is_cut = self.rows.len() < all;
        if self.is_cut {
            let totals = if self.totals.is_empty() { "" } else { "; the totals are those of all" };
            self.notes.push(format!("{rows} of {all} rows{totals}"));
        }
    }

    /// The sheet as JSON.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// As `{"by", "as_of", "pending", "rows": […], "totals": {…}, "unpriced": […]}`. The rows become JSON one by one.
impl Serialize for Sheet {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let cell = |(column, value): (&Column, &Option<i128>)| {
            let value = value.map(|value| match column.unit {
                Unit::Count | Unit::Failures | Unit::Seconds | Unit::Milliseconds => number(value),
                Unit::Share => json!(value as f64 / 1000.0),
                Unit::Change => json!(compare::number(value)),
                Unit::Ratio => json!(value as f64 / 100.0),
                Unit::PicoUsd => json!(money::dollars(value)),
            });
            (column.name.to_owned(), value.unwrap_or_default())
        };
        let cells = |numbers: &[Option<i128>]| self.columns.iter().zip(numbers).map(cell).collect::<Map<_, _>>();
        let row = |row: &Row| {
            let mut object: Map<_, _> = self.keys().map(str::to_owned).zip(row.keys().map(|key| json!(key))).collect();
            object.extend(cells(&row.numbers));
            Value::Object(object)
        };
        let unpriced = |(model, responses): &(String, i128)| json!({"model": model, "responses": number(*responses)});
        let mut json = json!({
            "by": self.keys().collect::<Vec<_>>().join(","),
            "as_of": self.as_of,
            "pending": self.pending,
            ROWS: null,
            "totals": cells(&self.totals),
            "unpriced": self.unpriced.iter().map(unpriced).collect::<Vec<_>>(),
        });
        if let Some(saved) = self.saved {
            json["cache_saved_usd"] = json!(money::dollars(saved));
        }
        if !self.explanation.is_empty() {
            json["explanation"] = json!(self.explanation);
        }
        let members = json.as_object().into_iter().flatten();
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in members {
            match name.as_str() {
                ROWS => map.serialize_entry(ROWS, &Each(&self.rows, &row))?,
                name => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

const ROWS: &str = "rows";

/// A list whose items become JSON one by one.
struct Each<'e, T>(&'e [T], &'e dyn Fn(&T) -> Value);

impl<T> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self(items, object) = self;
        serializer.collect_seq(items.iter().map(object))
    }
}

/// Says how many source files wait for the next pass.
pub(crate) fn waiting(pending: i64) -> Option<String> {
    let verb = if pending == 1 { "waits" } else { "wait" };
    let files = crate::base::error::count(pending.cast_unsigned(), "source file");
    (pending > 0).then(|| format!("{files} {verb} for the next run"))
}

/// The start of the newest pass of a processor that has ended, and the number of files that it left for the next one.
pub(crate) fn freshness(reader: Reader<'_>, processor: &str) -> Result<(Option<String>, i64)> {
    let sql = "SELECT started_at, deferred + errors FROM processor_runs
               WHERE processor_name = ? AND ended_at IS NOT NULL ORDER BY run_id DESC LIMIT 1";
    let last = reader.first(sql, &[processor.into()], |row| Ok((row.time(0)?.map(utc::seconds), row.get(1)?)))?;
    Ok(last.unwrap_or_default())
}

/// A share in units of 1/`of`: with 1000, in thousandths. Rounded half up. All shares are rounded here, and only once.
/// 0 if `whole` is not positive.
pub(crate) fn ratio(part: i128, whole: i128, of: i128) -> i128 {
    if whole > 0 { (part * of * 2 + whole).div_euclid(whole * 2) } else { 0 }
}

/// The JSON number that is nearest to this number.
pub(crate) fn number(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| json!(number as f64), |n| json!(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up_and_once() {
        let percent = |part, whole| ratio(part, whole, 100);
        assert_eq!([percent(16_588, 100_000), percent(1, 200), percent(1, 201), percent(0, 0)], [17, 1, 0, 0]);
        assert_eq!([ratio(16_588, 100_000, 1000), ratio(-1, 2000, 1000), ratio(-2, 2000, 1000)], [166, 0, -1]);
    }

    #[test]
    fn what_waits_is_told_if_there_is_any() {
        assert_eq!(waiting(0), None);
        assert_eq!(waiting(1).unwrap(), "1 source file waits for the next run");
        assert_eq!(waiting(1200).unwrap(), "1,200 source files wait for the next run");
    }
}
