//! `sessionmill daemon`: runs the service.

use crate::base::duration;
use crate::base::error::{Error, Result, Status};
use crate::base::moment::Moment;
use crate::command::{Database, SourceArgs};
use crate::config::Config;
use crate::plug::Context;
use crate::service::daemon::{Daemon, Event, Settings};
use crate::source;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

/// Keep the database up to date, each processor on its own schedule, until a signal stops it
///
/// Runs every processor as [schedule] in the configuration says: `every 10m`, `daily 05:00,17:00` or `cron 15 3 * *
/// 1-5`. `sessionmill trigger` requests a run now. SIGTERM stops the daemon in an orderly way; SIGHUP makes it read its
/// configuration again. Only another database needs a restart. Without transcripts, it waits until the configuration
/// names some. Other commands can be used at the same time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill daemon\n  \
                        sessionmill daemon --sessions /data/user_sessions --watch")]
pub(crate) struct Args {
    #[command(flatten)]
    place: SourceArgs,

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
        let choice = args.place.find(&config, &database, context)?.unwrap_or_default();
        let lacks = choice.sources.is_empty().then(|| lacks(args, &config, context)).transpose()?;
        let awaits = context.environment.events().filter(|_| choice.events.is_none());
        let sources = choice.sources;
        let (login, credentials) = (context.environment.login.clone(), context.environment.credentials.clone());
        let plugs = context.plugs;
        Ok(Settings { database, plugs, sources, lacks, awaits, config, login, credentials })
    };
    let settings = configure()?;
    tracing::info!(database = %settings.database.display(), "serving");
    let (outbox, inbox) = channel();
    listen(outbox.clone())?;
    Daemon::new(settings, &Moment::now, &configure, outbox)?.run(&inbox);
    Ok(Status::Done)
}

/// The message of a daemon that waits because there are no transcripts, and how to add some.
fn lacks(args: &Args, config: &Config, context: &Context) -> Result<String> {
    let (file, _) = args.database.read(context)?;
    let file = file.unwrap_or_else(|| PathBuf::from("/etc/sessionmill/config.toml"));
    let tick = duration::text(config.daemon.tick);
    Ok(format!(
        "{} are configured: add a [[source]] with their folder to `{}`, which is read again every {tick}",
        source::NONE,
        file.display()
    ))
}

/// Turns signals into events.
fn listen(outbox: Sender<Event>) -> Result<()> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| Error::cannot("listen to", "signals", error))?;
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
