//! `sessionmill report`: what was used, by whom and when.

use crate::cli::form::Raw;
use crate::cli::place::read;
use crate::cli::scope::{Reach, Reached, Scope};
use crate::cli::{Context, Form, errors, html, print, remark, sessions, terminal_width};
use crate::error::{Error, Result, Status};
use crate::plugs::verification::Settings;
use crate::report::by::By;
use crate::report::render::{self, Format};
use crate::report::usage;
use crate::report::verification;
use crate::report::{Sheet, ccusage, explain, waiting};

/// Report token usage, tool calls, and what people know
///
/// A report first runs the processor that it is made from, as `sessionmill run` would: `verification` for
/// what people know, `usage` for everything else. That reads new and changed transcripts of the configured
/// sources (those of --sessions, if given) into the database. Nothing is run with --no-refresh, while
/// another process runs that processor, where its configuration disables it, or where it asks a language
/// model. If you may not write the database, nothing is run either, and the report is made from the newest
/// published snapshot.
///
/// Tokens are counted once, however many files repeat a response. Cache write includes the 1-hour
/// part; the total is input + output + cache write + cache read. Cost is by list prices, which
/// `sessionmill prices` shows; reported is what the client says itself. A report that is made exits with
/// 0: what failed on the way is told on stderr, and `status --check` is for monitors.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill report\n  sessionmill report --by model --since 2026-02-01\n  \
                  sessionmill report usage --by user --timezone Europe/Berlin --json\n  \
                  sessionmill report --by tool --project /home/ada/shop\n  \
                  sessionmill report --by skill --team Engines --identities people.toml\n  \
                  sessionmill report verification --by domain\n  \
                  sessionmill report html --out usage.html"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    usage: Usage,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tokens and their cost, or tool calls; the same as no subcommand
    Usage(Usage),
    Sessions(sessions::Args),
    Errors(errors::Args),
    Html(html::Args),
    Verification(Verification),
}

#[derive(Debug, clap::Args)]
struct Usage {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = By::Day)]
    by: By,

    #[command(flatten)]
    options: Options,
}

/// Items of knowledge and their evidence
///
/// The processor `verification` runs first, as for other reports, unless the configuration names a language
/// model: only `sessionmill run verification` and the service ask that.
#[derive(Debug, clap::Args)]
struct Verification {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = verification::By::Domain)]
    by: verification::By,

    #[command(flatten)]
    reach: Reach,

    #[command(flatten)]
    form: Form,
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

/// Everything but what a row is about.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) scope: Scope,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Shape::Table, conflicts_with = "json")]
    format: Shape,

    /// Short for --format json
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) raw: Raw,

    /// Explain how the figures are computed: what was counted, what was left out, by which prices
    #[arg(long)]
    pub(super) explain: bool,
}

pub(crate) fn any(args: &Args, context: &Context) -> Result<Status> {
    match &args.what {
        None => report(args.usage.by, &args.usage.options, context),
        Some(What::Usage(Usage { by, options })) => report(*by, options, context),
        Some(What::Sessions(args)) => sessions::sessions(args, context),
        Some(What::Errors(args)) => errors::errors(args, context),
        Some(What::Html(args)) => html::html(args, context),
        Some(What::Verification(args)) => knowledge(args, context),
    }
}

impl Options {
    /// The format; `None` if that is the JSON of ccusage.
    pub(super) fn format(&self) -> Option<Format> {
        match self.format {
            _ if self.json => Some(Format::Json),
            Shape::Table => Some(Format::Table),
            Shape::Json => Some(Format::Json),
            Shape::Csv => Some(Format::Csv),
            Shape::Ccusage => None,
        }
    }
}

pub(crate) fn report(by: By, options: &Options, context: &Context) -> Result<Status> {
    if by == By::Tool && options.scope.model.is_some() {
        return Err(Error::new(
            Status::Usage,
            "tool calls are not told by model: --model and --by tool exclude each other",
        ));
    }
    let ground = options.scope.ground(context)?;
    let Some(format) = options.format() else {
        let now = context.now.wall;
        let report = ground
            .read(context, |reading, filter, prices| ccusage::report(reading.connection, by, filter, prices, now))?;
        return print(&render::pretty(&report));
    };
    let sheet = ground.read(context, |reading, filter, prices| {
        let mut sheet = usage::usage(reading.connection, by, filter, prices)?;
        match options.explain {
            true => sheet.explanation.extend(explain::sources(reading.connection, filter)?),
            false => sheet.explanation.clear(),
        }
        Ok(sheet)
    })?;
    render::sheet(&sheet, format, options.raw.texts(), terminal_width(), &mut std::io::stdout())?;
    for sentence in sheet.explanation.iter().filter(|_| format != Format::Json) {
        remark(sentence);
    }
    for note in &sheet.notes {
        remark(&format!("note: {note}"));
    }
    tell_pending(&sheet);
    Ok(Status::Done)
}

fn knowledge(args: &Verification, context: &Context) -> Result<Status> {
    let Reached { config, database, zone, identities } = args.reach.reached("verification", context)?;
    let Reach { since, until, user, no_refresh, .. } = &args.reach;
    let filter = verification::Filter { since: *since, until: *until, user: user.clone(), zone, identities };
    let sheet = read(&database, context, |reading| verification::verification(reading.connection, args.by, &filter))?;
    let (format, texts) = (args.form.format(), args.form.texts());
    render::sheet(&sheet, format, texts, terminal_width(), &mut std::io::stdout())?;
    if config.settings::<Settings>().api().is_some() && !no_refresh {
        let time =
            sheet.as_of.as_deref().map_or("no run has asked the model yet".to_owned(), |time| format!("as of {time}"));
        remark(&format!("note: {time}; `sessionmill run verification` asks it about what is new"));
    }
    tell_pending(&sheet);
    Ok(Status::Done)
}

fn tell_pending(sheet: &Sheet) {
    if let Some(words) = waiting(sheet.pending) {
        remark(&format!("note: {words}"));
    }
}
