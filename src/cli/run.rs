//! `sessionmill run`: runs one pass now.

use crate::actions::publish::write_state;
use crate::base::duration;
use crate::base::error::{Error, Result, Status};
use crate::base::heartbeat::Heartbeat;
use crate::base::limits::Limits;
use crate::base::moment::Clock;
use crate::command::form::TableOrJson;
use crate::command::pass::{PassOptions, Verbosity, pass, remark_found};
use crate::command::terminal::{alert, fitted};
use crate::command::{Database, SourceArgs, print, remark};
use crate::config::Config;
use crate::plug::ConfiguredProcessors;
use crate::plug::Context;
use crate::report::render::pretty;
use crate::run::request::Origin;
use crate::service::metrics;
use crate::source::Choice;
use crate::store::{DatabaseFile, publish};
use clap::builder::FalseyValueParser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bring the database up to date with the transcripts
///
/// Walks the folder, reads what has changed since the last run in files named `*.jsonl`, `*.jsonl.gz` and
/// `*.jsonl.zst`, and prints what it did. Without changes, a run is fast and does nothing. Files over `file` bytes,
/// stored or unpacked, or over `facts` facts are rejected; lines over `line` bytes are skipped. All of these are
/// counted: [caps] in the configuration sets the limits.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill run\n  sessionmill run usage --sessions /data/user_sessions\n  \
                        sessionmill run --time-budget 150s --json")]
pub(crate) struct Args {
    /// Processors to run [default: all]
    #[arg(value_name = "PROCESSOR")]
    processors: Vec<String>,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,

    /// Process at most N files and leave the rest for the next run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_sessions: Option<u64>,

    /// Start no file after this time, such as 150s or 5m, and leave the rest for the next run
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    time_budget: Option<Duration>,

    #[command(flatten)]
    form: TableOrJson,

    /// On an alarm, publish a snapshot and exit with 2 instead of 1; for systemd units
    #[arg(long, env = "SESSIONMILL_FAIL_ON_ALARM", hide_env = true, value_parser = FalseyValueParser::new())]
    fail_on_alarm: bool,

    /// Write the state of all processors to this file after the run, for Prometheus' node_exporter
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Status> {
    context.plugs.named(&args.processors)?;
    let (config, database) = args.database.find(context)?;
    let heartbeat = Heartbeat::default();
    let configured = configured(&args.processors, &config, &database, context, &heartbeat)?;
    let choice = args.place.choose(&config, &database, context)?;
    remark_sources(&choice, &database);
    let limits = Limits { files: args.max_sessions, time: args.time_budget, stop: heartbeat };
    let clock = Clock::begin(context.now.clone());
    stop_at_signal(&limits.stop)?;
    let (origin, adopt) = (Origin::Cli, args.place.adopt);
    let verbosity = Verbosity::Normal;
    let asked =
        PassOptions { origin, adopt, limits, verbosity, configured: &configured, config: &config, leave: &drop };
    let summary = pass(&choice, &database, &configured.processors(), &asked, context);
    if let Some(file) = &args.metrics_file {
        let written = metrics::write(&database, &config, &configured, &clock.read(), file);
        // The error of the pass itself takes precedence.
        written.or_else(|error| if summary.is_ok() { Err(error) } else { Ok(()) })?;
    }
    // Best effort: the run is done, even if its state cannot be written.
    if let Err(error) = write_state(&database, &configured, None, &clock.read()) {
        tracing::debug!(error = error.to_string(), "cannot write the state of the processors");
    }
    match publish::renew(&database, &config.publish, context.now.wall) {
        Err(error) if error.status != Status::Busy => {
            tracing::warn!(error = error.to_string(), "readers have a snapshot of another schema, and no new one");
        }
        _ => {}
    }
    let summary = summary?;
    print(&if args.form.is_json() { pretty(&summary) } else { fitted(&summary.words(), 0) })?;
    if args.fail_on_alarm && !summary.notices.alarms.is_empty() {
        summary.notices.alarms.iter().for_each(|alarm| alert(&format!("alarm: {alarm}")));
        // Data that was read despite the alarm is published.
        match publish::publish(&database, &config.publish, context.now.wall) {
            // Another process that publishes now includes the results of this run.
            Err(error) if error.status == Status::Busy => {}
            published => _ = published?,
        }
        return Ok(Status::CannotRun);
    }
    Ok(if summary.failed() { Status::FilesFailed } else { Status::Done })
}

/// The processors of a run. Prints which of them cannot run.
pub(super) fn configured(
    names: &[String],
    config: &Config,
    database: &DatabaseFile,
    context: &Context,
    heartbeat: &Heartbeat,
) -> Result<ConfiguredProcessors> {
    let configured = ConfiguredProcessors::new(names, config, &context.resources(database).with_heartbeat(heartbeat))?;
    for (name, reason) in configured.disabled.iter() {
        remark(&format!("processor `{name}` is disabled: {reason}"));
    }
    Ok(configured)
}

/// Prints which sources and database were chosen.
pub(super) fn remark_sources(choice: &Choice, database: &Path) {
    remark_found(choice);
    for source in choice.transcripts().filter(|source| !choice.found.contains(source)) {
        remark(&format!("sessions: {} ({} layout, from {})", source.root.display(), source.layout, choice.by));
    }
    if let Some(root) = &choice.events {
        remark(&format!("events: {}", root.display()));
    }
    remark(&format!("database: {}", database.display()));
}

/// The first signal ends the pass in an orderly way; the second ends the program.
fn stop_at_signal(heartbeat: &Heartbeat) -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        let stop = heartbeat.stopper();
        flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| flag::register(signal, stop))
            .map_err(|error| Error::cannot("listen to", "signals", error))?;
    }
    Ok(())
}
