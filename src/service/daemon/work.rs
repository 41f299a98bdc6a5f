//! A run in a worker: the pass itself, and what goes with it.

use crate::base::error::{Error, Result, Status};
use crate::base::guard::guard;
use crate::base::heartbeat::Heartbeat;
use crate::base::holder::Holder;
use crate::base::moment::{Clock, Moment};
use crate::config::Config;
use crate::pass::limits::Limits;
use crate::pass::request::Request;
use crate::pass::summary::{Counts, Deferral, KeyError, Summary};
use crate::pass::trial::{self, Setup};
use crate::pass::{self, Pass};
use crate::plugs::{Lineup, Plug, World};
use crate::service::bulletin;
use crate::service::daemon::event::{Event, Settings};
use crate::service::metrics;
use crate::service::trigger::Claim;
use crate::store::{is_begun, publish};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// What a worker runs.
pub struct Run {
    pub settings: Arc<Settings>,
    pub plug: &'static Plug,
    pub request: Request,
    pub limits: Limits,
    pub now: Moment,
}

/// A run in a worker.
pub struct Work {
    pub request: Request,
    pub since: Moment,
    pub heartbeat: Heartbeat,
    /// Beats when it was last looked at, and when they last were others.
    beats: u64,
    alive: Moment,
    pub claim: Option<Claim>,
}

/// A run without a sign of life for so long is stuck, and its daemon is of no use.
const STALL: Duration = Duration::from_secs(600);

impl Work {
    /// Starts a worker. Its end is an event.
    pub fn start(run: Run, claim: Option<Claim>, outbox: Sender<Event>) -> Self {
        let heartbeat = Heartbeat::default();
        let (request, since) = (run.request.clone(), run.now.clone());
        let work = Self { request, since: since.clone(), heartbeat: heartbeat.clone(), beats: 0, alive: since, claim };
        std::thread::spawn(move || {
            let clock = Clock::begin(run.now.clone());
            let panicked = || Error::new(Status::CannotRun, "the worker panicked; the log says where");
            let name = run.plug.name();
            let holder = Holder::new(run.request.origin.name(), run.now.wall);
            if let Err(error) = bulletin::begin(&run.settings.database, name, holder) {
                tracing::debug!(error = error.message, "cannot say that a run begins");
            }
            let result = guard(|| run.pass(&heartbeat), panicked);
            let is_new = result.is_ok() && !heartbeat.is_stopped();
            // Nobody listens any more when the daemon ends.
            let _ = outbox.send(Event::Ended { processor: name, result });
            measure(&run.settings, &clock.read());
            if is_new {
                publish(&run.settings, &run.now);
            }
            post(&run.settings, &clock.read());
        });
        work
    }

    /// Whether it has given a sign of life lately.
    pub fn is_alive(&mut self, now: &Moment) -> bool {
        let beats = self.heartbeat.beats();
        if beats != self.beats {
            (self.beats, self.alive) = (beats, now.clone());
        }
        now.steady.since(&self.alive.steady).is_none_or(|silence| silence < STALL)
    }
}

impl Run {
    fn pass(&self, heartbeat: &Heartbeat) -> Result<Summary> {
        let Self { settings, plug, request, limits, now } = self;
        let Settings { database, sources, config, login, .. } = &**settings;
        let names = [plug.name().to_owned()];
        // Made for each run: a key can be a new one.
        let lineup = Lineup::new(&names, config, &world(settings, now).with_heartbeat(heartbeat))?;
        let setup = Setup { database, config, caps: limits.caps, heartbeat };
        let mut summary = pass::run(&Pass {
            database,
            sources,
            processors: &lineup.processors(),
            now: now.clone(),
            request,
            login,
            limits: *limits,
            networks: &lineup.networks,
            lookups: &lineup.lookups,
            adopt: false,
            trial: &|job, processors| trial::spawn(job, &sources[job.source], processors, setup),
            progress: &|_| {},
            heartbeat,
        })?;
        (plug.remark)(config, database, &mut summary);
        Ok(summary)
    }
}

/// What processors can be made from.
fn world(settings: &Settings, now: &Moment) -> World {
    let Settings { database, credentials, .. } = settings;
    let (credentials, database) = (credentials.clone(), database.clone());
    World { credentials, database, now: now.wall, heartbeat: Heartbeat::default(), may_ask: true }
}

/// What monitors get after a run.
fn measure(settings: &Settings, now: &Moment) {
    let Settings { database, config, .. } = settings;
    let write = |file| {
        let lineup = Lineup::new(&[], config, &world(settings, now))?;
        metrics::write(database, config, &lineup, now, file)
    };
    if let Some(file) = &config.daemon.metrics_file
        && let Err(error) = write(file)
    {
        tracing::warn!(error = error.message, "cannot write the metrics");
    }
}

/// Says which processors cannot work as they are configured.
pub fn say_disabled(settings: &Settings, now: &Moment) {
    let Settings { config, .. } = settings;
    match Lineup::new(&[], config, &world(settings, now)) {
        Ok(lineup) => {
            for (processor, reason) in lineup.disabled.iter() {
                tracing::warn!(processor, reason, "disabled");
            }
        }
        Err(error) => tracing::warn!(error = error.message, hint = error.hint.as_deref(), "no processor can work"),
    }
}

/// What those get after a run who may not read the database.
pub fn post(settings: &Settings, now: &Moment) {
    let Settings { database, config, lacks, .. } = settings;
    if !is_begun(database) {
        return;
    }
    let lineup = Lineup::new(&[], config, &world(settings, now));
    if let Err(error) = lineup.and_then(|lineup| bulletin::write(database, &lineup, lacks.as_deref(), now))
        && error.status != Status::Busy
    {
        tracing::warn!(error = error.message, "cannot write how the processors do");
    }
}

/// What readers get at the start, where they have a snapshot of an older program.
pub fn renew(settings: &Settings, now: &Moment) {
    let Settings { database, config, .. } = settings;
    match publish::renew(database, &config.publish, now.wall) {
        Ok(Some(_)) => tracing::info!("published a snapshot, since the newest one had another schema"),
        Ok(None) => {}
        Err(error) if error.status == Status::Busy => {}
        Err(error) => tracing::warn!(error = error.message, "cannot publish a snapshot"),
    }
}

/// What readers get after a run.
fn publish(settings: &Settings, now: &Moment) {
    let Settings { database, config: Config { publish, .. }, .. } = settings;
    if publish.after_runs
        && let Err(error) = publish::publish(database, publish, now.wall)
        // What the other one does not see yet is published after the next run.
        && error.status != Status::Busy
    {
        tracing::warn!(error = error.message, "cannot publish a snapshot");
    }
}

/// A line in the log for each run.
pub fn tell(processor: &str, request: &Request, result: &Result<Summary>) {
    let trigger = request.origin.name();
    match result {
        Ok(summary) => {
            for counts in &summary.processors {
                let Counts { files, processed, deferred, rejected, errors, elapsed_ms, .. } = counts;
                tracing::info!(
                    processor,
                    trigger,
                    files,
                    processed,
                    deferred,
                    rejected,
                    errors,
                    elapsed_ms,
                    "run ended"
                );
                if let Some(KeyError { key, class, error }) = counts.unsettled_detail.first() {
                    let keys = counts.unsettled_keys;
                    tracing::warn!(processor, keys, key, class, error, "keys could not be settled, such as this one");
                }
                for Deferral { reason, files } in &counts.deferred_reasons {
                    tracing::info!(processor, files, reason, "left for the next run");
                }
            }
            summary.notices.alarms.iter().for_each(|alarm| tracing::error!(processor, alarm, "alarm"));
            summary.notices.warnings.iter().for_each(|warning| tracing::warn!(processor, warning, "warning"));
        }
        Err(error) if error.status == Status::Config => {
            tracing::warn!(processor, trigger, reason = error.message, hint = error.hint.as_deref(), "not run");
        }
        Err(error) if error.status == Status::Busy => {
            tracing::info!(processor, trigger, reason = error.message, "not run");
        }
        Err(error) => {
            tracing::error!(processor, trigger, error = error.message, hint = error.hint.as_deref(), "run failed");
        }
    }
}
