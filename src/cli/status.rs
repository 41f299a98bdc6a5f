//! `sessionmill status`: what the database holds and how fresh it is.

use crate::cli::place::read;
use crate::cli::{Context, Database, print};
use crate::error::{Result, Status};
use crate::report::render::pretty;
use crate::report::status;

/// Show what the database holds and how fresh it is
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How it is written
    #[arg(long, value_parser = ["table", "json"], default_value = "table", conflicts_with = "json")]
    format: String,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn status(args: &Args, context: &Context) -> Result<Status> {
    let (_, database) = args.database.find(context)?;
    let status = read(&database, context, |reading| status::status(reading.connection, &database))?;
    print(&if args.json || args.format == "json" { pretty(&status) } else { status.words() })
}
