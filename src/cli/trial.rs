//! `sessionmill trial`: a pass calls it for a file that may have ended the process before.

use crate::error::{Error, Result, Status, cause};
use crate::read::Caps;
use crate::registry;
use crate::source::{Layout, Source};
use crate::trial;
use sessionmill_contract::SourceFile;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    root: PathBuf,
    path: PathBuf,
    session_file: String,
    username: String,
    file: u64,
    line: usize,
    facts: usize,
    processors: Vec<String>,
}

pub(crate) fn trial(args: &Args) -> Result<Status> {
    let processors = registry::named(&args.processors)?;
    let source = Source { name: String::new(), root: args.root.clone(), layout: Layout::Users };
    let file = SourceFile::new(&*args.session_file, &*args.username);
    let caps = Caps { file: args.file, line: args.line, facts: args.facts };
    trial::read(source, &args.path, file, caps, &processors)
        .map_err(|error| Error::cannot("open", args.root.display(), cause(&error)))?;
    Ok(Status::Done)
}
