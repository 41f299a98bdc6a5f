//! `sessionmill report`: who used what, and when.

use super::scope::Scope;
use crate::base::error::{Error, Result, Status};
use crate::command::form::{self, Raw, Shown};
use crate::command::scope::{Rows, Usual};
use crate::command::{print, remark, screen};
use crate::plug::Context;
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::{ccusage, explain, usage};
use crate::report::render::{self, Format};

/// Report token usage, tool calls, activity, tasks, and what people know
///
/// A report first runs the processor that it is made from, as `sessionmill run` would: `verification` for what
/// people know, `tasks` for tasks, `tracking` for activity, `usage` for everything else. That reads new and changed
/// transcripts of the configured sources (those of --sessions, if given) into the database. Nothing is run with
/// --no-refresh, while another process runs that processor, where its configuration disables it, or where it asks a
/// language model. If you may not write the database, nothing is run either, and the report is made from the newest
/// published snapshot, or from the database as it is. A note on stderr then says how old the figures are.
///
/// Tokens are counted once, even if several files repeat a response. Cache write includes the 1-hour part; the total is
/// input + output + cache write + cache read. Cost is by list prices, which `sessionmill prices` shows; reported is the
/// cost that the client states. A report that can be made exits with 0: problems on the way are printed to stderr, and
/// `status --check` is for monitoring.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill report\n  sessionmill report --by model --since 2026-02-01\n  \
                  sessionmill report usage --by user --timezone Europe/Berlin --json\n  \
                  sessionmill report --by tool --project /home/ada/shop\n  \
                  sessionmill report --by skill --team Engines --identities people.toml\n  \
                  sessionmill report verification --by domain\n  \
                  sessionmill report tasks --by type\n  \
                  sessionmill report html --out usage.html"
)]
pub(super) struct Args {
    #[command(flatten)]
    usage: Usage,
}

/// Tokens and their cost, or tool calls; the same as no subcommand
#[derive(Debug, clap::Args)]
pub(super) struct Usage {
    /// What a row is about; or two of these separated by a comma, such as day,model
    #[arg(long, value_enum, default_value = "day", value_delimiter = ',')]
    by: Vec<By>,

    #[command(flatten)]
    options: Options,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    Table,
    Json,
    Csv,
    /// The JSON of ccusage, for programs that read it
    Ccusage,
}

/// The options, without what rows are grouped by.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    pub(super) scope: Scope,

    /// Show each row by model: short for --by day,model and so on
    #[arg(long)]
    pub(super) breakdown: bool,

    #[command(flatten)]
    pub(super) shown: Shown,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Shape::Table, conflicts_with = "json")]
    format: Shape,

    /// Short for --format json
    #[arg(long)]
    pub(super) json: bool,

    /// Short for --format csv
    #[arg(long, conflicts_with_all = ["format", "json"])]
    csv: bool,

    #[command(flatten)]
    pub(super) raw: Raw,

    /// Explain how the figures are computed: what was counted, what was left out, by which prices
    #[arg(long)]
    pub(super) explain: bool,
}

/// The report to make if no subcommand is given.
pub(super) fn any(args: &Args, context: &Context) -> Result<Status> {
    usage(&args.usage, context)
}

pub(super) fn usage(args: &Usage, context: &Context) -> Result<Status> {
    report(&args.by, &args.options, context)
}

impl Options {
    /// The format; `None` for the JSON of ccusage.
    pub(super) fn format(&self) -> Option<Format> {
        match self.format {
            _ if self.json => Some(Format::Json),
            _ if self.csv => Some(Format::Csv),
            Shape::Table => Some(Format::Table),
            Shape::Json => Some(Format::Json),
            Shape::Csv => Some(Format::Csv),
            Shape::Ccusage => None,
        }
    }
}

pub(super) fn report(by: &[By], options: &Options, context: &Context) -> Result<Status> {
    let by = &*[by, options.breakdown.then_some(By::Model).as_slice()].concat();
    if by.len() > 2 || matches!(by, [one, other] if one == other) {
        return Err(Error::new(Status::Usage, "a row is about one thing, or two different ones").hint("--by day,model"));
    }
    let Some(format) = options.format() else {
        let [by] = *by else {
            return Err(Error::new(Status::Usage, "ccusage has no format for rows about two things"));
        };
        let report = options.scope.report(Usual::All, context)?;
        let now = context.now.wall;
        let report = report.read(
            context,
            |_| false,
            |reader, filter, prices| ccusage::report(reader, by, filter, prices, now),
        )?;
        return print(&render::pretty(&report));
    };
    let rows = match by[0] {
        By::Week => Rows::Weeks,
        By::Month => Rows::Months,
        _ => Rows::Others,
    };
    let report = options.scope.report(Usual::of(format, rows), context)?;
    let sheet = report.sheet(&options.shown, context, |reader, filter, prices| {
        let mut sheet = usage::usage(reader, by, filter, prices)?;
        match options.explain {
            true => {
                sheet.explanation.extend(explain::sources(reader, filter)?);
                sheet.explanation.extend(explain::missing(reader, filter)?);
            }
            false => sheet.explanation.clear(),
        }
        if format == Format::Table && screen().width.is_some() {
            usage::add_derived(&mut sheet);
        }
        Ok(sheet)
    })?;
    for sentence in sheet.explanation.iter().filter(|_| format != Format::Json) {
        remark(sentence);
    }
    form::sheet(&sheet, format, options.raw.texts())
}
