//! Flags that reports share: what a report is about, and which database it reads.

use crate::base::days::{Days, Span};
use crate::base::error::{Error, Result, Status};
use crate::base::limits::Limits;
use crate::base::zone;
use crate::command::pass::{PassOptions, Verbosity, pass, remark_found};
use crate::command::place::read_open;
use crate::command::{Database, SourceArgs, remark, screen};
use crate::config::Config;
use crate::identities::Identities;
use crate::plug::ConfiguredProcessors;
use crate::plug::Context;
use crate::report::render::Format;
use crate::run::request::Origin;
use crate::run::summary::Summary;
use crate::source::access::may_write;
use crate::store::reader::Reader;
use crate::store::{self, DatabaseFile, Store, room};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sessionmill_contract::Bound;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

/// Days and people, and the database, which is brought up to date first.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Period: today, yesterday, 7d, 4w, this-week, last-week, this-month, last-month, this-year, last-year, 2026,
    /// 2026-02, 2026-W06, 2026-02-01 or all
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["since", "until"])]
    period: Option<Span>,

    /// First day, such as 2026-02-01, or the first day of a period
    #[arg(long, value_name = "DAY")]
    since: Option<Span>,

    /// Last day, or the last day of a period
    #[arg(long, value_name = "DAY")]
    until: Option<Span>,

    /// Only this user: a person's name or e-mail address, or a folder; the beginning or a pattern with * works, too
    #[arg(long)]
    pub(crate) user: Option<String>,

    #[command(flatten)]
    pub(crate) current: Current,
}

/// The database to report from, refreshed first unless --no-refresh is given, with time zone and identities.
#[derive(Debug, clap::Args)]
pub(crate) struct Current {
    /// Time zone of days, such as Europe/Berlin [default: the configured one, then TZ, then the
    /// system's]
    #[arg(long, value_name = "IANA")]
    timezone: Option<String>,

    /// File that says which folder belongs to which person (TOML or .csv) [default: the configured one]
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,

    /// Use the database as it is, without reading new transcripts
    #[arg(long)]
    pub(crate) no_refresh: bool,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

/// The days of a report if the user names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    All,
    /// Days that end today: their description, and the span that they begin with.
    Until(&'static str, Span),
}

impl Usual {
    /// The default that fits a terminal. Programs get all days.
    pub(crate) fn of(format: Format, by: Rows) -> Self {
        match by {
            _ if format != Format::Table || !screen().is_terminal => Self::All,
            // Full periods, and the current one.
            Rows::Weeks => Self::Until("12 weeks", Span::Week(11)),
            Rows::Months => Self::Until("12 months", Span::Month(11)),
            Rows::Others => Self::Until("30 days", Span::Last(30)),
        }
    }
}

/// The kind of rows of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Weeks,
    Months,
    Others,
}

/// The database of a report, as up to date as possible, with the settings of the report.
pub(crate) struct ReportSetup {
    pub(crate) days: Days,
    /// The days to compare with.
    pub(crate) before: Option<Days>,
    /// The description of the days, if the user did not ask for them.
    usual: Option<&'static str>,
    pub(crate) today: NaiveDate,
    pub(crate) config: Config,
    pub(crate) database: DatabaseFile,
    pub(crate) zone: Tz,
    pub(crate) identities: Arc<Identities>,
    /// The open database, left by the pass that updated it, until it is read.
    left: Cell<Option<Store>>,
}

/// Parses a day.
pub(crate) fn day(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse().map_err(|_| "expected a day such as 2026-02-01".to_owned())
}

impl ReportArgs {
    /// The days between the flags for the first and the last day.
    fn given(&self, today: NaiveDate) -> Result<Days> {
        let since = self.since.and_then(|since| since.days(today).since);
        let until = self.until.and_then(|until| until.days(today).until);
        Days::between(since, until)
            .map_err(|why| Error::new(Status::Usage, why).hint("--since is the first day, --until the last"))
    }

    /// Updates the results of some processors, if the user wants that and may write the database.
    pub(crate) fn setup(&self, processors: &[&str], usual: Usual, context: &Context) -> Result<ReportSetup> {
        let setup = self.current.found(context)?;
        let today = setup.today;
        let given = self.given(today)?;
        self.current.refresh(processors, &setup, context)?;
        let (days, before, usual) = match (self.period, usual) {
            (Some(period), _) => (period.days(today), period.before(today), None),
            (None, Usual::Until(words, begin)) if given.is_all() => {
                let days = Days { until: Some(today), ..begin.days(today) };
                (days, days.as_many_before(), Some(words))
            }
            _ => (given, Days { until: given.until.or(Some(today)), ..given }.before(), None),
        };
        Ok(ReportSetup { days, before, usual, ..setup })
    }
}

impl Current {
    /// Updates the results again, without messages.
    pub(crate) fn renew(&self, processors: &[&str], setup: &ReportSetup, context: &Context) -> Result<()> {
        self.pass(processors, setup, Verbosity::Quiet, context).map(drop)
    }

    /// The same for a report about all days.
    pub(crate) fn setup(&self, processors: &[&str], context: &Context) -> Result<ReportSetup> {
        let setup = self.found(context)?;
        self.refresh(processors, &setup, context)?;
        Ok(setup)
    }

    /// The settings of the report, without an update.
    fn found(&self, context: &Context) -> Result<ReportSetup> {
        let (config, database) = self.database.find(context)?;
        let zone = match self.timezone.as_deref().or(config.timezone.as_deref()) {
            Some(name) => zone::zone(Some(name))?,
            None => zone::local(context.environment.zone.as_deref())?,
        };
        let identities = self.identities.as_deref().or(config.identities.as_deref());
        let identities = Arc::new(Identities::given(identities)?);
        let today = context.now.wall.with_timezone(&zone).date_naive();
        let (days, before, usual, left) = (Days::default(), None, None, Cell::default());
        Ok(ReportSetup { config, database, zone, identities, days, before, usual, today, left })
    }

    /// Updates the results, and prints what the user should know.
    fn refresh(&self, processors: &[&str], setup: &ReportSetup, context: &Context) -> Result<()> {
        self.pass(processors, setup, Verbosity::Normal, context).map(tell)
    }

    /// Runs the pass, if the user wants that and may write the database. The database stays open.
    fn pass(
        &self,
        processors: &[&str],
        setup: &ReportSetup,
        verbosity: Verbosity,
        context: &Context,
    ) -> Result<Option<Summary>> {
        let ReportSetup { config, database, left, .. } = setup;
        if self.no_refresh || !may_write(database) {
            return Ok(None);
        }
        self.database.must_have_folder(database)?;
        // The database must be closed, because the pass would wait for it.
        left.set(None);
        let leave = |store| left.set(Some(store));
        renewed(processors, &self.place, verbosity, config, database, context, &leave)
    }
}

impl ReportSetup {
    /// Reads the database.
    pub(crate) fn read<T>(&self, context: &Context, body: impl Fn(Reader<'_>) -> Result<T>) -> Result<T> {
        read_open(&self.database, self.left(), context, body)
    }

    /// Takes the open database.
    pub(crate) fn left(&self) -> Option<Store> {
        self.left.take()
    }

    /// Whether the user asked for days that have earlier days to compare with.
    pub(crate) fn has_asked_days(&self) -> bool {
        self.usual.is_none() && self.before.is_some()
    }

    /// Prints which days the report is about if the user did not ask for them. If there is nothing in these days,
    /// prints the newest day that has something.
    pub(crate) fn tell_days(&self, is_empty: bool, newest: Option<DateTime<Utc>>) {
        let newest = newest.map(|time| time.with_timezone(&self.zone).date_naive()).filter(|day| !self.days.has(*day));
        if let (true, Some(day)) = (is_empty, newest) {
            let month = day.format("%Y-%m");
            remark(&format!("note: nothing {}; the newest day is {day}: see --period {month}", self.days.within()));
        } else if let Some(words) = self.usual {
            remark(&format!("note: the last {words}, {}; --period all shows everything", self.days));
        }
    }
}

/// The most warnings that a report prints before its figures.
const WARNINGS: usize = 10;

/// Updates the results of processors, and prints what the user should know.
///
/// # Errors
///
/// If a run cannot be done.
pub(crate) fn refresh(
    names: &[&str],
    place: &SourceArgs,
    config: &Config,
    database: &DatabaseFile,
    context: &Context,
) -> Result<()> {
    renewed(names, place, Verbosity::Normal, config, database, context, &drop).map(tell)
}

/// Prints what the user should know about a pass.
fn tell(summary: Option<Summary>) {
    match summary {
        Some(summary) if summary.failed() => remark(summary.words().trim_end()),
        Some(summary) => {
            for warning in summary.notices.warnings.iter().take(WARNINGS) {
                remark(&format!("warning: {warning}"));
            }
        }
        None => {}
    }
}

/// Runs the pass; `None` if there is nothing to do, or if another pass is in progress, which keeps the database
/// current.
fn renewed(
    names: &[&str],
    place: &SourceArgs,
    verbosity: Verbosity,
    config: &Config,
    database: &DatabaseFile,
    context: &Context,
    leave: &dyn Fn(Store),
) -> Result<Option<Summary>> {
    let configured = ConfiguredProcessors::new(&[], config, &context.resources(database))?;
    if verbosity == Verbosity::Normal {
        for (name, reason) in names.iter().filter_map(|name| Some((name, configured.disabled.why(name)?))) {
            remark(&format!("processor `{name}` is disabled: {reason}"));
        }
    }
    let mut processors = configured.processors();
    // A report does not wait for a network.
    processors.retain(|own| names.contains(&own.manifest().name) && own.manifest().bound == Bound::Cpu);
    if processors.is_empty() {
        return Ok(None);
    }
    // Only the update needs room, not the report.
    if let Some(why) = room::alarm(database).filter(|_| store::is_begun(database)) {
        if verbosity == Verbosity::Normal {
            remark(&format!("warning: nothing new is read: {why}"));
        }
        return Ok(None);
    }
    let choice = place.choose(config, database, context)?;
    if verbosity == Verbosity::Normal {
        remark_found(&choice);
    }
    let (origin, adopt, limits) = (Origin::Report, place.adopt, Limits::default());
    let asked = PassOptions { origin, adopt, limits, verbosity, configured: &configured, config, leave };
    match pass(&choice, database, &processors, &asked, context) {
        Ok(summary) => Ok(Some(summary)),
        Err(error) if error.status == Status::Busy => Ok(None),
        Err(error) if error.hint.is_none() && store::is_begun(database) => {
            Err(error.hint("--no-refresh reports what the database holds"))
        }
        Err(error) => Err(error),
    }
}
