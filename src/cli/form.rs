//! How rows are written: flags that commands share.

use crate::base::error::{Result, Status};
use crate::cli::{print, remark, terminal_width};
use crate::report::csv::Texts;
use crate::report::listing::{Listing, Written};
use crate::report::render::Format;

/// A format, by its name or for short.
#[derive(Debug, clap::Args)]
pub(crate) struct Form {
    /// How the rows are written
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    raw: Raw,
}

/// What becomes of texts in CSV.
#[derive(Debug, clap::Args)]
pub(crate) struct Raw {
    /// Write texts in CSV exactly as they are: without it, one that begins with = + - @ gets an apostrophe in
    /// front, so that no spreadsheet runs it, and characters that steer a terminal are written by their number
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
        if self.json { Format::Json } else { self.format }
    }

    pub(crate) fn texts(&self) -> Texts {
        self.raw.texts()
    }

    /// Writes a list to stdout.
    pub(crate) fn list<T>(&self, listing: &Listing<'_, T>) -> Result<Status> {
        grid(&listing.write(self.format(), self.texts(), terminal_width())?)
    }
}

/// Writes a table to stdout, and says which columns there was no room for.
pub(crate) fn grid(written: &Written) -> Result<Status> {
    print(&written.text)?;
    if !written.left_out.is_empty() {
        let columns: Vec<_> = written.left_out.iter().map(|title| format!("`{title}`")).collect();
        remark(&format!("note: no room for {}; a wider terminal or --json shows all", columns.join(", ")));
    }
    Ok(Status::Done)
}
