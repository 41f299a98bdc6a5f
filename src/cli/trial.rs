//! `sessionmill trial`: a pass calls it for a file that may have ended the process before. The pass writes its
//! configuration, as TOML, to the standard input.

use crate::base::error::{Error, Result, Status, cause};
use crate::cli::Context;
use crate::pass::trial;
use crate::plugs::{Lineup, World};
use crate::read::Caps;
use crate::source::{Layout, Source};
use crate::store::DatabaseFile;
use sessionmill_contract::SourceFile;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    database: PathBuf,
    root: PathBuf,
    path: PathBuf,
    session_file: String,
    username: String,
    file: u64,
    line: usize,
    facts: usize,
    processors: Vec<String>,
}

pub(crate) fn trial(args: &Args, context: &Context) -> Result<Status> {
    let config = std::io::read_to_string(std::io::stdin()).map_err(|error| wrong(&cause(&error)))?;
    let config = trial::configuration(&config, context.plugs).map_err(|cause| wrong(&cause))?;
    // A trial asks nobody: what a model said before is read, and no question is paid for.
    let database = DatabaseFile::new(&args.database, context.plugs);
    let lineup = Lineup::new(&args.processors, &config, &World { may_ask: false, ..context.world(&database) })?;
    let source = Source::new("", &args.root, Layout::Users);
    let file = SourceFile::new(&*args.session_file, &*args.username);
    let caps = Caps { file: args.file, line: args.line, facts: args.facts };
    trial::read(source, &args.path, file, caps, &lineup.processors())
        .map_err(|error| Error::cannot("open", args.root.display(), cause(&error)))?;
    Ok(Status::Done)
}

fn wrong(cause: &str) -> Error {
    Error::cannot("read", "the configuration of the run", cause)
}
