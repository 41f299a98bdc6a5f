//! `sessionmill timeline`: everything that a person did, in order of time.

use super::activity::Choice;
use crate::base::days::Days;
use crate::base::error::{Result, Status};
use crate::command::form::Form;
use crate::command::remark;
use crate::command::scope::{ReportArgs, Rows, Usual, day};
use crate::plug::Context;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::timeline::{self, CELLS, KINDS};
use crate::plugs::usage::report::filter::Only;
use crate::price::Prices;
use crate::report::grid::Field;
use crate::report::listing::{Listing, named};
use crate::report::render::length;
use crate::store::cell::plain;
use chrono::NaiveDate;

/// Everything that a person did, in order of time
///
/// Activity sessions, transcripts and tasks, oldest first; with `--kind run` the runs that read them. An entry that
/// continues after midnight is shown on the day on which it began.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sessionmill timeline ada --day 2026-02-03\n  sessionmill timeline shop/customer-7 --json\n  \
                  sessionmill timeline ada --kind task"
)]
pub(super) struct Args {
    /// A person's name or e-mail address, a folder, the beginning or a pattern of these, or SITE/ID for a visitor of a
    /// site
    #[arg(value_name = "USER", conflicts_with = "user")]
    who: String,

    /// Only this day; short for --since and --until
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with_all = ["since", "until", "period"])]
    day: Option<NaiveDate>,

    /// Only entries of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,

    /// Include sessions of bots
    #[arg(long)]
    bots: bool,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    form: Form,
}

pub(super) fn timeline(args: &Args, context: &Context) -> Result<Status> {
    let usual = if args.day.is_some() { Usual::All } else { Usual::of(args.form.format(), Rows::Others) };
    let processors = [sessionmill_tasks::NAME, sessionmill_tracking::NAME, sessionmill_usage::NAME];
    let setup = args.report.setup(&processors, usual, context)?;
    let choice = Choice { kind: None, bots: args.bots };
    let mut filter = choice.filter(&args.report, &setup);
    filter.days = args.day.map_or(filter.days, |day| Days { since: Some(day), until: Some(day) });
    let user = Only::short(args.who.clone());
    let kinds = args.kind.as_deref().map(|kind| [kind]);
    let prices = Prices::new(&setup.config.price)?;
    let (entries, newest, note) = setup.read(context, |reader| {
        let who = timeline::who(reader, &user, &filter.identities)?;
        let wanted = |days: Days| {
            let filter = Filter { days, ..filter.clone() };
            timeline::timeline(reader, &who, &filter, kinds.as_ref().map(<[&str; 1]>::as_slice))
        };
        let mut entries = wanted(filter.days)?;
        timeline::name(reader, &mut entries, &who.folders, &prices, |_| true)?;
        let newest = match entries.is_empty() {
            true => wanted(Days::default())?.last().map(|entry| entry.begun),
            false => None,
        };
        let note = user.people(&filter.identities, &who.folders).filter(|_| !who.is_one());
        Ok((entries, newest, note))
    })?;
    note.iter().for_each(|note| remark(note));
    setup.tell_days(entries.is_empty(), newest);
    args.form.list(&Listing {
        rows: &entries,
        empty: "nothing to report",
        fields: vec![
            Field::name("Begun"),
            Field::number("Length").spare(2),
            Field::name("What"),
            Field::text("About"),
            Field::id("Id").spare(1),
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
