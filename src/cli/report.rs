//! `sessionmill report`: what was used, by whom and when.

use crate::cli::place::read;
use crate::cli::run::{Asked, pass, tell};
use crate::cli::{Context, Database, Place, remark, terminal_width};
use crate::error::{Error, Result, Status};
use crate::pass::Limits;
use crate::price::Prices;
use crate::pulse::Pulse;
use crate::registry;
use crate::report::filter::Filter;
use crate::report::render::{self, Format};
use crate::report::usage::{self, By};
use crate::report::zone;
use crate::request::Origin;
use crate::store::reading::Reading;
use crate::store::snapshot::Snapshot;
use chrono::NaiveDate;
use sessionmill_contract::{Bound, Processor};

/// Report token usage and tool calls
///
/// Brings the database up to date first, unless another process is at it, --no-refresh is given, or you
/// may not write it: then the newest published snapshot is what you see.
/// Tokens are counted once, however many files repeat a response. Cache write includes the 1-hour
/// part; the total is input + output + cache write + cache read. Cost is by list prices, which
/// `sessionmill prices` shows; reported is what the client says itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill report\n  sessionmill report --by model --since 2026-02-01\n  \
                        sessionmill report usage --by user --timezone Europe/Berlin --json\n  \
                        sessionmill report --by tool --project /home/ada/shop")]
pub(crate) struct Args {
    /// What to report
    #[arg(value_enum, default_value_t = What::Usage)]
    what: What,

    /// What a row is about
    #[arg(long, value_enum, default_value_t = By::Day)]
    pub(super) by: By,

    #[command(flatten)]
    pub(super) options: Options,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum What {
    Usage,
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
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,

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

pub(crate) fn report(by: By, options: &Options, context: &Context) -> Result<Status> {
    let (config, database) = options.database.find(context)?;
    let zone = zone::zone(options.timezone.as_deref().or(config.timezone.as_deref()))?;
    if by == By::Tool && options.model.is_some() {
        return Err(Error::new(
            Status::Usage,
            "tool calls are not told by model: --model and --by tool exclude each other",
        ));
    }
    if let (Some(since), Some(until)) = (options.since, options.until)
        && since > until
    {
        return Err(Error::new(Status::Usage, format!("there is no day from {since} until {until}"))
            .hint("--since is the first day, --until the last"));
    }
    if !options.no_refresh && Snapshot::instead_of(&database).is_none() {
        let choice = options.place.choose(&config, &database, context)?;
        tell(&choice, &database);
        // A report waits for no network.
        let computing = |processor: &&&dyn Processor| processor.manifest().bound == Bound::Cpu;
        let processors: Vec<_> = registry::processors().iter().filter(computing).copied().collect();
        let asked = Asked {
            origin: Origin::Report,
            adopt: options.place.adopt,
            limits: Limits { caps: config.caps, ..Limits::default() },
            pulse: Pulse::default(),
        };
        match pass(&choice, &database, &processors, &asked, context) {
            Ok(summary) if summary.failed() => remark(summary.words().trim_end()),
            // Whoever is at it keeps the database current.
            Err(error) if error.status == Status::Busy => {}
            Err(Error { hint: None, status, message, .. }) => {
                return Err(Error::new(status, message).hint("--no-refresh reports what the database holds"));
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
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
    let (mut sheet, strangers) = read(&database, context, |Reading { connection, .. }| {
        Ok((usage::usage(connection, by, &filter, &prices)?, usage::unknown_names(connection, &filter)?))
    })?;
    if !options.explain {
        sheet.explanation.clear();
    }
    let format = if options.json { Format::Json } else { options.format };
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
    if sheet.pending > 0 {
        remark(&format!(
            "note: {} wait for the next run",
            crate::error::count(sheet.pending.cast_unsigned(), "source file")
        ));
    }
    Ok(Status::Done)
}
