//! What a report is about and where it comes from: flags that reports share.

use crate::base::days::{Days, Span};
use crate::base::error::{Error, Result, Status};
use crate::base::limits::Limits;
use crate::base::zone;
use crate::cli::place::read_open;
use crate::cli::run::{PassOptions, Verbosity, pass, remark_found};
use crate::cli::{Context, Database, SourceArgs, remark, screen};
use crate::config::Config;
use crate::identities::Identities;
use crate::plugs::ConfiguredProcessors;
use crate::report::render::Format;
use crate::run::request::Origin;
use crate::run::summary::Summary;
use crate::source::access::may_write;
use crate::store::reader::Reader;
use crate::store::{self, DatabaseFile, Store};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sessionmill_contract::Bound;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

/// Days and people, and the database, which is brought up to date first.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Days by name: today, yesterday, 7d, 4w, this-week, last-week, this-month, last-month, this-year, last-year,
    /// 2026, 2026-02, 2026-W06, 2026-02-01 or all
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["since", "until"])]
    period: Option<Span>,

    /// First day, such as 2026-02-01, or that of a period
    #[arg(long, value_name = "DAY")]
    since: Option<Span>,

    /// Last day, or that of a period
    #[arg(long, value_name = "DAY")]
    until: Option<Span>,

    /// Only this user: a person's name or e-mail address, or a folder; a beginning or a pattern with * will do
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

    /// File that says whose folders are whose (TOML or .csv) [default: the configured one]
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,

    /// Report what the database holds, without looking for new transcripts
    #[arg(long)]
    pub(crate) no_refresh: bool,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

/// The days that a report is about where nobody says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usual {
    All,
    /// Those that end today: the words for them, and what they begin with.
    Until(&'static str, Span),
}

impl Usual {
    /// What fits a screen, if the output is looked at: programs get everything.
    pub(crate) fn of(format: Format, by: Rows) -> Self {
        match by {
            _ if format != Format::Table || !screen().is_terminal => Self::All,
            // Whole ones, and the one that is not over.
            Rows::Weeks => Self::Until("12 weeks", Span::Week(11)),
            Rows::Months => Self::Until("12 months", Span::Month(11)),
            Rows::Others => Self::Until("30 days", Span::Last(30)),
        }
    }
}

/// What the rows of a report are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    Weeks,
    Months,
    Others,
}

/// A database that is as new as it can be.
pub(crate) struct ReportSetup {
    pub(crate) days: Days,
    /// Those to compare with.
    pub(crate) before: Option<Days>,
    /// Nobody has asked for these days.
    usual: Option<&'static str>,
    pub(crate) today: NaiveDate,
    pub(crate) config: Config,
    pub(crate) database: DatabaseFile,
    pub(crate) zone: Tz,
    pub(crate) identities: Arc<Identities>,
    /// The database, as the pass that brought it up to date has left it open, until it is read.
    left: Cell<Option<Store>>,
}

/// A day of the command line.
pub(crate) fn day(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse().map_err(|_| "expected a day such as 2026-02-01".to_owned())
}

impl ReportArgs {
    /// The days from the first to the last one that are given.
    fn given(&self, today: NaiveDate) -> Result<Days> {
        let since = self.since.and_then(|since| since.days(today).since);
        let until = self.until.and_then(|until| until.days(today).until);
        if let (Some(since), Some(until)) = (since, until)
            && since > until
        {
            return Err(Error::new(Status::Usage, format!("there is no day from {since} until {until}"))
                .hint("--since is the first day, --until the last"));
        }
        Ok(Days { since, until })
    }

    /// Brings what some processors make up to date, where the user wants it and may write the database.
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
    /// Brings the same up to date again, and says nothing about it.
    pub(crate) fn renew(&self, processors: &[&str], setup: &ReportSetup, context: &Context) -> Result<()> {
        self.pass(processors, setup, Verbosity::Quiet, context).map(drop)
    }

    /// Brings what some processors make up to date, where the user wants it and may write the database. It is about
    /// all days.
    pub(crate) fn setup(&self, processors: &[&str], context: &Context) -> Result<ReportSetup> {
        let setup = self.found(context)?;
        self.refresh(processors, &setup, context)?;
        Ok(setup)
    }

    /// What the report is made from, as it is.
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

    /// Brings it up to date, and says what should be known of that.
    fn refresh(&self, processors: &[&str], setup: &ReportSetup, context: &Context) -> Result<()> {
        self.pass(processors, setup, Verbosity::Normal, context).map(tell)
    }

    /// The pass, where the user wants one and may write the database, which it leaves open.
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
        // The pass would wait for the one that is still open.
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

    /// The open database, for the one who reads it.
    pub(super) fn left(&self) -> Option<Store> {
        self.left.take()
    }

    /// Whether somebody asked for days that have others before them.
    pub(crate) fn has_asked_days(&self) -> bool {
        self.usual.is_none() && self.before.is_some()
    }

    /// Says which days a report is about where nobody asked for them; and where there is nothing, on which day there
    /// is something.
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

/// Warnings that a report shows before its figures.
const WARNINGS: usize = 10;

/// Brings what processors make up to date, and says what should be known of it.
///
/// # Errors
///
/// If a run of it cannot be done.
pub(crate) fn refresh(
    names: &[&str],
    place: &SourceArgs,
    config: &Config,
    database: &DatabaseFile,
    context: &Context,
) -> Result<()> {
    renewed(names, place, Verbosity::Normal, config, database, context, &drop).map(tell)
}

/// Says what should be known of a pass.
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

/// The pass; `None` if there is nothing to do, or another one in progress, which keeps the database current.
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
    // A report waits for no network.
    processors.retain(|own| names.contains(&own.manifest().name) && own.manifest().bound == Bound::Cpu);
    if processors.is_empty() {
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
