//! `sessionmill session`: usage by session, or one session step by step.

use crate::cli::report::{self, Options};
use crate::cli::{Context, print, remark, terminal_width};
use crate::error::{Error, Result, Status, thousands};
use crate::report::by::By;
use crate::report::csv;
use crate::report::grid::{Field, grid};
use crate::report::money;
use crate::report::render::{self, Format};
use crate::report::timeline::{self, CELLS, Step, What};
use crate::report::value::plain;
use chrono_tz::Tz;
use serde_json::Value;

/// Usage by session, or one session step by step
///
/// Without an id: short for `report --by session`. With one: every response and call of that session, in
/// order of time, with the source file and line that tell of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Session id, or the beginning of one
    id: Option<String>,

    #[command(flatten)]
    options: Options,
}

pub(super) fn session(args: &Args, context: &Context) -> Result<Status> {
    let Args { id: Some(id), options } = args else { return report::report(By::Session, &args.options, context) };
    let ground = options.scope.ground(context)?;
    if options.explain || ground.filter.is_narrow() {
        return Err(Error::new(Status::Usage, "a session is shown whole: leave out the other choices"));
    }
    let timeline =
        ground.read(context, |reading, filter, prices| timeline::timeline(reading.connection, id, filter, prices))?;
    let format = options.format().ok_or_else(|| Error::new(Status::Usage, "ccusage has no format for one session"))?;
    print(&match format {
        Format::Table => {
            remark(&format!("session {}", timeline.session_id));
            let fields = [
                Field::name("Time"),
                Field::name("What"),
                Field::name("Input").spare(3),
                Field::name("Output").spare(2),
                Field::name("Cache write").spare(4),
                Field::name("Cache read").spare(4),
                Field::name("Cost").spare(1),
                Field::name("Line"),
            ];
            let rows: Vec<_> = timeline.steps.iter().map(|step| row(step, ground.filter.zone)).collect();
            grid(&fields, &rows, terminal_width())
        }
        Format::Json => render::pretty(&timeline.json()),
        Format::Csv => {
            let row = |step: &Step| {
                let json = step.json();
                CELLS.map(|name| plain(json.get(name).unwrap_or(&Value::Null))).to_vec()
            };
            csv::csv(CELLS.map(str::to_owned).into(), timeline.steps.iter().map(row), options.raw.texts())?
        }
    })
}

fn row(step: &Step, zone: Tz) -> Vec<String> {
    let time = step.time.map(|time| time.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string());
    let line = format!("{}:{}", step.file, step.line);
    let cells = match &step.what {
        What::Response { model, tokens, cost } => {
            let numbers = [tokens.input, tokens.output, tokens.cache_write, tokens.cache_read].map(thousands);
            let cost = cost.map_or_else(|| "–".to_owned(), money::rounded);
            [model.clone().unwrap_or_default()].into_iter().chain(numbers).chain([cost]).collect()
        }
        What::Call { tool, failed, .. } => {
            let end = match failed {
                Some(true) => " failed",
                Some(false) => "",
                None => " (no result)",
            };
            let none = std::iter::repeat_n(String::new(), 5);
            [format!("  {tool}{end}")].into_iter().chain(none).collect::<Vec<_>>()
        }
    };
    [time.unwrap_or_default()].into_iter().chain(cells).chain([line]).collect()
}
