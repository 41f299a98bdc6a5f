//! Sheets and results as tables that fit the terminal, as JSON and as CSV.

use crate::base::error::{Error, Result, cause, thousands};
use crate::base::printable::printable;
pub use crate::base::wire::pretty;
use crate::report::csv::{self, Cell as Csv, Texts};
use crate::report::grid::{STYLE, ending, ruled};
use crate::report::listing::Written;
use crate::report::{Column, Row, SPARE, Sheet, Unit, money};
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, Table};
use std::io::Write;
use unicode_width::UnicodeWidthStr;

/// How data is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

/// A sheet as it is written. `width` is that of the terminal, in columns; without one a table is as wide as it is.
///
/// # Errors
///
/// If CSV cannot be written.
pub fn sheet(sheet: &Sheet, format: Format, texts: Texts, width: Option<usize>) -> Result<Written> {
    let text = match format {
        Format::Table => return Ok(table(sheet, width)),
        Format::Json => pretty(&sheet.json()),
        Format::Csv => {
            let header = std::iter::once(sheet.by).chain(sheet.columns.iter().map(|column| column.name));
            let rows = sheet.rows.iter().map(|row| {
                let cell = |(column, number): (&Column, &Option<i128>)| match (number, column.unit) {
                    (None, _) => Csv::Number(String::new()),
                    (Some(number), Unit::Count | Unit::Seconds | Unit::Milliseconds) => Csv::Number(number.to_string()),
                    (Some(share), Unit::Share) => Csv::Number(format!("{}.{:03}", share / 1000, share % 1000)),
                    (Some(ratio), Unit::Ratio) => Csv::Number(format!("{}.{:02}", ratio / 100, ratio % 100)),
                    (Some(money), Unit::PicoUsd) => Csv::Number(money::exact(*money)),
                };
                let numbers = sheet.columns.iter().zip(&row.numbers).map(cell);
                std::iter::once(Csv::Text(row.key.clone().unwrap_or_default())).chain(numbers).collect::<Vec<_>>()
            });
            csv::csv(header.map(str::to_owned).collect(), rows, texts)?
        }
    };
    Ok(Written { text, left_out: Vec::new() })
}

/// Writes text to stdout. A reader that has seen enough is no error.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::cannot("write", "stdout", cause(&error)))
        }
        _ => Ok(()),
    }
}

/// How a sheet gives way to a narrow terminal.
#[derive(Clone, Copy)]
struct Shape {
    /// `1.2M` instead of `1,234,567`.
    short: bool,
    /// Columns of a higher rank are left out.
    rank: u8,
    /// Longest key.
    key: usize,
}

/// A path keeps so much while there are columns that can go, and so much in the end.
const KEYS: [usize; 2] = [24, 8];

fn table(sheet: &Sheet, width: Option<usize>) -> Written {
    if sheet.rows.is_empty() {
        return Written { text: "nothing to report\n".to_owned(), left_out: Vec::new() };
    }
    let written = |text: String, shape: Shape| {
        let left_out = sheet.columns.iter().filter(|column| is_shown(sheet, column, SPARE));
        let left_out = left_out.filter(|column| !is_shown(sheet, column, shape.rank));
        Written { text, left_out: left_out.map(|column| column.title.to_owned()).collect() }
    };
    let whole = Shape { short: false, rank: SPARE, key: usize::MAX };
    let mut ranks: Vec<_> = sheet.columns.iter().map(|column| column.rank).chain([0, SPARE]).collect();
    ranks.sort_unstable_by(|a, b| b.cmp(a));
    ranks.dedup();
    let less = ranks.into_iter().map(|rank| Shape { short: true, rank, ..whole });
    let width = width.unwrap_or(usize::MAX);
    let longest = sheet.rows.iter().filter_map(|row| row.key.as_deref()).map(UnicodeWidthStr::width).max();
    let mut last = whole;
    for shape in std::iter::once(whole).chain(less) {
        last = shape;
        let over = widest(&shaped(sheet, shape)).saturating_sub(width);
        if over == 0 {
            break;
        }
        // Folders share their beginning; any other key is a name, which is to be copied.
        let key = longest.unwrap_or_default().saturating_sub(over);
        let least = if shape.rank == 0 { KEYS[1] } else { KEYS[0] };
        if sheet.by == "project" && shape.rank < SPARE && (key >= least || shape.rank == 0) {
            return written(shaped(sheet, Shape { key: key.max(least), ..shape }), shape);
        }
    }
    written(shaped(sheet, last), last)
}

/// Whether there is room for a column, and something in it.
fn is_shown(sheet: &Sheet, column: &Column, rank: u8) -> bool {
    let is_empty = || {
        let at = sheet.columns.iter().position(|other| other == column).unwrap_or_default();
        sheet.totals.get(at).is_none_or(|total| total.is_none_or(|total| total == 0))
    };
    column.rank <= rank && !(column.rank == SPARE && is_empty())
}

fn widest(text: &str) -> usize {
    text.lines().map(UnicodeWidthStr::width).max().unwrap_or_default()
}

fn shaped(sheet: &Sheet, shape: Shape) -> String {
    let shown = |column: &Column| is_shown(sheet, column, shape.rank);
    let number = |column: &Column, number: &Option<i128>| match (number, column.unit) {
        (None, _) => "–".to_owned(),
        (Some(money), Unit::PicoUsd) => money::rounded(*money),
        (Some(seconds), Unit::Seconds) => length(*seconds),
        (Some(share), Unit::Share) => percent(*share),
        (Some(ratio), Unit::Ratio) => format!("{}.{:02}", thousands(ratio / 100), ratio % 100),
        (Some(time), Unit::Milliseconds) => span(*time),
        (Some(number), Unit::Count) if shape.short => short(*number),
        (Some(number), Unit::Count) => thousands(*number),
    };
    let cells = |key: String, numbers: &[Option<i128>]| {
        let numbers = sheet.columns.iter().zip(numbers).filter(|(column, _)| shown(column));
        let numbers = numbers.map(|(column, n)| Cell::new(number(column, n)).set_alignment(CellAlignment::Right));
        std::iter::once(Cell::new(key)).chain(numbers).collect::<Vec<_>>()
    };
    let titles = sheet.columns.iter().filter(|column| shown(column));
    let titles = titles.map(|column| Cell::new(column.title).set_alignment(CellAlignment::Right));
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(std::iter::once(Cell::new(title(sheet.by))).chain(titles));
    for Row { key, numbers } in &sheet.rows {
        let key = key.as_deref().map_or("(none)".to_owned(), printable);
        table.add_row(cells(ending(&key, shape.key), numbers));
    }
    if sheet.rows.len() > 1 {
        table.add_row(cells("Total".to_owned(), &sheet.totals));
    }
    ruled(&table, sheet.rows.len() > 1)
}

fn title(name: &str) -> String {
    if name == "mcp_server" {
        return "MCP server".to_owned();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Three digits and a unit.
pub(crate) fn short(number: i128) -> String {
    let units = ["", "k", "M", "G", "T", "P", "E"];
    let mut size = number as f64;
    let mut unit = 0;
    while size.abs() >= 999.5 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => number.to_string(),
        _ if size.abs() < 9.995 => format!("{size:.2}{}", units[unit]),
        _ if size.abs() < 99.95 => format!("{size:.1}{}", units[unit]),
        _ => format!("{size:.0}{}", units[unit]),
    }
}

/// `1.5 h`, or minutes.
pub(crate) fn hours(seconds: i128) -> String {
    match seconds {
        0..3570 => format!("{} min", (seconds + 30) / 60),
        _ => tenths((seconds + 180) / 360) + " h",
    }
}

/// The same to the second below a minute: `45 s`.
pub(crate) fn length(seconds: i128) -> String {
    if seconds < 60 { format!("{seconds} s") } else { hours(seconds) }
}

/// Thousandths in percent: `41.7 %`.
pub(crate) fn percent(thousandths: i128) -> String {
    tenths(thousandths) + " %"
}

/// A length of time in its two largest units: `340 ms`, `4.2 s`, `5 min 3 s`, `3 h 20 min`, `2 d 4 h`.
pub(crate) fn span(milliseconds: i128) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{} s", tenths(milliseconds / 100)),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", thousands(seconds / 86_400), seconds / 3600 % 24),
    }
}

/// A number of tenths: `1.5`.
pub(crate) fn tenths(tenths: i128) -> String {
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_have_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00k"),
            (9_994, "9.99k"),
            (9_996, "10.0k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
            (-1_234_567, "-1.23M"),
            (85_233_805, "85.2M"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn a_length_of_time_has_one_unit() {
        for (seconds, text) in [
            (0, "0 min"),
            (29, "0 min"),
            (30, "1 min"),
            (3569, "59 min"),
            (3599, "1.0 h"),
            (5400, "1.5 h"),
            (3_600_000, "1,000.0 h"),
        ] {
            assert_eq!(hours(seconds), text);
        }
        assert_eq!([0, 45, 60].map(length), ["0 s", "45 s", "1 min"]);
        assert_eq!(percent(417), "41.7 %");
    }

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (milliseconds, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (12_000_000, "3 h 20 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(span(milliseconds), text);
        }
    }

    #[test]
    fn a_table_gives_way_to_the_terminal() {
        const COLUMNS: [Column; 2] = [Column::count("a", "A").spare(), Column::count("b", "B")];
        let row = |key: &str, number| Row { key: Some(key.to_owned()), numbers: vec![Some(number); 2] };
        let rows = vec![row("/home/ada/one", 1_234_567), row("/home/ada/two", 1)];
        let sheet = Sheet {
            by: "project",
            columns: &COLUMNS,
            rows,
            totals: vec![Some(1_234_568); 2],
            as_of: None,
            pending: 0,
            unpriced: vec![],
            notes: vec![],
            explanation: vec![],
        };
        assert_eq!(
            table(&sheet, None).text,
            " Project                 A           B\n\
             ───────────────────────────────────────\n \
             /home/ada/one   1,234,567   1,234,567\n \
             /home/ada/two           1           1\n\
             ───────────────────────────────────────\n \
             Total           1,234,568   1,234,568\n"
        );
        for width in [40, 31, 30, 25, 20] {
            let written = table(&sheet, Some(width));
            assert!(widest(&written.text) <= width, "{width}:\n{}", written.text);
            assert_eq!(written.left_out, if width < 31 { vec!["A"] } else { vec![] }, "{width}");
        }
        const RANKED: [Column; 2] = [Column::count("a", "A").rank(1), Column::count("b", "B")];
        let sheet = Sheet { by: "session", columns: &RANKED, ..sheet };
        let narrow = " Session             B\n───────────────────────\n /home/ada/one   1.23M\n";
        for width in [24, 5] {
            let written = table(&sheet, Some(width));
            assert!(written.text.starts_with(narrow), "a name stays whole:\n{}", written.text);
            assert_eq!(written.left_out, ["A"]);
        }
    }
}
