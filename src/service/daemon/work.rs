//! A run in a worker thread: the pass, and what follows it.

use crate::actions;
use crate::actions::forget::{ForgetOutcome, Search};
use crate::base::error::{Error, Result, Status};
use crate::base::guard::guard;
use crate::base::heartbeat::Heartbeat;
use crate::base::holder::Holder;
use crate::base::limits::Limits;
use crate::base::moment::{Clock, Moment};
use crate::config::Config;
use crate::identities::Identities;
use crate::pass::trial::{self, Setup};
use crate::pass::{self, Pass};
use crate::plug::{ConfiguredProcessors, Plug, Resources};
use crate::run::request::Request;
use crate::run::summary::{Counts, Deferral, KeyError, Summary};
use crate::service::daemon::event::{Event, Results, Settings};
use crate::service::metrics;
use crate::service::order::Action;
use crate::service::trigger::Claim;
use crate::store::failures::FailureAction;
use crate::store::is_begun;
use crate::store::publish;
use crate::store::service_state;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// The task of a worker: local processors that share a pass, or one network-bound processor.
pub struct Assignment {
    pub settings: Arc<Settings>,
    pub plugs: Vec<&'static Plug>,
    pub request: Request,
    pub limits: Limits,
    pub now: Moment,
}

/// A run in progress.
pub struct Work {
    /// The names of the processors in the run.
    pub processors: Vec<&'static str>,
    pub request: Request,
    pub since: Moment,
    pub heartbeat: Heartbeat,
    /// The number of beats at the last check, and when the number last changed.
    beats: u64,
    alive: Moment,
    pub claim: Option<Claim>,
}

/// How long publishing waits for another snapshot that is being written.
const TURN: Duration = Duration::from_secs(600);

/// A run without progress for this time is stuck. The daemon then stops reporting to the watchdog.
const STALL: Duration = Duration::from_secs(600);

impl Work {
    /// Starts a worker. It sends an event when the run ends.
    pub fn start(run: Assignment, claim: Option<Claim>, outbox: Sender<Event>) -> Self {
        let work = Self {
            processors: run.plugs.iter().map(|plug| plug.name()).collect(),
            request: run.request.clone(),
            since: run.now.clone(),
            heartbeat: run.limits.stop.clone(),
            beats: 0,
            alive: run.now.clone(),
            claim,
        };
        let names = work.processors.clone();
        std::thread::spawn(move || {
            let clock = Clock::begin(run.now.clone());
            let panicked = || Error::new(Status::CannotRun, "the worker panicked; the log says where");
            let holder = Holder::new(run.request.origin.name(), run.now.wall);
            if let Err(error) = service_state::begin(&run.settings.database, &names, &holder) {
                tracing::debug!(error = error.to_string(), "cannot say that a run begins");
            }
            let results = guard(|| run.pass(), panicked)
                .unwrap_or_else(|error| names.into_iter().map(|name| (name, Err(error.clone()))).collect());
            // Before the end is told, so that whoever waits for it finds the new state.
            measure(&run.settings, &clock.read());
            post(&run.settings, &clock.read());
            // When the daemon stops, nobody receives this any more.
            let _ = outbox.send(Event::Ended(results));
        });
        work
    }

    /// Whether the run has made progress recently.
    pub fn is_alive(&mut self, now: &Moment) -> bool {
        let beats = self.heartbeat.beats();
        if beats != self.beats {
            (self.beats, self.alive) = (beats, now.clone());
        }
        now.steady.since(&self.alive.steady).is_none_or(|silence| silence < STALL)
    }
}

impl Assignment {
    /// Runs the pass.
    ///
    /// # Errors
    ///
    /// If none of the processors can run with the present configuration.
    fn pass(&self) -> Result<Results> {
        let Self { settings, plugs, request, limits, now } = self;
        let Settings { database, sources, config, login, .. } = &**settings;
        let names: Vec<_> = plugs.iter().map(|plug| plug.name().to_owned()).collect();
        // Made anew for each run, because a key can have changed.
        let configured =
            ConfiguredProcessors::new(&names, config, &resources(settings, now).with_heartbeat(&limits.stop))?;
        let setup = Setup { database, sources, config, heartbeat: &limits.stop };
        let mut results = pass::run_free(&Pass {
            database,
            sources,
            processors: &configured.processors(),
            now: now.clone(),
            request,
            login,
            limits,
            caps: config.caps,
            threads: pass::threads(),
            networks: &configured.networks,
            lookups: &configured.lookups,
            adopt: false,
            trial: &trial::in_own_process(setup),
            remark: &|reader, summary| settings.plugs.remarks(config, database, reader, summary),
            leave: &drop,
            progress: &|_| {},
        });
        results.extend(configured.disabled.errors().map(|(name, error)| (name, Err(error))));
        Ok(results)
    }
}

/// Carries out a trigger's action in a thread of its own, which sends an event when it ends.
pub fn act(action: Action, claim: Claim, settings: Arc<Settings>, now: Moment, outbox: Sender<Event>) {
    std::thread::spawn(move || {
        let panicked = || Error::new(Status::CannotRun, "the worker panicked; the log says where");
        let result = guard(|| done(&action, &settings, &now), panicked);
        let _ = outbox.send(Event::Acted { claim: Box::new(claim), result });
    });
}

/// Publishes a snapshot in a thread of its own, which sends an event when it ends.
pub fn publish_changes(settings: Arc<Settings>, now: Moment, outbox: Sender<Event>) {
    std::thread::spawn(move || {
        let clock = Clock::begin(now);
        let Settings { database, config: Config { publish, .. }, .. } = &*settings;
        let panicked = || Error::new(Status::CannotRun, "the publisher panicked; the log says where");
        let published = || publish::publish_until(database, publish, Instant::now() + TURN, &|| clock.read().wall);
        let published = guard(published, panicked);
        if let Err(error) = &published {
            tracing::warn!(error = error.to_string(), "cannot publish a snapshot");
        }
        let took = clock.elapsed();
        // A run writes no state before there is a folder of snapshots.
        post(&settings, &clock.read());
        let _ = outbox.send(Event::Published { took, is_done: published.is_ok() });
    });
}

/// Carries out an action. Returns the result as a sentence.
fn done(action: &Action, settings: &Settings, now: &Moment) -> Result<String> {
    let (resources, config) = (resources(settings, now), &settings.config);
    match action {
        Action::Retry(which) => {
            let changed = actions::failures::change(FailureAction::Retry, which, config, &resources)?;
            Ok(std::iter::once(changed.words(FailureAction::Retry))
                .chain(changed.pauses)
                .collect::<Vec<_>>()
                .join("; "))
        }
        Action::Review { processor, review } => Ok(actions::review::review(processor, review, &resources)?.join("; ")),
        Action::Remove { processor, removal } => {
            Ok(actions::remove::remove(processor, removal, &resources)?.join("; "))
        }
        Action::Forget(user) => {
            let identities = Identities::given(config.identities.as_deref())?;
            let search = Search { config, identities: &identities, resources: &resources, login: &settings.login };
            // Answers are kept, so they must not name a person who was forgotten.
            let ForgetOutcome { state, notes, .. } = actions::forget::forget(&search, user, false)?.carry_out()?;
            Ok(std::iter::once(state).chain(notes).collect::<Vec<_>>().join("; "))
        }
        Action::Publish => {
            let published = actions::publish::publish(config, &resources, settings.lacks.as_deref(), now)?;
            Ok(actions::publish::words(&published))
        }
    }
}

/// What processors are made from.
fn resources(settings: &Settings, now: &Moment) -> Resources {
    let Settings { database, plugs, credentials, .. } = settings;
    let (credentials, database) = (credentials.clone(), database.clone());
    Resources { credentials, database, plugs: *plugs, now: now.wall, heartbeat: Heartbeat::default(), may_ask: true }
}

/// Writes the metrics for monitoring.
fn measure(settings: &Settings, now: &Moment) {
    let Settings { database, config, .. } = settings;
    let write = |file| {
        let configured = ConfiguredProcessors::new(&[], config, &resources(settings, now))?;
        metrics::write(database, config, &configured, now, file)
    };
    if let Some(file) = &config.daemon.metrics_file
        && let Err(error) = write(file)
    {
        tracing::warn!(error = error.to_string(), "cannot write the metrics");
    }
}

/// Logs which processors cannot run with the present configuration.
pub fn say_disabled(settings: &Settings, now: &Moment) {
    let Settings { config, .. } = settings;
    match ConfiguredProcessors::new(&[], config, &resources(settings, now)) {
        Ok(configured) => {
            for (processor, reason) in configured.disabled.iter() {
                tracing::warn!(processor, reason, "disabled");
            }
        }
        Err(error) => tracing::warn!(error = error.to_string(), hint = error.hint.as_deref(), "no processor can work"),
    }
}

/// Writes the state of the processors, for readers without access to the database.
pub fn post(settings: &Settings, now: &Moment) {
    let Settings { database, config, lacks, .. } = settings;
    if !is_begun(database) {
        return;
    }
    let configured = ConfiguredProcessors::new(&[], config, &resources(settings, now));
    if let Err(error) =
        configured.and_then(|configured| actions::publish::write_state(database, &configured, lacks.as_deref(), now))
        && error.status != Status::Busy
    {
        tracing::warn!(error = error.to_string(), "cannot write the state of the processors");
    }
}

/// Publishes a snapshot at the start if the newest one has the schema of an older version.
pub fn renew(settings: &Settings, now: &Moment) {
    let Settings { database, config, .. } = settings;
    match publish::renew(database, &config.publish, now.wall) {
        Ok(Some(_)) => tracing::info!("published a snapshot because the newest one had another schema"),
        Ok(None) => {}
        Err(error) if error.status == Status::Busy => {}
        Err(error) => tracing::warn!(error = error.to_string(), "cannot publish a snapshot"),
    }
}

/// Logs the result of a run.
pub fn log_result(processor: &str, request: &Request, result: &Result<Summary>) {
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
            tracing::warn!(processor, trigger, reason = error.to_string(), hint = error.hint.as_deref(), "not run");
        }
        Err(error) if error.status == Status::Busy => {
            tracing::info!(processor, trigger, reason = error.to_string(), "not run");
        }
        Err(error) => {
            tracing::error!(processor, trigger, error = error.to_string(), hint = error.hint.as_deref(), "run failed");
        }
    }
}
