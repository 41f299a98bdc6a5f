//! Writes the rows of a query as they come. CSV and JSON are written at once. The rows of a table are kept in memory,
//! because columns are as wide as their widest cell.

use crate::command::form::tell_left_out;
use crate::command::{Form, screen};
use crate::report::csv::{Csv, CsvCell};
use crate::report::grid::{Field, grid};
use crate::report::render::{self, Format};
use crate::store::cell::{self, Cell};
use serde_json::{Map, Value};
use std::io::{Result, Write};

/// Writes rows in one format.
pub(super) enum Sink<W: Write> {
    Table { out: W, names: Vec<String>, rows: Vec<Vec<String>>, bytes: usize, is_cut: bool },
    Csv(Box<Csv<W>>),
    Json { out: W, is_begun: bool },
}

/// The most bytes of a cell in a table.
const CELL: usize = 64 << 10;

impl<W: Write> Sink<W> {
    pub(super) fn new(out: W, form: &Form) -> Self {
        match form.format() {
            Format::Table => Self::Table { out, names: Vec::new(), rows: Vec::new(), bytes: 0, is_cut: false },
            Format::Csv => Self::Csv(Box::new(Csv::new(out, form.texts()))),
            Format::Json => Self::Json { out, is_begun: false },
        }
    }

    /// Writes the names of the columns.
    pub(super) fn begin(&mut self, header: &[String]) -> Result<()> {
        match self {
            Self::Table { names, .. } => names.extend_from_slice(header),
            Self::Csv(csv) => csv.row(header.iter().cloned())?,
            Self::Json { .. } => {}
        }
        Ok(())
    }

    /// Writes a row, or keeps it for the table.
    pub(super) fn row(&mut self, header: &[String], cells: &[Cell]) -> Result<()> {
        match self {
            Self::Table { rows, bytes, is_cut, .. } => {
                let row: Vec<_> = cells.iter().map(|cell| cut(cell::text(cell), is_cut)).collect();
                *bytes += row.iter().map(String::len).sum::<usize>();
                rows.push(row);
            }
            Self::Csv(csv) => csv.row(cells.iter().map(text))?,
            Self::Json { out, is_begun } => {
                let object: Map<String, Value> = header.iter().cloned().zip(cells.iter().map(cell::json)).collect();
                // JSON escapes line feeds in texts, so every line feed here is between lines.
                let lines = render::pretty(&object);
                let lines = lines.trim_end().replace('\n', "\n  ");
                write!(out, "{}  {lines}", if *is_begun { ",\n" } else { "[\n" })?;
                *is_begun = true;
            }
        }
        Ok(())
    }

    /// The number of bytes that are kept in memory.
    pub(super) fn kept(&self) -> usize {
        if let Self::Table { bytes, .. } = self { *bytes } else { 0 }
    }

    /// Whether cells were cut.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Table { is_cut: true, .. })
    }

    /// Writes everything that was kept.
    pub(super) fn end(self) -> Result<()> {
        match self {
            Self::Table { mut out, names, rows, .. } => {
                let fields: Vec<_> = names.iter().enumerate().map(|(at, name)| field(name, at, &rows)).collect();
                let written = grid(&fields, &rows, screen());
                out.write_all(written.text.as_bytes())?;
                out.flush()?;
                tell_left_out(&written);
                Ok(())
            }
            Self::Csv(mut csv) => csv.flush(),
            Self::Json { mut out, is_begun } => {
                out.write_all(if is_begun { b"\n]\n" } else { b"[]\n" })?;
                out.flush()
            }
        }
    }
}

/// A cell of CSV. Types that can contain text are written as text.
fn text(cell: &Cell) -> CsvCell {
    let text = cell::text(cell);
    match cell {
        Cell::Union(inner) => self::text(inner),
        Cell::Text(_) | Cell::Enum(_) | Cell::Struct(_) | Cell::List(_) | Cell::Array(_) | Cell::Map(_) => {
            CsvCell::Text(text)
        }
        _ => CsvCell::Number(text),
    }
}

/// The beginning of a cell that is too long for a table.
fn cut(text: String, is_cut: &mut bool) -> String {
    if text.len() <= CELL {
        return text;
    }
    *is_cut = true;
    format!("{}…", &text[..text.floor_char_boundary(CELL)])
}

/// The column for a query result. Columns with long texts of several words are read, so they wrap.
fn field(name: &str, at: usize, rows: &[Vec<String>]) -> Field {
    let is_text = |cell: &String| cell.len() > NAMES && cell.contains(' ');
    let cells = || rows.iter().filter_map(|row| row.get(at));
    let is_number = |cell: &String| cell.is_empty() || cell.parse::<f64>().is_ok();
    if cells().any(is_text) {
        Field::text(name)
    } else if cells().all(is_number) && cells().any(|cell| !cell.is_empty()) {
        Field::number(name)
    } else {
        Field::name(name)
    }
}

/// Longer texts with spaces are not names.
const NAMES: usize = 32;
