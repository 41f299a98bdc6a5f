//! Flags that several commands share: how rows are written.

use crate::base::days::{Days, Span};
use crate::base::error::{Error, Result, Status};
use crate::command::scope::ReportSetup;
use crate::command::terminal::fitted;
use crate::command::{print, remark, screen};
use crate::report::csv::Texts;
use crate::report::grid::Written;
use crate::report::listing::Listing;
use crate::report::render::{self, Format};
use crate::report::{Sheet, compare, waiting};

/// A format, by its name or for short.
#[derive(Debug, clap::Args)]
pub(crate) struct Form {
    /// Format of the rows
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    /// Short for --format csv
    #[arg(long, conflicts_with_all = ["format", "json"])]
    csv: bool,

    #[command(flatten)]
    raw: Raw,
}

/// How one answer is written that is no list: for people, or for programs.
#[derive(Debug, clap::Args)]
pub(crate) struct TableOrJson {
    /// Format of the output
    #[arg(long, value_parser = ["table", "json"], default_value = "table", conflicts_with = "json")]
    format: String,

    /// Short for --format json
    #[arg(long)]
    json: bool,
}

impl TableOrJson {
    pub(crate) fn is_json(&self) -> bool {
        self.json || self.format == "json"
    }
}

/// What becomes of texts in CSV.
#[derive(Debug, clap::Args)]
pub(crate) struct Raw {
    /// Write texts in CSV unchanged. By default, a text that begins with = + - @ gets an apostrophe in front, so that
    /// no spreadsheet runs it, and control characters are escaped
    #[arg(long)]
    raw: bool,
}

impl Raw {
    pub(crate) fn texts(&self) -> Texts {
        if self.raw { Texts::Raw } else { Texts::Safe }
    }
}

impl Form {
    pub(crate) fn format(&self) -> Format {
        match self.format {
            _ if self.json => Format::Json,
            _ if self.csv => Format::Csv,
            format => format,
        }
    }

    pub(crate) fn texts(&self) -> Texts {
        self.raw.texts()
    }

    /// The number of rows of a long list: as many as the user asks for; else what fits on a terminal, or all if the
    /// output is not a terminal.
    pub(crate) fn most(&self, asked: Option<u32>, on_screen: u32) -> u32 {
        asked.unwrap_or(if self.is_seen() { on_screen } else { u32::MAX })
    }

    /// Whether a person reads the output: a table on a terminal.
    pub(crate) fn is_seen(&self) -> bool {
        self.format() == Format::Table && screen().is_terminal
    }

    /// Writes a list to stdout.
    pub(crate) fn list<T>(&self, listing: &Listing<'_, T>) -> Result<Status> {
        let written = listing.write(self.format(), self.texts(), screen(), &mut std::io::stdout())?;
        match self.format() {
            // This is a sentence, not a table.
            Format::Table if listing.rows.is_empty() => print(&fitted(&written.text, 2)),
            _ => grid(&written),
        }
    }
}

/// Which rows of a report of figures are shown, in which order, and what they are compared with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shown {
    /// Show N rows; the totals are those of all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Sort rows by a column, given by its name in JSON or the beginning of it: cost, output, day; the highest first,
    /// except for names
    #[arg(long, value_name = "COLUMN", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    order: Option<String>,

    /// Compare with the days before; for a month, with the month before. If no days are given, rows of days, weeks or
    /// months are compared with the row before. With a period, compare with its days
    #[arg(long, value_name = "PERIOD", num_args = 0..=1)]
    compare: Option<Option<Span>>,
}

impl Shown {
    /// Whether the user gave any of these flags.
    pub(crate) fn is_chosen(&self) -> bool {
        self.limit.is_some() || self.order.is_some() || self.compare.is_some()
    }

    /// Makes a sheet for some days, and applies the flags.
    ///
    /// # Errors
    ///
    /// If the sheet cannot be made, if it has no such column, or if there are no days to compare with.
    pub(crate) fn sheet(&self, setup: &ReportSetup, make: impl Fn(Days) -> Result<Sheet>) -> Result<Sheet> {
        let mut sheet = make(setup.days)?;
        let times = compare::Times::of(&sheet);
        if let Some(times) = &times {
            times.tell_cut(&mut sheet, setup.days, setup.today);
        }
        if let (Some(None), Some(times), false) = (self.compare, times, setup.has_asked_days()) {
            times.compare(&mut sheet, setup.days, setup.before, setup.today, &make)?;
        } else if let Some(period) = self.compare {
            let before = match period {
                Some(period) => Some(period.days(setup.today)),
                None => setup.before,
            };
            let before = before.ok_or_else(|| {
                Error::new(Status::Usage, format!("there are no days before {}", setup.days))
                    .hint("name days with a beginning: --period this-month --compare")
            })?;
            compare::compare(&mut sheet, &make(before)?, setup.days, before);
        }
        if let Some(order) = &self.order {
            sheet.order(order)?;
        }
        if let Some(limit) = self.limit {
            sheet.limit(limit as usize);
        }
        Ok(sheet)
    }
}

/// Writes a sheet to stdout, and its notes to stderr.
pub(crate) fn sheet(sheet: &Sheet, format: Format, texts: Texts) -> Result<Status> {
    let screen = screen();
    grid(&render::sheet(sheet, format, texts, screen, &mut std::io::stdout())?)?;
    sheet.notes.iter().for_each(|note| remark(&format!("note: {note}")));
    if let Some(words) = waiting(sheet.pending) {
        remark(&format!("note: {words}"));
    }
    Ok(Status::Done)
}

/// Writes a table to stdout, and says which columns were left out.
pub(crate) fn grid(written: &Written) -> Result<Status> {
    print(&written.text)?;
    tell_left_out(written);
    Ok(Status::Done)
}

/// Says which columns are left out, and why.
pub(crate) fn tell_left_out(written: &Written) {
    left_out(written).for_each(|note| remark(&note));
}

/// The notes about columns that were left out.
pub(crate) fn left_out(written: &Written) -> impl Iterator<Item = String> {
    let named = |titles: &[String]| titles.iter().map(|title| format!("`{title}`")).collect::<Vec<_>>().join(", ");
    let note = |titles: &[String], words: fn(String) -> String| (!titles.is_empty()).then(|| words(named(titles)));
    [
        note(&written.empty, |titles| format!("note: nothing in {titles}, left out")),
        note(&written.left_out, |titles| format!("note: no room for {titles}; a wider terminal or --json shows all")),
    ]
    .into_iter()
    .flatten()
}
