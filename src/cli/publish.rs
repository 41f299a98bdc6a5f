//! `sessionmill publish`: a snapshot of the database for readers who may not write it.

use crate::base::error::{Result, Status};
use crate::cli::{Context, Database, print};
use crate::plugs::Lineup;
use crate::service::bulletin;
use crate::store::publish::{self, Published};

/// Publish a snapshot of the database for readers who may not write it
///
/// Writes it into the folder `published` beside the database, readable by the folder's group, where
/// `report`, `query`, `status` and `failures` of others find it; any DuckDB program can open it, too. Beside
/// it is a folder of the same name and `.parquet`, with a file for each public table. Does nothing if nothing
/// has changed since the newest one, unless that is an hour old. Three are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Database,
}

pub(crate) fn publish(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let published = publish::publish(&database, &config.publish, context.now.wall)?;
    let told = Lineup::new(&[], &config, &context.world(&database))
        .and_then(|lineup| bulletin::write(&database, &lineup, None, &context.now));
    if let Err(error) = told {
        tracing::warn!(error = error.message, "cannot write how the processors do");
    }
    print(&match published {
        Published::New(snapshot) => format!("published {}\n", snapshot.path.display()),
        Published::Before(snapshot) => format!("nothing new since {}\n", snapshot.path.display()),
    })
}
