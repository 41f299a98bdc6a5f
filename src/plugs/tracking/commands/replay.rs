//! `sessionmill replay`: the recording of an activity session, read from the source files.

use crate::base::error::{Error, Result, Status};
use crate::command::Database;
use crate::command::place::read;
use crate::dialect::replay::Typed;
use crate::plug::Context;
use crate::plugs::tracking::report::recording::{Recording, parts};
use crate::source::Source;
use crate::store::sources;
use std::io::{BufWriter, ErrorKind, Write as _};

/// Write the recording of an activity session
///
/// One JSON object per line, `{"timestamp", "event_type", "data"}`, in order of time. `event_type` is dom, mouse,
/// scroll, input, viewport or custom; `data` is the event as rrweb recorded it. The recording is read from the source
/// files, which must still exist. Typed text is masked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sessionmill query \"SELECT session_id FROM activity_sessions WHERE kind = 'web'\"\n  \
                        sessionmill replay 0195a1b2-4c00-7000-8000-00000000000a > recording.jsonl"
)]
pub(super) struct Args {
    /// Id of the activity session
    #[arg(value_name = "SESSION")]
    session: String,

    /// Show typed text
    #[arg(long)]
    show_input: bool,

    #[command(flatten)]
    database: Database,
}

pub(super) fn replay(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let (parts, sources) =
        read(&database, context, |reader| Ok((parts(reader, &args.session)?, sources::registered(reader)?)))?;
    let sources: Vec<Source> = sources.into_iter().map(|registered| registered.source).collect();
    let typed = if args.show_input { Typed::Shown } else { Typed::Masked };
    let cannot = |error: std::io::Error| Error::cannot("write", "stdout", error);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in Recording::copy(parts, &sources, config.caps.file, typed)? {
        match writeln!(out, "{}", line?) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Status::Done),
            written => written.map_err(cannot)?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot(error)),
        _ => Ok(Status::Done),
    }
}
