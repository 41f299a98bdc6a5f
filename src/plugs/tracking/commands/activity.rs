//! `sessionmill report activity`: who was active, when, and for how long.

use crate::base::error::{Error, Result, Status};
use crate::command::form::{self, Form, Shown};
use crate::command::remark;
use crate::command::scope::{ReportArgs, ReportSetup, Rows, Usual};
use crate::plug::Context;
use crate::plugs::tracking::report::activity;
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::filter::{Filter, Kind};
use crate::plugs::usage::report as usage;
use crate::plugs::usage::report::filter::Only;
use crate::plugs::usage::report::names::Names;
use crate::price::Prices;

/// Activity sessions: how many, of how many people, how long, and what they cost
///
/// For web events, a session is a visit. For transcripts, it is a continuous period of work with agents, over all
/// transcripts of a person. The processors `tracking` and `usage` run first, as for other reports. Presence is the time
/// between events that are at most 10 minutes apart. At once is the highest number of transcripts of one person that
/// were active at the same time. Median and p90 are durations from the first to the last event. Views are pages and
/// screens; for work with agents, prompts. Bounced and engaged are shares of the sessions. Cost is that of the
/// responses in a session, by list prices. With --project, a session that was also in other projects counts with all of
/// its time, and the cost is that of the project.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill report activity --by week\n  \
                  sessionmill report activity --by user,week --period this-month\n  \
                  sessionmill report activity --by channel --kind web --since 2026-02-01\n  \
                  sessionmill report activity --by hour --kind agent --user ada")]
pub(super) struct Args {
    /// What a row is about; or two of these separated by a comma, such as user,week
    #[arg(long, value_enum, default_value = "day", value_delimiter = ',')]
    by: Vec<By>,

    #[command(flatten)]
    choice: Choice,

    #[command(flatten)]
    report: ReportArgs,

    /// Only sessions in this project: its name, a working directory, or a repository with its worktrees
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    #[command(flatten)]
    shown: Shown,

    #[command(flatten)]
    form: Form,
}

/// Which sessions count.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Choice {
    /// Only sessions of this kind
    #[arg(long, value_enum)]
    pub(super) kind: Option<Kind>,

    /// Include sessions of bots
    #[arg(long)]
    pub(super) bots: bool,
}

impl Choice {
    pub(super) fn filter(self, report: &ReportArgs, setup: &ReportSetup) -> Filter {
        Filter {
            days: setup.days,
            user: report.user.clone().map(Only::short),
            kind: self.kind,
            projects: None,
            bots: self.bots,
            zone: setup.zone,
            identities: setup.identities.clone(),
        }
    }
}

pub(super) fn activity(args: &Args, context: &Context) -> Result<Status> {
    if args.by.len() > 2 || matches!(args.by[..], [one, other] if one == other) {
        return Err(Error::new(Status::Usage, "a row is about one thing, or two different ones").hint("--by user,week"));
    }
    let rows = if args.by.first() == Some(&By::Week) { Rows::Weeks } else { Rows::Others };
    let usual = Usual::of(args.form.format(), rows);
    let setup = args.report.setup(&[sessionmill_tracking::NAME, sessionmill_usage::NAME], usual, context)?;
    let filter = args.choice.filter(&args.report, &setup);
    let prices = Prices::new(&setup.config.price)?;
    let project = args.project.clone().map(Only::short);
    let (sheet, newest, note) = setup.read(context, |reader| {
        let of_all = usage::filter::Filter::of_all(setup.zone, setup.identities.clone());
        let of_project = usage::filter::Filter { project: project.clone(), ..of_all };
        let project = Names::new(reader).resolve(&of_project)?.project;
        let note = project.as_ref().and_then(|only| only.stood_for("project"));
        let filter = Filter { projects: project.map(|only| only.values().to_vec()), ..filter.clone() };
        let make = |days| activity::activity(reader, &args.by, &Filter { days, ..filter.clone() }, &prices);
        let sheet = args.shown.sheet(&setup, make)?;
        let newest = if sheet.rows.is_empty() { filter.newest(reader)? } else { None };
        Ok((sheet, newest, note))
    })?;
    note.iter().for_each(|note| remark(note));
    setup.tell_days(sheet.rows.is_empty(), newest);
    form::sheet(&sheet, args.form.format(), args.form.texts())
}
