//! `sessionmill status`: what the database contains, how up to date it is, and the health of the processors.

use crate::base::error::{Error, Result, Status};
use crate::cli::form::TableOrJson;
use crate::cli::place::read_open;
use crate::cli::scope::ReportSetup;
use crate::cli::terminal::fitted;
use crate::cli::{Context, Database, print, screen};
use crate::config::Config;
use crate::pass::pending::{self, Pending};
use crate::plugs::ConfiguredProcessors;
use crate::report::health::{Condition, RunMode};
use crate::report::render::pretty;
use crate::report::status::{self, Overview, View};
use crate::run::policy::Policy;
use crate::source::Layout;
use crate::source::ledger::Ledger;
use crate::source::scan::{self, Walk};
use crate::store::reader::Reader;
use crate::store::service_state::ServiceState;
use crate::store::snapshot::Snapshot;
use crate::store::{DatabaseFile, Store};
use sessionmill_contract::Manifest;
use std::collections::HashSet;

/// Show what the database contains, how up to date it is, and whether all is well
///
/// A processor is ok, warning, failing, paused (a server asked for a pause) or disabled. It is failing if its last run
/// could not be done, if a root is missing, or if no run started when the schedule in the configuration asked for one:
/// within twice its interval, or half an hour after its time of day. Without --check, a missed run counts only if a
/// daemon has run the processor before.
///
/// The sources are walked without opening files, to find files that were not read yet.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit with 1 on a warning or pause and with 2 on a failure, such as a missed run
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    form: TableOrJson,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn status(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let status = judge(args, &config, &database, context).map_err(|error| match error.status {
        // `--check` has only three exit codes.
        Status::Busy if args.check => Error { status: Status::CannotRun, ..error },
        _ => error,
    })?;
    let text =
        if args.form.is_json() { pretty(&status) } else { fitted(&status.words(context.now.wall, screen()), 14) };
    print(&text)?;
    Ok(match status.state {
        Condition::Ok | Condition::Disabled => Status::Done,
        _ if !args.check => Status::Done,
        Condition::Paused | Condition::Warning => Status::FilesFailed,
        Condition::Failing => Status::CannotRun,
    })
}

/// The health of the processors without a look at the sources, and the result of `body` at the same moment. `body` also
/// returns the concerns about the processor `name`, so they are not computed again.
///
/// # Errors
///
/// If the database cannot be read.
pub(crate) fn glance<T>(
    setup: &ReportSetup,
    context: &Context,
    name: &'static str,
    body: impl Fn(Reader<'_>) -> Result<(T, Vec<String>)>,
) -> Result<(T, status::Status)> {
    let ReportSetup { config, database, .. } = setup;
    let configured = ConfiguredProcessors::new(&[], config, &context.resources(database))?;
    let known = |processor: &str| processor == name;
    let read = read_with(&configured, config, database, setup.left(), context, known, |reader, _| body(reader));
    let ((made, own), overview, mut concerns) = read?;
    concerns.push((name, own));
    let overview = match ServiceState::read(database) {
        Some(state) if Snapshot::instead_of(database).is_some() => overview.of_snapshot(state),
        state => overview.with_word(state),
    };
    let view =
        View { database, config, now: &context.now, run_mode: None, pending: None, disabled: &configured.disabled };
    Ok((made, judged(overview, concerns, &view)))
}

/// Concerns by processor.
type Concerns = Vec<(&'static str, Vec<String>)>;

fn read_with<T>(
    configured: &ConfiguredProcessors,
    config: &Config,
    database: &DatabaseFile,
    left: Option<Store>,
    context: &Context,
    is_known: impl Fn(&str) -> bool,
    body: impl Fn(Reader<'_>, &Overview) -> Result<T>,
) -> Result<(T, Overview, Concerns)> {
    let now = context.now.wall;
    let manifests: Vec<_> = configured.all().iter().map(|processor| processor.manifest()).collect();
    read_open(database, left, context, |reader| {
        let server_of = |name: &str| configured.server_of(name);
        let overview = status::read(reader, database, &manifests, &server_of)?;
        // If concerns cannot be computed, the error is a concern.
        let asked = context.plugs.iter().filter(|plug| !is_known(plug.name()));
        let concerns = asked.map(|plug| {
            let concerns = (plug.concerns)(reader, config, now).unwrap_or_else(|error| vec![error.to_string()]);
            (plug.name(), concerns)
        });
        let concerns = concerns.collect();
        Ok((body(reader, &overview)?, overview, concerns))
    })
}

fn judged(overview: Overview, concerns: Concerns, view: &View<'_>) -> status::Status {
    let mut status = overview.judge(view);
    concerns.into_iter().for_each(|(processor, concerns)| status.warn(processor, concerns));
    status
}

fn judge(args: &Args, config: &Config, database: &DatabaseFile, context: &Context) -> Result<status::Status> {
    let configured = ConfiguredProcessors::new(&[], config, &context.resources(database))?;
    let manifests: Vec<_> = configured.all().iter().map(|processor| processor.manifest()).collect();
    let read = |reader: Reader<'_>, overview: &Overview| overview.ledger(reader, &manifests, context.now.wall);
    let (ledger, overview, concerns) = read_with(&configured, config, database, None, context, |_| false, read)?;
    let (overview, pending) = match ServiceState::read(database) {
        // A snapshot can be older than the service's knowledge, so files that it does not contain need not be new.
        Some(state) if Snapshot::instead_of(database).is_some() => (overview.of_snapshot(state), None),
        state => {
            let pending = look(&overview, &ledger, &configured, &manifests, context);
            (overview.with_word(state), pending)
        }
    };
    let run_mode = args.check.then_some(RunMode::Scheduled);
    let view = View {
        database,
        config,
        now: &context.now,
        run_mode,
        pending: pending.as_deref(),
        disabled: &configured.disabled,
    };
    Ok(judged(overview, concerns, &view))
}

/// The files in the sources that were not read yet; `None` if no source can be read.
fn look(
    overview: &Overview,
    ledger: &Ledger,
    configured: &ConfiguredProcessors,
    manifests: &[&Manifest],
    context: &Context,
) -> Option<Vec<Pending>> {
    let Overview { places, forgotten, .. } = overview;
    // Transcripts outside of user folders belong to a user who need not be the one who runs the command.
    let is_own = |source: Option<usize>| {
        source.is_some_and(|number| places[number].layout != Layout::Users && places[number].user.is_none())
    };
    let known = ledger.files.iter().find(|(_, known)| is_own(known.source));
    let login = known.and_then(|(name, _)| name.split('/').next()).unwrap_or(&context.environment.login);
    let walks = scan::each(places, login);
    if walks.iter().all(std::result::Result::is_err) {
        return None;
    }
    let walks = walks.into_iter().map(|walk| walk.map(|(_, walk)| walk).unwrap_or_default());
    let (walk, _) = Walk::of(walks.collect()).share_names(ledger);
    let forgotten = match forgotten {
        Some(forgotten) => forgotten.clone(),
        // It is unknown who is forgotten, so any unknown user could be.
        None => {
            let known: HashSet<_> = ledger.files.keys().filter_map(|name| name.split('/').next()).collect();
            let users = walk.found.iter().map(|found| &found.file.username);
            users.filter(|username| !known.contains(username.as_str())).cloned().collect()
        }
    };
    Some(pending::of(&walk, ledger, manifests, &Policy::new(&configured.all(), forgotten)))
}
