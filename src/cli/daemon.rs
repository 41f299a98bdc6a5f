//! `sessionmill daemon`: the service.

use crate::cli::{Context, Database, Place};
use crate::config::Config;
use crate::daemon::{Daemon, Event, Settings};
use crate::error::{Error, Result, Status, cause};
use crate::moment::Moment;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

/// Keep the database up to date, each processor on its own schedule, until a signal ends it
///
/// Runs every processor when [schedule] in the configuration says so: `every 10m`, `daily 05:00,17:00` or
/// `cron 15 3 * * 1-5`. `sessionmill trigger` asks it for a run now. SIGTERM ends it in order, SIGHUP lets
/// it read its configuration again. Other commands work beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill daemon\n  \
                        sessionmill daemon --sessions /data/user_sessions --watch")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    database: Database,

    /// Walk sooner when files change
    #[arg(long)]
    watch: bool,
}

pub(crate) fn daemon(args: &Args, context: &Context) -> Result<Status> {
    let configure = || {
        let (mut config, database) = args.database.find(context)?;
        config.daemon.watch |= args.watch;
        let choice = args.place.choose(&config, &database, context)?;
        let (login, credentials) = (context.environment.login.clone(), context.environment.credentials.clone());
        Ok(Settings { database, sources: choice.sources, config, login, credentials })
    };
    let settings = configure()?;
    for source in &settings.sources {
        tracing::info!(source = source.name, root = %source.root.display(), layout = %source.layout, "serving");
    }
    tracing::info!(database = %settings.database.display(), "serving");
    let (outbox, inbox) = channel();
    listen(outbox.clone())?;
    let mut daemon = Daemon::new(settings.clone(), &Moment::now, &configure, outbox.clone())?;
    let _watchers = watch(&settings, &outbox);
    daemon.run(&inbox);
    Ok(Status::Done)
}

/// Turns signals into events.
fn listen(outbox: Sender<Event>) -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| Error::cannot("listen to", "signals", cause(&error)))?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            let event = if signal == SIGHUP { Event::Reload } else { Event::Stop };
            if outbox.send(event).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Watches the folder of triggers, and the sources if that is wanted. Events only hint: what is missed is
/// found by the next look.
fn watch(settings: &Settings, outbox: &Sender<Event>) -> Vec<RecommendedWatcher> {
    let Settings { database, sources, config: Config { daemon, .. }, .. } = settings;
    let triggers = watcher(&daemon.triggers(database), RecursiveMode::NonRecursive, outbox, || Event::Dropped);
    let roots = sources
        .iter()
        .filter(|_| daemon.watch)
        .filter_map(|source| watcher(&source.root, RecursiveMode::Recursive, outbox, || Event::Changed));
    triggers.into_iter().chain(roots).collect()
}

fn watcher(
    path: &Path,
    mode: RecursiveMode,
    outbox: &Sender<Event>,
    event: fn() -> Event,
) -> Option<RecommendedWatcher> {
    let outbox = outbox.clone();
    let hint = move |change: notify::Result<notify::Event>| {
        // Reading a folder is an access too, and the daemon does that itself. An error is a hint as well.
        if change.map_or(true, |change| !change.kind.is_access()) {
            let _ = outbox.send(event());
        }
    };
    let watching = notify::recommended_watcher(hint).and_then(|mut watcher| {
        watcher.watch(path, mode)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(path = %path.display(), error = %error, "cannot watch: what is new is found by the next look");
            None
        }
    }
}
