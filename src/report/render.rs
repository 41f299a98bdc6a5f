//! Writes sheets and query results as tables that fit the terminal, as JSON, and as CSV.

use crate::base::error::{Error, Result, thousands};
pub use crate::base::wire::pretty;
use crate::report::csv::{self, CsvCell, Texts};
use crate::report::grid::{Field, Written, bar, sparkline, with_totals};
use crate::report::screen::Screen;
use crate::report::{Column, SPARE, Sheet, UNSEEN, Unit, compare, money, ratio};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{BufWriter, Write};
use unicode_width::UnicodeWidthStr;

/// How data is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

/// The text of a table without rows.
pub const NOTHING: &str = "nothing to report\n";

/// Makes the text of a sheet. JSON can be long, so it is written to `out` row by row instead.
///
/// # Errors
///
/// If CSV or JSON cannot be written.
pub fn sheet(sheet: &Sheet, format: Format, texts: Texts, screen: Screen, out: &mut dyn Write) -> Result<Written> {
    let text = match format {
        Format::Table => return Ok(table(sheet, screen)),
        Format::Json => return write_json(out, sheet).map(|()| Written::default()),
        Format::Csv => {
            let header = sheet.keys().chain(sheet.columns.iter().map(|column| column.name));
            let rows = sheet.rows.iter().map(|row| {
                let cell = |(column, number): (&Column, &Option<i128>)| match (number, column.unit) {
                    (None, _) => CsvCell::Number(String::new()),
                    (Some(number), Unit::Count | Unit::Failures | Unit::Seconds | Unit::Milliseconds) => {
                        CsvCell::Number(number.to_string())
                    }
                    (Some(share), Unit::Share) => CsvCell::Number(format!("{}.{:03}", share / 1000, share % 1000)),
                    (Some(change), Unit::Change) => {
                        CsvCell::Number(compare::number(*change).map_or_else(String::new, |change| change.to_string()))
                    }
                    (Some(ratio), Unit::Ratio) => CsvCell::Number(format!("{}.{:02}", ratio / 100, ratio % 100)),
                    (Some(money), Unit::PicoUsd) => CsvCell::Number(money::exact(*money)),
                };
                let numbers = sheet.columns.iter().zip(&row.numbers).map(cell);
                let keys = row.keys().map(|key| CsvCell::Text(key.unwrap_or_default().to_owned()));
                keys.chain(numbers).collect::<Vec<_>>()
            });
            csv::csv(header.map(str::to_owned).collect(), rows, texts)?
        }
    };
    Ok(Written { text, ..Written::default() })
}

/// Writes text to stdout. It is not an error if the reader closes the pipe early, as `head` does.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write(out: &mut dyn Write, text: &str) -> Result<()> {
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a value as [`pretty`] does, while it is serialized.
///
/// # Errors
///
/// As [`write`].
pub(in crate::report) fn write_json(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    let written = serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from);
    unless_closed(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// The number of bytes of JSON that are written at a time.
const BUFFER: usize = 64 << 10;

fn unless_closed(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::cannot("write", "stdout", error)),
        _ => Ok(()),
    }
}

/// The rank of the column `Share`. Columns with a higher rank are dropped before it.
const SHARE: u8 = 100;

/// A sheet as a table. If numbers do not fit, they are shortened: `1.2M` instead of `1,234,567`.
fn table(sheet: &Sheet, screen: Screen) -> Written {
    if sheet.rows.is_empty() {
        return Written { text: NOTHING.to_owned(), ..Written::default() };
    }
    let shown: Vec<usize> = (0..sheet.columns.len()).filter(|at| has_any(sheet, *at)).collect();
    let field = |at: &usize| {
        let Column { title, rank, unit, .. } = &sheet.columns[*at];
        match unit {
            Unit::Failures => Field::failures(title),
            _ => Field::number(title),
        }
        .spare(*rank)
    };
    // Folders share their beginnings, and sentences are read. All other keys are names that a reader may want to copy.
    let key = |name: &'static str| match name {
        "project" => Field::project(&title(name)),
        "path" => Field::path(&title(name)),
        "problem" | "item" => Field::text(&title(name)),
        "session" => Field::id(&title(name)),
        _ => Field::name(&title(name)),
    };
    // On a terminal, shares and bars are added. Programs can compute them.
    let weight = sheet.weight().filter(|_| screen.is_terminal && sheet.rows.len() > 1);
    // Rows that cover several days have a sparkline, other rows a bar.
    let has_trends = sheet.rows.iter().any(|row| row.trend.len() > 1);
    let drawing = Field::drawing(if has_trends { "Trend" } else { "" });
    let of_whole = [Field::number("Share").spare(SHARE), drawing];
    let of_whole = of_whole.into_iter().filter(|_| weight.is_some());
    let fields: Vec<_> = sheet.keys().map(key).chain(shown.iter().map(field)).chain(of_whole).collect();
    let most = weight.and_then(|at| sheet.rows.iter().filter_map(|row| row.numbers[at]).max()).unwrap_or_default();
    let row = |keys: Vec<String>, numbers: &[Option<i128>], trend: &[i128], count: fn(i128) -> String| {
        let cells = shown.iter().map(|at| cell(numbers.get(*at).copied().flatten(), sheet.columns[*at].unit, count));
        let whole = |at: usize| {
            let (number, all) = (numbers[at].unwrap_or_default(), sheet.totals[at].unwrap_or_default().max(1));
            let drawing = if has_trends { sparkline(trend) } else { bar(number, most) };
            [percent(ratio(number, all, 1000)), drawing]
        };
        keys.into_iter().chain(cells).chain(weight.into_iter().flat_map(whole)).collect::<Vec<_>>()
    };
    let written = |count: fn(i128) -> String, screen: Screen| {
        let mut above: Vec<Option<&str>> = Vec::new();
        let rows = sheet.rows.iter().map(|of| {
            let keys: Vec<_> = of.keys().collect();
            // A key that is the same as in the row above is left blank.
            let is_same = keys.len() > 1 && above.first() == keys.first() && screen.is_terminal;
            let mut shown: Vec<_> = keys.iter().zip(sheet.keys()).map(|(key, name)| key_words(name, *key)).collect();
            if is_same {
                shown[0].clear();
            }
            above = keys;
            row(shown, &of.numbers, &of.trend, count)
        });
        let rows: Vec<_> = rows.collect();
        let all = || std::iter::once("Total".to_owned()).chain(sheet.then.iter().map(|_| String::new())).collect();
        let totals = ((sheet.rows.len() > 1 || sheet.is_cut) && !sheet.totals.is_empty()).then(|| {
            let mut totals = row(all(), &sheet.totals, &[], count);
            // A bar for the total would always be full.
            totals.last_mut().filter(|_| weight.is_some()).into_iter().for_each(String::clear);
            totals
        });
        with_totals(&fields, &rows, totals.as_deref(), screen)
    };
    let Some(width) = screen.width else { return written(thousands, screen) };
    let widest = written(thousands, Screen { width: None, has_colour: false, ..screen }).text;
    let fits = widest.lines().map(UnicodeWidthStr::width).max().unwrap_or_default() <= width;
    written(if fits { thousands } else { short }, screen)
}

/// A number as text, with a dash for an unknown number.
pub(crate) fn cell(number: Option<i128>, unit: Unit, count: fn(i128) -> String) -> String {
    match (number, unit) {
        (None, _) => "–".to_owned(),
        (Some(money), Unit::PicoUsd) => money::rounded(money),
        (Some(seconds), Unit::Seconds) => length(seconds),
        (Some(share), Unit::Share) => percent(share),
        (Some(more), Unit::Change) => change(more),
        (Some(ratio), Unit::Ratio) => format!("{}.{:02}", thousands(ratio / 100), ratio % 100),
        (Some(time), Unit::Milliseconds) => span(time),
        (Some(number), Unit::Count | Unit::Failures) => count(number),
    }
}

/// A key as text for people.
fn key_words(name: &str, key: Option<&str>) -> String {
    match (name, key) {
        // Such as `2026-02-02T11:00:00+00:00`, in the time zone of the report.
        ("block", Some(begin)) => begin.get(..16).map_or(begin.to_owned(), |minute| minute.replace('T', " ")),
        (_, Some(key)) => key.to_owned(),
        ("subagent", None) => "(main conversation)".to_owned(),
        (_, None) => "(none)".to_owned(),
    }
}

/// Whether a table shows a column: it is not only for programs, and it is not empty, unless empty columns of its rank
/// are shown, too.
fn has_any(sheet: &Sheet, at: usize) -> bool {
    match sheet.columns[at].rank {
        UNSEEN => false,
        SPARE => sheet.has_any(at),
        _ => true,
    }
}

fn title(name: &str) -> String {
    if name == "mcp_server" {
        return "MCP server".to_owned();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A number with three digits and a unit.
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

/// Hours, or minutes below an hour: `1.5 h`, `40 min`.
pub(crate) fn hours(seconds: i128) -> String {
    match seconds {
        0..3570 => format!("{} min", (seconds + 30) / 60),
        _ => tenths((seconds + 180) / 360) + " h",
    }
}

/// The same with seconds below a minute: `45 s`.
pub(crate) fn length(seconds: i128) -> String {
    if seconds < 60 { format!("{seconds} s") } else { hours(seconds) }
}

/// A change in percent, such as `+42 %`; from ten times on as a factor, such as `×12`.
pub(crate) fn change(more: i128) -> String {
    const WHOLE: i128 = compare::WHOLE;
    match more / WHOLE {
        _ if more == compare::NEW => "new".to_owned(),
        9.. => format!("×{}", thousands(ratio(more + WHOLE, WHOLE, 1))),
        _ => format!("{:+} %", ratio(more, WHOLE, 100)),
    }
}

/// Thousandths as a percentage: `41.7 %`.
pub(crate) fn percent(thousandths: i128) -> String {
    tenths(thousandths) + " %"
}

/// A duration in its two largest units: `340 ms`, `4.2 s`, `5 min 3 s`, `3 h 20 min`, `2 d 4 h`.
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

/// A number given in tenths: `1.5`.
pub(crate) fn tenths(tenths: i128) -> String {
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Row;

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
        let changes = [417_000, 0, -4000, -5000, -1_000_000, 8_999_000, 11_499_999, 11_500_000].map(change);
        assert_eq!(changes, ["+42 %", "+0 %", "+0 %", "+0 %", "-100 %", "+900 %", "×12", "×13"]);
        let of = |now, was| change(compare::change(Some(now), Some(was)).unwrap());
        assert_eq!([of(158_618, 7263), of(755_470, 100_000)], ["×22", "+655 %"]);
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
        let row = |key: &str, number| Row::new(Some(key.to_owned()), vec![Some(number); 2]);
        let rows = vec![row("/home/ada/one", 1_234_567), row("/home/ada/two", 1)];
        let sheet = Sheet {
            by: "project",
            columns: COLUMNS.as_slice().into(),
            rows,
            totals: vec![Some(1_234_568); 2],
            ..Sheet::default()
        };
        assert_eq!(
            table(&sheet, Screen::default()).text,
            " Project                 A           B\n\
             ───────────────────────────────────────\n \
             /home/ada/one   1,234,567   1,234,567\n \
             /home/ada/two           1           1\n\
             ───────────────────────────────────────\n \
             Total           1,234,568   1,234,568\n"
        );
        for width in [40, 31, 30, 25, 20] {
            let written = table(&sheet, Screen { width: Some(width), ..Screen::default() });
            let widest = written.text.lines().map(UnicodeWidthStr::width).max();
            assert!(widest <= Some(width), "{width}:\n{}", written.text);
            assert_eq!(written.left_out, if width < 31 { vec!["A"] } else { vec![] }, "{width}");
        }
        const RANKED: [Column; 2] = [Column::count("a", "A").rank(1), Column::count("b", "B")];
        let sheet = Sheet { by: "session", columns: RANKED.as_slice().into(), ..sheet };
        let narrow = " Session             B\n───────────────────────\n /home/ada/one   1.23M\n";
        for width in [24, 5] {
            let written = table(&sheet, Screen { width: Some(width), ..Screen::default() });
            assert!(written.text.starts_with(narrow), "a name stays whole:\n{}", written.text);
            assert_eq!(written.left_out, ["A"]);
        }
    }
}
