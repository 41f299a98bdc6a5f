//! How rows are written: flags that commands share.

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
}

impl Form {
    pub(super) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}
