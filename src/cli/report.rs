//! `sessionmill report`: what was used, by whom and when.

use crate::cli::place::read;
use crate::cli::run::{Asked, lineup, pass, tell};
use crate::cli::{Context, Database, Place, print, remark, terminal_width};
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::price::Prices;
use crate::pulse::Pulse;
use crate::report::filter::Filter;
use crate::report::render::{self, Format};
use crate::report::usage::{self, By};
use crate::report::verification;
use crate::report::zone;
use crate::report::{Sheet, ccusage};
use crate::request::Origin;
use crate::store::reading::Reading;
use crate::store::snapshot::Snapshot;
use chrono::NaiveDate;
use sessionmill_contract::Bound;
use std::path::Path;

/// Report token usage, tool calls, and what people know
///
/// Brings the database up to date first, unless another process is at it, --no-refresh is given, or you
/// may not write it: then the newest published snapshot is what you see.
/// Tokens are counted once, however many files repeat a response. Cache write includes the 1-hour
/// part; the total is input + output + cache write + cache read. Cost is by list prices, which
/// `sessionmill prices` shows; reported is what the client says itself.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill report\n  sessionmill report --by model --since 2026-02-01\n  \
                  sessionmill report usage --by user --timezone Europe/Berlin --json\n  \
                  sessionmill report --by tool --project /home/ada/shop\n  \
                  sessionmill report verification --by domain"
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
    /// Items of knowledge and their evidence
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

#[derive(Debug, clap::Args)]
struct Verification {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = verification::By::Domain)]
    by: verification::By,

    /// First day of the evidence, such as 2026-02-01
    #[arg(long, value_name = "DATE")]
    since: Option<NaiveDate>,

    /// Last day
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,

    /// Only evidence of this user
    #[arg(long)]
    user: Option<String>,

    /// Zone that days are told in, such as Europe/Berlin [default: the configured one, then the system's]
    #[arg(long, value_name = "IANA")]
    timezone: Option<String>,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    /// Report what the database holds, without looking for new transcripts
    #[arg(long)]
    no_refresh: bool,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    database: Database,
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
    /// First day, such as 2026-02-01
    #[arg(long, value_name = "DATE")]
    since: Option<NaiveDate>,

    /// Last day
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,

    /// Only this user
    #[arg(long)]
    user: Option<String>,

    /// Only this working directory
    #[arg(long, value_name = "DIR")]
    project: Option<String>,

    /// Only this model
    #[arg(long)]
    model: Option<String>,

    /// Only logs of this agent: claude-code, codex
    #[arg(long)]
    agent: Option<String>,

    /// Zone that days are told in, such as Europe/Berlin [default: the configured one, then the system's]
    #[arg(long, value_name = "IANA")]
    timezone: Option<String>,

    /// How the report is written
    #[arg(long, value_enum, default_value_t = Shape::Table, conflicts_with = "json")]
    format: Shape,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    /// Tell how the figures came about: what was counted, what was left out, by which prices
    #[arg(long)]
    explain: bool,

    /// Report what the database holds, without looking for new transcripts
    #[arg(long)]
    no_refresh: bool,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn any(args: &Args, context: &Context) -> Result<Status> {
    match &args.what {
        None => report(args.usage.by, &args.usage.options, context),
        Some(What::Usage(Usage { by, options })) => report(*by, options, context),
        Some(What::Verification(args)) => knowledge(args, context),
    }
}

pub(crate) fn report(by: By, options: &Options, context: &Context) -> Result<Status> {
    let (config, database) = options.database.find(context)?;
    let zone = zone::zone(options.timezone.as_deref().or(config.timezone.as_deref()))?;
    if by == By::Tool && options.model.is_some() {
        return Err(Error::new(
            Status::Usage,
            "tool calls are not told by model: --model and --by tool exclude each other",
        ));
    }
    check_days(options.since, options.until)?;
    if !options.no_refresh {
        refresh(&options.place, &config, &database, context)?;
    }
    let filter = Filter {
        since: options.since,
        until: options.until,
        user: options.user.clone(),
        project: options.project.clone(),
        model: options.model.clone(),
        agent: options.agent.clone(),
        zone,
    };
    let prices = Prices::new(&config.price)?;
    if options.format == Shape::Ccusage {
        let report = read(&database, context, |Reading { connection, .. }| {
            ccusage::report(connection, by, &filter, &prices, context.now.wall)
        })?;
        return print(&render::pretty(&report));
    }
    let (mut sheet, strangers) = read(&database, context, |Reading { connection, .. }| {
        Ok((usage::usage(connection, by, &filter, &prices)?, usage::unknown_names(connection, &filter)?))
    })?;
    if !options.explain {
        sheet.explanation.clear();
    }
    let format = match options.format {
        _ if options.json => Format::Json,
        Shape::Csv => Format::Csv,
        Shape::Json => Format::Json,
        Shape::Table | Shape::Ccusage => Format::Table,
    };
    render::sheet(&sheet, format, terminal_width(), &mut std::io::stdout())?;
    for stranger in strangers {
        remark(&format!("note: {stranger}"));
    }
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
    let (config, database) = args.database.find(context)?;
    let zone = zone::zone(args.timezone.as_deref().or(config.timezone.as_deref()))?;
    check_days(args.since, args.until)?;
    if !args.no_refresh {
        refresh(&args.place, &config, &database, context)?;
    }
    let filter = verification::Filter { since: args.since, until: args.until, user: args.user.clone(), zone };
    let sheet = read(&database, context, |reading| verification::verification(reading.connection, args.by, &filter))?;
    let format = if args.json { Format::Json } else { args.format };
    render::sheet(&sheet, format, terminal_width(), &mut std::io::stdout())?;
    tell_pending(&sheet);
    Ok(Status::Done)
}

fn check_days(since: Option<NaiveDate>, until: Option<NaiveDate>) -> Result<()> {
    match (since, until) {
        (Some(since), Some(until)) if since > until => {
            Err(Error::new(Status::Usage, format!("there is no day from {since} until {until}"))
                .hint("--since is the first day, --until the last"))
        }
        _ => Ok(()),
    }
}

/// Brings the database up to date, where its user may write it.
fn refresh(place: &Place, config: &Config, database: &Path, context: &Context) -> Result<()> {
    if Snapshot::instead_of(database).is_some() {
        return Ok(());
    }
    let choice = place.choose(config, database, context)?;
    tell(&choice, database);
    // A report waits for no network.
    let lineup = lineup(&[], config, database, context)?;
    let mut processors = lineup.processors();
    processors.retain(|processor| processor.manifest().bound == Bound::Cpu);
    let asked = Asked { origin: Origin::Report, adopt: place.adopt, limits: config.limits(), pulse: Pulse::default() };
    match pass(&choice, database, &processors, &asked, context) {
        Ok(summary) if summary.failed() => remark(summary.words().trim_end()),
        // Whoever is at it keeps the database current.
        Err(error) if error.status == Status::Busy => {}
        Err(Error { hint: None, status, message, .. }) => {
            return Err(Error::new(status, message).hint("--no-refresh reports what the database holds"));
        }
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    Ok(())
}

fn tell_pending(sheet: &Sheet) {
    if sheet.pending > 0 {
        let files = crate::error::count(sheet.pending.cast_unsigned(), "source file");
        remark(&format!("note: {files} wait for the next run"));
    }
}
