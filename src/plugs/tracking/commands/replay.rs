//! `sessionmill replay`: what was recorded in an activity session, out of the source files.

use crate::base::error::{Error, Result, Status, cause};
use crate::base::utc;
use crate::cli::place::read;
use crate::cli::{Context, Database};
use crate::dialect::replay::{Item, Typed, items};
use crate::plugs::tracking::report::recording::{Part, parts};
use crate::source::Source;
use crate::source::passage::{Passage, Passages};
use crate::store::sources;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, ErrorKind, Write};

/// Write what was recorded in an activity session
///
/// One JSON object a line, `{"timestamp", "event_type", "data"}`, in the order of time. `event_type` is dom, mouse, scroll,
/// input, viewport or custom; `data` is the event as rrweb recorded it. The database notes where recordings stand, and
/// the source files have to be there still. What somebody typed is masked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sessionmill query \"SELECT session_id FROM activity_sessions WHERE kind = 'web'\"\n  \
                        sessionmill replay 0195a1b2-4c00-7000-8000-00000000000a > recording.jsonl"
)]
pub(super) struct Args {
    /// Id of the activity session
    #[arg(value_name = "SESSION")]
    session: String,

    /// Show what somebody typed
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
    let recording = Recording::copy(parts, &sources, config.caps.file, args.show_input)?;
    match recording.write(&mut BufWriter::new(std::io::stdout().lock())) {
        Err(Stopped::Output(error)) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::cannot("write", "stdout", cause(&error)))
        }
        Err(Stopped::Input(error)) => Err(error),
        _ => Ok(Status::Done),
    }
}

/// A recording whose lines were copied out of the source files.
struct Recording {
    parts: Vec<Part>,
    /// Where the line of each part is in the copy.
    places: Vec<Passage>,
    passages: Passages,
    typed: Typed,
}

/// What ends the writing of a recording.
enum Stopped {
    Input(Error),
    Output(std::io::Error),
}

/// Parts whose items are at hand: the items of neighbours can take turns.
const AT_HAND: usize = 4;

impl Recording {
    fn copy(parts: Vec<Part>, sources: &[Source], cap: u64, show_input: bool) -> Result<Self> {
        let mut passages =
            Passages::new().map_err(|error| Error::cannot("write", "a temporary file", cause(&error)))?;
        let mut wanted: BTreeMap<(&str, &str), BTreeSet<Passage>> = BTreeMap::new();
        for part in &parts {
            wanted.entry((&part.source, &part.session_file)).or_default().insert(part.passage);
        }
        let mut places = BTreeMap::new();
        for ((name, file), wanted) in wanted {
            let source = sources.iter().find(|source| source.name == name);
            let source = source.ok_or_else(|| Error::cannot("read", file, format!("its source `{name}` is gone")))?;
            let wanted: Vec<_> = wanted.into_iter().collect();
            let taken = passages.take(source, file, &wanted, cap).map_err(|why| Error::cannot("read", file, why))?;
            places.extend(taken.into_iter().map(|(passage, place)| ((file, passage), place)));
        }
        let place = |part: &Part| places.get(&(part.session_file.as_str(), part.passage)).copied();
        let places = parts.iter().filter_map(place).collect();
        let typed = if show_input { Typed::Shown } else { Typed::Masked };
        Ok(Self { places, parts, passages, typed })
    }

    /// Writes the items in the order of time. Items of one time stay in the order of the recording.
    fn write(&self, out: &mut impl Write) -> std::result::Result<(), Stopped> {
        let mut order: Vec<(DateTime<Utc>, usize, usize)> = Vec::new();
        for part in 0..self.parts.len() {
            let items = self.items(part).map_err(Stopped::Input)?;
            order.extend(items.iter().enumerate().map(|(number, item)| (item.time, part, number)));
        }
        order.sort_unstable();
        let mut at_hand: Vec<(usize, Vec<Item>)> = Vec::new();
        for (_, part, number) in order {
            if at_hand.iter().all(|(known, _)| *known != part) {
                at_hand.truncate(AT_HAND - 1);
                at_hand.insert(0, (part, self.items(part).map_err(Stopped::Input)?));
            }
            let items = at_hand.iter().find(|(known, _)| *known == part).map(|(_, items)| items);
            let Some(Item { time, event_type, data }) = items.and_then(|items| items.get(number)) else { continue };
            let timestamp = utc::milliseconds(*time);
            let item = json!({"timestamp": timestamp, "event_type": event_type, "data": data});
            writeln!(out, "{item}").map_err(Stopped::Output)?;
        }
        out.flush().map_err(Stopped::Output)
    }

    fn items(&self, part: usize) -> Result<Vec<Item>> {
        let Some((Part { session_file, number, .. }, place)) = self.parts.get(part).zip(self.places.get(part)) else {
            return Ok(Vec::new());
        };
        let line = self.passages.read(*place).map_err(|error| Error::cannot("read", session_file, cause(&error)))?;
        items(&line, *number, self.typed).ok_or_else(|| {
            Error::cannot("replay", session_file, "it has changed since it was read")
                .hint("`sessionmill run` reads it again")
        })
    }
}
