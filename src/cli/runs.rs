//! `sessionmill runs`: the history of runs, with who asked for them and their results.

use crate::base::error::{Result, Status, count};
use crate::command::place::read;
use crate::command::{Database, Form, remark};
use crate::plug::Context;
use crate::report::grid::Field;
use crate::report::listing::Listing;
use crate::report::runs::{self, Listed};
use crate::store::cell::plain;

/// Show the history of runs: when, who asked for them, and the results
///
/// All runs are listed, including those that found another run in progress (busy) and those with an invalid request
/// (refused).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Outcomes: running, done, failed (some files did, or it could not run), stopped (by a signal), \
                        busy, refused, killed (its process ended before it did).\n\n\
                        Examples:\n  sessionmill runs\n  sessionmill runs --processor usage --limit 5 --json"
)]
pub(crate) struct Args {
    /// Only runs of this processor
    #[arg(long, value_name = "NAME")]
    processor: Option<String>,

    /// Show N runs, the newest first [default: 20 in a table on a terminal, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Include runs in which a report found no new files; a table on a terminal leaves them out
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn runs(args: &Args, context: &Context) -> Result<Status> {
    if let Some(name) = &args.processor {
        context.plugs.named(std::slice::from_ref(name))?;
    }
    let (_, database) = args.database.find(context)?;
    let most = args.form.most(args.limit, 20);
    let processor = args.processor.as_deref();
    let (runs, idle) = read(&database, context, |reader| match args.all || !args.form.is_seen() {
        true => Ok((runs::runs(reader, processor, most)?, 0)),
        false => runs::without_idle(reader, processor, most),
    })?;
    if idle > 0 {
        remark(&format!(
            "note: {} by reports found nothing new and are left out; --all shows them",
            count(idle, "run")
        ));
    }
    args.form.list(&Listing {
        rows: &runs,
        empty: "no runs yet",
        fields: vec![
            Field::number("Run"),
            Field::name("Processor"),
            Field::name("Started (UTC)"),
            Field::number("Took").spare(2),
            Field::name("By").spare(1),
            Field::state("Outcome"),
            Field::text(""),
        ],
        shown: &row,
        object: &Listed::object,
        names: &[
            "run_id",
            "processor",
            "trigger",
            "requested_by",
            "request_id",
            "started_at",
            "ended_at",
            "outcome",
            "message",
            "files",
            "processed",
            "deferred",
            "rejected",
            "errors",
            "elapsed_ms",
        ],
        text: plain,
    })
}

fn row(Listed { run, .. }: &Listed) -> Vec<String> {
    let started = run.started_at.format("%Y-%m-%d %H:%M:%S").to_string();
    let took = run.ended_at.map(|_| crate::base::duration::elapsed(run.elapsed_ms.cast_unsigned()));
    let by = match &run.requested_by {
        Some(by) => format!("{} ({by})", run.trigger),
        None => run.trigger.clone(),
    };
    let (id, took) = (run.run_id.to_string(), took.unwrap_or_default());
    vec![id, run.processor.clone(), started, took, by, run.outcome.clone(), run.words()]
}
