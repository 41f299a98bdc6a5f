//! `sessionmill timeline`: everything that somebody did, in one order.

use super::activity::Choice;
use crate::base::error::{Result, Status};
use crate::cli::Context;
use crate::cli::form::Form;
use crate::cli::place::read;
use crate::cli::scope::{ReportArgs, day};
use crate::plugs::tracking::report::timeline::{self, CELLS, KINDS};
use crate::plugs::{tasks, tracking, usage};
use crate::report::grid::Field;
use crate::report::listing::{Listing, named};
use crate::report::render::length;
use crate::store::cell::plain;
use chrono::NaiveDate;

/// Everything that somebody did, in one order
///
/// Activity sessions, transcripts, tasks, and the runs that read them, oldest first. What was at work over midnight is told on
/// the day on which it began.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sessionmill timeline ada --day 2026-02-03\n  sessionmill timeline shop/customer-7 --json\n  \
                  sessionmill timeline ada --kind task"
)]
pub(super) struct Args {
    /// A person's name or e-mail address, a folder, or SITE/ID for one person of a site
    #[arg(value_name = "USER", conflicts_with = "user")]
    who: String,

    /// Only this day; short for --since and --until
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with_all = ["since", "until"])]
    day: Option<NaiveDate>,

    /// Only entries of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,

    /// Show sessions of bots, too
    #[arg(long)]
    bots: bool,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    form: Form,
}

pub(super) fn timeline(args: &Args, context: &Context) -> Result<Status> {
    let setup = args.report.setup(&[tasks::NAME, tracking::NAME, usage::NAME], context)?;
    let choice = Choice { kind: None, bots: args.bots };
    let mut filter = choice.filter(&args.report, &setup);
    filter.since = args.day.or(filter.since);
    filter.until = args.day.or(filter.until);
    let mut entries = read(&setup.database, context, |reader| timeline::timeline(reader, &args.who, &filter))?;
    entries.retain(|entry| args.kind.as_ref().is_none_or(|kind| entry.kind == kind));
    args.form.list(&Listing {
        rows: &entries,
        empty: "nothing to report",
        fields: vec![
            Field::name("Begun"),
            Field::name("Length").spare(2),
            Field::name("What"),
            Field::text("About"),
            Field::name("Id").spare(1),
        ],
        shown: &|entry| {
            let lasted = entry.ended.map(|ended| length((ended - entry.begun).num_seconds().into()));
            vec![
                entry.begun.with_timezone(&filter.zone).format("%Y-%m-%d %H:%M:%S").to_string(),
                lasted.unwrap_or_default(),
                entry.kind.to_owned(),
                entry.about.clone(),
                entry.id.clone(),
            ]
        },
        object: &|entry| named(CELLS, entry.cells()),
        names: &CELLS,
        text: plain,
    })
}
