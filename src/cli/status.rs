//! `sessionmill status`: what the database contains, how up to date it is, and the health of the processors.

use crate::base::error::{Error, Result, Status};
use crate::command::form::TableOrJson;
use crate::command::glance::{judged, read_with};
use crate::command::terminal::fitted;
use crate::command::{Database, print, screen};
use crate::config::Config;
use crate::pass::pending::{self, Pending};
use crate::plug::ConfiguredProcessors;
use crate::plug::Context;
use crate::report::health::{Condition, RunMode};
use crate::report::render::pretty;
use crate::report::status::{self, Overview, View};
use crate::run::policy::Policy;
use crate::source::Layout;
use crate::source::ledger::Ledger;
use crate::source::scan::{self, Walk};
use crate::store::DatabaseFile;
use crate::store::reader::Reader;
use crate::store::service_state::ServiceState;
use crate::store::snapshot::Snapshot;
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
