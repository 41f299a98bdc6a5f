//! `sessionmill publish`: a snapshot of the database for readers who may not write it.

use crate::actions::publish as actions;
use crate::base::error::{Result, Status};
use crate::command::{Database, print};
use crate::plug::Context;

/// Publish a snapshot of the database for readers who may not write it
///
/// Writes the snapshot into the folder `published` beside the database, readable by the folder's group, where `report`,
/// `query`, `status` and `failures` of other users find it. Any DuckDB program can open it, too. Beside it is a folder
/// with the same name and `.parquet`, with a file for each public table. Does nothing if nothing has changed since the
/// newest snapshot, unless that is an hour old. Three snapshots are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Database,
}

pub(crate) fn publish(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let published = actions::publish(&config, &context.resources(&database), None, &context.now)?;
    print(&format!("{}\n", actions::words(&published)))
}
