//! A list of things that is described once, and written as a table that fits the terminal, as JSON, or as CSV.

use crate::base::error::Result;
use crate::report::Each;
use crate::report::csv::{self, Texts};
use crate::report::grid::{Field, Written, grid};
use crate::report::render::{Format, write_json};
use crate::report::screen::Screen;
use crate::store::cell::plain;
use serde_json::Value;
use std::io::Write;

/// A list, and how to write an item.
pub struct Listing<'l, T> {
    pub rows: &'l [T],
    /// The text of a table without rows.
    pub empty: &'l str,
    /// The columns of a table.
    pub fields: Vec<Field>,
    /// The cells of a row in a table.
    pub shown: &'l dyn Fn(&T) -> Vec<String>,
    /// The JSON object of an item.
    pub object: &'l dyn Fn(&T) -> Value,
    /// The columns of CSV, as names of fields of the JSON object.
    pub names: &'l [&'static str],
    /// Writes a field of the JSON object in CSV.
    pub text: fn(&Value) -> String,
}

impl<T> Listing<'_, T> {
    /// Makes the text of the list. JSON can be long, so it is written to `out` item by item instead.
    ///
    /// # Errors
    ///
    /// If CSV or JSON cannot be written.
    pub fn write(&self, format: Format, texts: Texts, screen: Screen, out: &mut dyn Write) -> Result<Written> {
        let objects = || self.rows.iter().map(self.object);
        let text = match format {
            Format::Table if self.rows.is_empty() => format!("{}\n", self.empty),
            Format::Table => {
                let rows: Vec<_> = self.rows.iter().map(self.shown).collect();
                return Ok(grid(&self.fields, &rows, screen));
            }
            Format::Json => return write_json(out, &Each(self.rows, self.object)).map(|()| Written::default()),
            Format::Csv => {
                let header = self.names.iter().map(|name| (*name).to_owned()).collect();
                let cells = |object: Value| {
                    let cell = |name| (self.text)(object.get(name).unwrap_or(&Value::Null));
                    self.names.iter().map(cell).collect::<Vec<_>>()
                };
                csv::csv(header, objects().map(cells), texts)?
            }
        };
        Ok(Written { text, ..Written::default() })
    }
}

/// The JSON object of a serializable value.
pub fn object(thing: &impl serde::Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// The JSON object of a row with these names.
pub fn named<const N: usize>(names: [&str; N], cells: [Value; N]) -> Value {
    Value::Object(names.map(str::to_owned).into_iter().zip(cells).collect())
}

/// A whole number without a decimal point, for people.
pub fn short_number(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default().to_string(),
        value => plain(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_the_same_in_every_format() {
        let rows = [("a", 1.0), ("=b", 2.5)];
        let listing = Listing {
            rows: &rows,
            empty: "none",
            fields: vec![Field::name("Name"), Field::number("Size").spare(1)],
            shown: &|(name, size)| vec![(*name).to_owned(), format!("{size:.2}")],
            object: &|(name, size)| json!({"name": name, "size": size}),
            names: &["name", "size", "more"],
            text: short_number,
        };
        let written = |listing: &Listing<'_, _>, format, width| {
            let mut json = Vec::new();
            let screen = Screen { width, ..Screen::default() };
            let written = listing.write(format, Texts::Safe, screen, &mut json).unwrap();
            Written { text: written.text + std::str::from_utf8(&json).unwrap(), ..written }
        };
        let write = |format, width| written(&listing, format, width);
        assert_eq!(write(Format::Csv, None).text, "name,size,more\na,1,\n'=b,2.5,\n");
        let json = write(Format::Json, None).text;
        let items = json!([{"name": "a", "size": 1.0}, {"name": "=b", "size": 2.5}]);
        assert_eq!(json, serde_json::to_string_pretty(&items).unwrap() + "\n");
        let wide = write(Format::Table, None);
        assert_eq!(wide.text, " Name   Size\n─────────────\n a      1.00\n =b     2.50\n");
        assert!(wide.left_out.is_empty());
        let narrow = write(Format::Table, Some(6));
        assert_eq!((narrow.text.as_str(), narrow.left_out), (" Name\n──────\n a\n =b\n", vec!["Size".to_owned()]));
        let none = Listing { rows: &[], ..listing };
        assert_eq!(written(&none, Format::Table, None).text, "none\n");
        assert_eq!(written(&none, Format::Json, None).text, "[]\n");
    }
}
