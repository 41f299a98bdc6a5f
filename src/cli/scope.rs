//! What a report is about and where it comes from: flags that reports share.

use crate::base::error::{Error, Result, Status};
use crate::base::limits::Limits;
use crate::base::zone;
use crate::cli::run::{Asked, pass, tell_found};
use crate::cli::{Context, Database, Place, remark};
use crate::config::Config;
use crate::identities::Identities;
use crate::pass::request::Origin;
use crate::plugs::Lineup;
use crate::report::{Sheet, waiting};
use crate::source::access::may_write;
use crate::store::{self, DatabaseFile};
use chrono::NaiveDate;
use chrono_tz::Tz;
use sessionmill_contract::Bound;
use std::path::PathBuf;
use std::sync::Arc;

/// Days and people, and the database, which is brought up to date first.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// First day, such as 2026-02-01
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) since: Option<NaiveDate>,

    /// Last day
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub(crate) until: Option<NaiveDate>,

    /// Only this user: a person's name or e-mail address, or a folder
    #[arg(long)]
    pub(crate) user: Option<String>,

    /// Zone that days are told in, such as Europe/Berlin [default: the configured one, then TZ, then the
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
    place: Place,

    #[command(flatten)]
    database: Database,
}

/// A database that is as new as it can be.
pub(crate) struct ReportSetup {
    pub(crate) config: Config,
    pub(crate) database: DatabaseFile,
    pub(crate) zone: Tz,
    pub(crate) identities: Arc<Identities>,
}

/// A day of the command line.
pub(crate) fn day(text: &str) -> std::result::Result<NaiveDate, String> {
    text.parse().map_err(|_| "expected a day such as 2026-02-01".to_owned())
}

impl ReportArgs {
    /// Brings what some processors make up to date, where the user wants it and may write the database.
    pub(crate) fn setup(&self, processors: &[&str], context: &Context) -> Result<ReportSetup> {
        let (config, database) = self.database.find(context)?;
        let zone = match self.timezone.as_deref().or(config.timezone.as_deref()) {
            Some(name) => zone::zone(Some(name))?,
            None => zone::local(context.environment.zone.as_deref())?,
        };
        let identities = self.identities.as_deref().or(config.identities.as_deref());
        let identities = Arc::new(Identities::given(identities)?);
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since > until
        {
            return Err(Error::new(Status::Usage, format!("there is no day from {since} until {until}"))
                .hint("--since is the first day, --until the last"));
        }
        if !self.no_refresh && may_write(&database) {
            refresh(processors, &self.place, &config, &database, context)?;
        }
        Ok(ReportSetup { config, database, zone, identities })
    }
}

/// Says how many source files wait for the next run.
pub(crate) fn tell_pending(sheet: &Sheet) {
    if let Some(words) = waiting(sheet.pending) {
        remark(&format!("note: {words}"));
    }
}

/// Warnings that a report shows before its figures.
const WARNINGS: usize = 10;

/// Brings what processors make up to date.
///
/// # Errors
///
/// If a run of it cannot be done.
pub(crate) fn refresh(
    names: &[&str],
    place: &Place,
    config: &Config,
    database: &DatabaseFile,
    context: &Context,
) -> Result<()> {
    let lineup = Lineup::new(&[], config, &context.world(database))?;
    for name in names {
        if let Some(reason) = lineup.disabled.why(name) {
            remark(&format!("processor `{name}` is disabled: {reason}"));
        }
    }
    let mut processors = lineup.processors();
    // A report waits for no network.
    processors.retain(|own| names.contains(&own.manifest().name) && own.manifest().bound == Bound::Cpu);
    if processors.is_empty() {
        return Ok(());
    }
    let choice = place.choose(config, database, context)?;
    tell_found(&choice);
    let (origin, adopt, limits) = (Origin::Report, place.adopt, Limits::default());
    let asked = Asked { origin, adopt, limits, networks: &[], lookups: &lineup.lookups, config };
    match pass(&choice, database, &processors, &asked, context) {
        Ok(summary) if summary.failed() => remark(summary.words().trim_end()),
        Ok(summary) => {
            for warning in summary.notices.warnings.iter().take(WARNINGS) {
                remark(&format!("warning: {warning}"));
            }
        }
        // The run in progress keeps the database current.
        Err(error) if error.status == Status::Busy => {}
        Err(Error { hint: None, status, message, .. }) if store::is_begun(database) => {
            return Err(Error::new(status, message).hint("--no-refresh reports what the database holds"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
