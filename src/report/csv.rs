//! Writes all CSV. Texts in cells can come from a transcript or a folder's name, so they must not be executed:
//! spreadsheets run cells that begin like a formula, and terminals obey control characters.
//!
//! A text that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe in front, which spreadsheets
//! take as the mark of a text (the remedy that OWASP names for CSV injection). Control characters are written as
//! escapes. Numbers are not changed.

use crate::base::error::{Error, Result};
use crate::base::printable::printable;
use std::io::Write;

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvCell {
    Text(String),
    /// Numbers, times, and other values that no user wrote.
    Number(String),
}

impl From<String> for CsvCell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// How texts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texts {
    /// Made safe for spreadsheets and terminals.
    #[default]
    Safe,
    /// Unchanged.
    Raw,
}

/// A CSV file while it is written.
pub struct Csv<W: Write> {
    writer: csv::Writer<W>,
    texts: Texts,
}

impl<W: Write> Csv<W> {
    pub fn new(out: W, texts: Texts) -> Self {
        Self { writer: csv::Writer::from_writer(out), texts }
    }

    /// Writes a row. The header is written with this, too, because its names can come from users.
    ///
    /// # Errors
    ///
    /// If `out` cannot be written, or the row has a different length than the first row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<CsvCell>>) -> std::io::Result<()> {
        let texts = self.texts;
        let cells = cells.into_iter().map(|cell| match (cell.into(), texts) {
            (CsvCell::Text(text), Texts::Safe) => safe(&text),
            (CsvCell::Text(text), Texts::Raw) | (CsvCell::Number(text), _) => text,
        });
        self.writer.write_record(cells).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            kind => std::io::Error::other(format!("{kind:?}")),
        })
    }

    /// # Errors
    ///
    /// If `out` cannot be written.
    pub fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// A header and rows as text.
///
/// # Errors
///
/// If a row has a different length than the header.
pub fn csv<C: Into<CsvCell>>(
    header: Vec<String>,
    rows: impl Iterator<Item = impl IntoIterator<Item = C>>,
    texts: Texts,
) -> Result<String> {
    let mut text = Vec::new();
    let wrong = |error: std::io::Error| Error::cannot("write", "CSV", error.to_string());
    let mut csv = Csv::new(&mut text, texts);
    csv.row(header).map_err(wrong)?;
    for row in rows {
        csv.row(row).map_err(wrong)?;
    }
    csv.flush().map_err(wrong)?;
    drop(csv);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Makes a text safe for spreadsheets and terminals.
fn safe(text: &str) -> String {
    // In some languages, the full-width forms of these characters begin a formula, too.
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let mut safe = String::from(if is_formula { "'" } else { "" });
    // Line breaks and tabs are kept, because people write them. A carriage return without a line feed is escaped,
    // because it would overwrite its line in a terminal.
    for (at, line) in text.split('\n').enumerate() {
        let (line, end) = line.strip_suffix('\r').map_or((line, ""), |line| (line, "\r"));
        safe.push_str(if at > 0 { "\n" } else { "" });
        safe.push_str(&line.split('\t').map(printable).collect::<Vec<_>>().join("\t"));
        safe.push_str(end);
    }
    // A carriage return at the end of the text has no line feed behind it.
    if safe.ends_with('\r') {
        safe.pop();
        safe.push_str("\\r");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_no_formula_and_steers_no_terminal() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1234", "'+49 30 1234"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\\r=1"),
            ("\n=1", "'\n=1"),
            ("＝cmd", "'＝cmd"),
            ("a=1", "a=1"),
            ("'=1", "'=1"),
            ("", ""),
            ("one\r\ntwo\tthree\n", "one\r\ntwo\tthree\n"),
            ("over\rwritten\r", "over\\rwritten\\r"),
            ("\u{1b}[2J\u{7}\u{9b}x\u{202e}", "\\u{1b}[2J\\u{7}\\u{9b}x\\u{202e}"),
            ("süß 👩‍👩‍👧", "süß 👩‍👩‍👧"),
        ] {
            assert_eq!(safe(text), written, "{text:?}");
        }
    }

    #[test]
    fn headers_are_texts_numbers_are_not_and_nothing_is_touched_where_that_is_wanted() {
        let rows = || [vec![CsvCell::Number("-5".into()), CsvCell::Text("=a,\"b\"".into())]].into_iter();
        let header = || vec!["@n".to_owned(), "t".to_owned()];
        assert_eq!(csv(header(), rows(), Texts::Safe).unwrap(), "'@n,t\n-5,\"'=a,\"\"b\"\"\"\n");
        assert_eq!(csv(header(), rows(), Texts::Raw).unwrap(), "@n,t\n-5,\"=a,\"\"b\"\"\"\n");
    }
}
