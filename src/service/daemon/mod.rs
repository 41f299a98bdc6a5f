//! The daemon: one loop that waits for events, and a worker thread for each run. Local processors that are due at the
//! same time share a run, which reads each file once.
//!
//! The loop makes all decisions; workers run passes and report the results. The loop blocks only on its inbox, and
//! never touches the database while a worker could need it.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | the events that wake the daemon, the results of a run, and the settings |
//! | [`slot`] | a processor of the daemon, and when it runs next |
//! | [`watch`] | file watches that give hints of changes |
//! | [`work`] | a run in a worker thread |

pub mod event;
pub mod slot;
pub mod watch;
pub mod work;

pub use event::{Event, Settings};

use crate::base::error::{Error, Result, Status};
use crate::base::heartbeat::Heartbeat;
use crate::base::holder::Holder;
use crate::base::limits::Limits;
use crate::base::lock::{self, DAEMON, WorkLock};
use crate::base::moment::Moment;
use crate::base::utc;
use crate::config::Config;
use crate::plug::Plug;
use crate::run::request::{Origin, Request};
use crate::service::history;
use crate::service::order::Args;
use crate::service::systemd;
use crate::service::trigger::{Answer, Claim, Folder, WRITING};
use crate::source::events;
use crate::store::publish;
use crate::store::runs::{self, Broken};
use chrono::TimeDelta;
use event::Results;
use slot::Slot;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use watch::Watches;
use work::{Assignment, Work};

/// The state of the daemon.
pub struct Daemon<'d> {
    settings: Arc<Settings>,
    slots: Vec<Slot>,
    /// Runs in progress.
    works: Vec<Work>,
    folder: Folder,
    /// Reads the clock.
    clock: &'d dyn Fn() -> Moment,
    /// Reads the configuration anew.
    configure: &'d dyn Fn() -> Result<Settings>,
    /// The sending end of the inbox, for workers.
    outbox: Sender<Event>,
    /// `None` until the daemon serves.
    watches: Option<Watches>,
    /// The time of the first run or decision that no snapshot shows yet.
    unpublished: Option<Moment>,
    /// When a snapshot could not be published. It is tried again, even if nothing changes.
    failed: Option<Moment>,
    /// How long it took to publish the last snapshot; `None` while one is being made.
    took: Option<Duration>,
    /// Why the last configuration that was read was refused.
    refused: Option<String>,
    /// When the configuration was last read to look for sources, if there are none.
    read: Moment,
    _lock: WorkLock,
}

/// The time for running passes to stop. It is shorter than the time after which a supervisor kills the daemon.
const PATIENCE: Duration = Duration::from_secs(20);

/// Changes are collected for this many times as long as the last snapshot took, so that many of them share one snapshot
/// of a large database.
const SHARE: u32 = 10;

/// A snapshot that could not be published is tried again after this time, or after the next run.
const AGAIN: Duration = Duration::from_secs(300);

/// How long the thread that records a refused request waits for the database.
const AUDIT: Duration = Duration::from_secs(120);

impl<'d> Daemon<'d> {
    /// Prepares to serve a database.
    ///
    /// # Errors
    ///
    /// If another daemon serves it, or the trigger folder cannot be made.
    pub fn new(
        settings: Settings,
        clock: &'d dyn Fn() -> Moment,
        configure: &'d dyn Fn() -> Result<Settings>,
        outbox: Sender<Event>,
    ) -> Result<Self> {
        let lock = WorkLock::take(&settings.database, DAEMON, Instant::now() + Duration::from_secs(1))?;
        let Config { daemon, .. } = &settings.config;
        let folder = Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.plugs)?;
        let now = clock();
        let slot = |plug: &'static Plug| Slot::new(plug, history::last_run(&settings.database, plug.name(), &now));
        let slots = settings.plugs.iter().map(slot).collect();
        let (settings, works, watches, refused) = (Arc::new(settings), Vec::new(), None, None);
        let (unpublished, failed, took, read) = (None, None, Some(Duration::ZERO), now);
        Ok(Self {
            settings,
            slots,
            works,
            folder,
            clock,
            configure,
            outbox,
            watches,
            unpublished,
            failed,
            took,
            refused,
            read,
            _lock: lock,
        })
    }

    /// Serves until a stop is requested.
    pub fn run(&mut self, inbox: &Receiver<Event>) {
        systemd::ready();
        self.adopt(Arc::clone(&self.settings));
        self.look();
        // The last daemon may have ended before it could publish. Runs publish at their end.
        if self.works.is_empty() && publish::is_due(&self.settings.database) {
            self.changed_database();
        }
        loop {
            self.look();
            let first = match inbox.recv_timeout(self.patience()) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // There can be thousands of hints, so all waiting events are handled at once.
            let events: Vec<_> = first.into_iter().chain(inbox.try_iter()).collect();
            let mut is_over = false;
            for event in events {
                match event {
                    Event::TriggerAdded => {}
                    Event::SourceChanged => self.changed(),
                    Event::Ended(results) => self.ended(results),
                    Event::Acted { claim, result } => self.acted(&claim, &result),
                    Event::Published { took, is_done } => self.published(took, is_done),
                    Event::Reload => self.reload(),
                    // The end of a run can follow in the same batch.
                    Event::Stop => is_over = true,
                }
            }
            if is_over {
                break;
            }
        }
        self.stop(inbox);
    }

    /// Checks for triggers, due processors and stuck workers.
    fn look(&mut self) {
        let now = (self.clock)();
        if self.settings.lacks.is_some() || self.settings.awaits.is_some() {
            self.look_for_sources(&now);
        }
        let claims = self.folder.claim(now.wall);
        if !claims.is_empty() {
            self.folder.tidy(now.wall);
        }
        for claim in claims {
            self.handle_trigger(claim);
        }
        let idle = (0..self.slots.len()).filter(|number| self.wait(&self.slots[*number], &now).is_some());
        let idle: Vec<_> = idle.map(|number| (number, &self.slots[number])).collect();
        for (origin, numbers) in slot::due(&idle, &self.settings, &now) {
            let request = Request::new(origin, &self.settings.login);
            self.start(&numbers, request, &Args::default(), None);
        }
        if self.wait_to_publish(&now).is_some_and(|wait| wait.is_zero()) {
            (self.unpublished, self.failed, self.took) = (None, None, None);
            work::publish_changes(Arc::clone(&self.settings), now.clone(), self.outbox.clone());
        }
        let is_alive = self.works.iter_mut().all(|work| work.is_alive(&now));
        if is_alive {
            systemd::alive();
        }
        systemd::status(&self.words(&now));
    }

    /// The run that a processor takes part in.
    fn work(&self, slot: &Slot) -> Option<&Work> {
        self.works.iter().find(|work| work.processors.contains(&slot.plug.name()))
    }

    /// How long until a processor that is not running is due, and why it will run then.
    fn wait(&self, slot: &Slot, now: &Moment) -> Option<(Origin, Duration)> {
        if self.work(slot).is_some() || self.settings.lacks.is_some() { None } else { slot.wait(&self.settings, now) }
    }

    /// How long until a snapshot is made of what has changed.
    fn wait_to_publish(&self, now: &Moment) -> Option<Duration> {
        let calm = SHARE * self.took?;
        let left = |from: &Moment, wait: Duration| wait.saturating_sub(now.steady.since(&from.steady).unwrap_or(wait));
        let changed = self.unpublished.as_ref().map(|first| left(first, calm));
        changed.into_iter().chain(self.failed.as_ref().map(|failed| left(failed, AGAIN))).min()
    }

    /// Notes that the database may have something that no snapshot shows.
    fn changed_database(&mut self) {
        if self.settings.config.publish.after_runs {
            self.unpublished.get_or_insert_with(self.clock);
        }
    }

    /// Handles the end of an attempt to publish.
    fn published(&mut self, took: Duration, is_done: bool) {
        self.took = Some(took);
        self.failed = (!is_done && self.settings.config.publish.after_runs).then(self.clock);
    }

    /// How long until the loop must act without an event.
    fn patience(&self) -> Duration {
        let now = (self.clock)();
        let waits = self.slots.iter().filter_map(|slot| Some(self.wait(slot, &now)?.1));
        let tick = systemd::interval()
            .map_or(self.settings.config.daemon.tick, |interval| interval.min(self.settings.config.daemon.tick));
        let unfinished = self.folder.has_unfinished(now.wall).then(|| WRITING.to_std().unwrap_or_default());
        waits
            .chain(unfinished)
            .chain(self.wait_to_publish(&now))
            .fold(tick, Duration::min)
            .max(Duration::from_millis(1))
    }

    /// Handles a trigger.
    fn handle_trigger(&mut self, claim: Claim) {
        let named = claim.processor.as_deref();
        let number = self.slots.iter().position(|slot| Some(slot.plug.name()) == named);
        let order = match &claim.order {
            Ok(order) => order.clone(),
            Err(reason) => {
                tracing::warn!(trigger = claim.id, requested_by = claim.by, reason, "trigger refused");
                self.answer(&claim, &Answer::Refused(reason));
                if number.is_some() {
                    self.audit(&claim, Error::new(Status::Usage, reason.clone()));
                }
                return;
            }
        };
        if let Some(action) = order.action(named, &claim.by) {
            self.answer(&claim, &Answer::Running);
            return work::act(action, claim, Arc::clone(&self.settings), (self.clock)(), self.outbox.clone());
        }
        // Only a run gets here, and its processor exists.
        let Some(number) = number else { return };
        if let Some(lacks) = self.settings.lacks.clone() {
            let error = Error::new(Status::CannotRun, lacks);
            self.answer(&claim, &Answer::Failed(&error));
            return self.audit(&claim, error);
        }
        match self.work(&self.slots[number]) {
            Some(work) => {
                let holder = Holder::new(work.request.origin.name(), work.since.wall);
                self.answer(&claim, &Answer::Busy(Some(&holder)));
                self.audit(&claim, lock::busy(self.slots[number].plug.name(), &holder.to_string()));
            }
            None => {
                self.answer(&claim, &Answer::Running);
                self.start(&[number], claim.request(), &order.args, Some(claim));
            }
        }
    }

    /// Records a request that led to no run. In a thread of its own, because another process can hold the database.
    fn audit(&self, claim: &Claim, error: Error) {
        let (settings, request) = (Arc::clone(&self.settings), claim.request());
        let processor = claim.processor.clone().unwrap_or_default();
        let at = (self.clock)().wall;
        std::thread::spawn(move || {
            let (processors, elapsed) = (&[&*processor][..], Duration::ZERO);
            let broken = Broken { processors, request: &request, at, elapsed, error: &error };
            runs::broken(&settings.database, &broken, AUDIT);
        });
    }

    /// Answers a trigger whose action has ended.
    fn acted(&mut self, claim: &Claim, result: &Result<String>) {
        let (trigger, requested_by) = (&claim.id, &claim.by);
        match result {
            Ok(words) => {
                tracing::info!(trigger, requested_by, "{words}");
                if claim.order.as_ref().is_ok_and(|order| !order.decided().is_empty()) {
                    self.changed_database();
                }
            }
            Err(error) => tracing::warn!(trigger, requested_by, error = error.to_string(), "trigger failed"),
        }
        self.answer(claim, &answer_of(result, |words| Answer::Said(words)));
    }

    fn answer(&self, claim: &Claim, answer: &Answer<'_>) {
        if let Err(error) = self.folder.answer(claim, answer, (self.clock)().wall) {
            tracing::warn!(trigger = claim.id, error = error.to_string(), "cannot answer a trigger");
        }
    }

    /// Starts a worker for processors with the same bound.
    fn start(&mut self, numbers: &[usize], request: Request, args: &Args, claim: Option<Claim>) {
        let now = (self.clock)();
        let Settings { config, .. } = &*self.settings;
        let plugs: Vec<_> = numbers.iter().map(|number| self.slots[*number].plug).collect();
        let files = plugs.iter().filter_map(|plug| config.daemon.files((plug.bound)(config))).min();
        let limits = Limits {
            files: args.max_sessions.map(Into::into).or(files),
            time: Some(args.budget().ok().flatten().unwrap_or(config.daemon.budget)),
            stop: Heartbeat::default(),
        };
        for number in numbers {
            let slot = &mut self.slots[*number];
            slot.changed = None;
            slot.has_backlog = false;
        }
        let run = Assignment { settings: Arc::clone(&self.settings), plugs, request, limits, now };
        self.works.push(Work::start(run, claim, self.outbox.clone()));
    }

    /// Handles the end of a run.
    fn ended(&mut self, results: Results) {
        let now = (self.clock)();
        let is_it = |work: &mut Work| results.iter().any(|(name, _)| work.processors.contains(name));
        let Some(Work { request, since, claim, .. }) = self.works.extract_if(.., is_it).next() else { return };
        if let (Some(claim), Some((_, result))) = (claim, results.first()) {
            self.answer(&claim, &answer_of(result, Answer::Done));
        }
        if results.iter().any(|(_, result)| result.is_ok()) {
            self.changed_database();
        }
        for (processor, result) in results {
            let slot = self.slots.iter_mut().find(|slot| slot.plug.name() == processor);
            let is_news = slot.is_some_and(|slot| slot.ended(&since, &now, &result, &self.settings));
            if is_news {
                work::log_result(processor, &request, &result);
            }
        }
    }

    fn changed(&mut self) {
        let now = (self.clock)();
        for slot in &mut self.slots {
            slot.changed.get_or_insert_with(|| now.clone());
        }
    }

    /// Applies a changed configuration. If it has a mistake, everything stays as it is.
    fn reload(&mut self) {
        systemd::reloading();
        match self.configured() {
            Ok(settings) => {
                self.adopt(settings);
                tracing::info!("configuration read again");
            }
            Err(error) => self.refuse(&error),
        }
        systemd::ready();
    }

    /// Checks whether there are sources by now.
    fn look_for_sources(&mut self, now: &Moment) {
        if now.steady.since(&self.read.steady).is_some_and(|since| since < self.settings.config.daemon.tick) {
            return;
        }
        self.read = now.clone();
        let Settings { lacks, awaits, .. } = &*self.settings;
        if lacks.is_none() && !awaits.as_deref().is_some_and(events::is_used) {
            return;
        }
        match self.configured() {
            Ok(settings) if settings.lacks.is_none() && settings.sources != self.settings.sources => {
                self.adopt(settings);
            }
            Ok(_) => self.refused = None,
            Err(error) if self.refused != Some(error.to_string()) => self.refuse(&error),
            Err(_) => {}
        }
    }

    /// The present configuration, for the database that is being served.
    fn configured(&self) -> Result<Arc<Settings>> {
        let settings = (self.configure)()?;
        if settings.database.path != self.settings.database.path {
            let message = format!("`{}` is another database, which needs a restart", settings.database.display());
            return Err(Error::new(Status::Config, message).hint("systemctl restart sessionmill"));
        }
        let daemon = &settings.config.daemon;
        Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.plugs)?;
        Ok(Arc::new(settings))
    }

    fn refuse(&mut self, error: &Error) {
        tracing::error!(
            error = error.to_string(),
            hint = error.hint,
            "cannot read the configuration again; the previous one stays in use"
        );
        self.refused = Some(error.to_string());
    }

    /// Switches to these settings. If the trigger folder is another one, requests that wait in it are answered there.
    fn adopt(&mut self, settings: Arc<Settings>) {
        self.refused = None;
        let now = (self.clock)();
        let daemon = &settings.config.daemon;
        let folder = match Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.plugs) {
            Ok(folder) => folder,
            Err(error) => return self.refuse(&error),
        };
        let mut claims = Vec::new();
        if self.watches.is_none() {
            claims.extend(folder.left(now.wall));
        } else if folder.path() != self.folder.path() {
            claims.extend(self.folder.claim(now.wall));
            claims.extend(folder.left(now.wall));
        }
        self.folder = folder;
        self.watches = Some(match self.watches.take() {
            Some(watches) => watches.moved(&settings, &self.outbox),
            None => Watches::of(&settings, &self.outbox),
        });
        self.settings = settings;
        self.say_sources();
        for claim in claims {
            self.handle_trigger(claim);
        }
        let settings = Arc::clone(&self.settings);
        std::thread::spawn(move || {
            work::say_disabled(&settings, &now);
            work::post(&settings, &now);
            work::renew(&settings, &now);
        });
    }

    /// Logs which sources are served, or why there are none.
    fn say_sources(&self) {
        for source in &self.settings.sources {
            tracing::info!(source = source.name, root = %source.root.display(), layout = %source.layout, "serving");
        }
        if let Some(lacks) = &self.settings.lacks {
            tracing::warn!("{lacks}");
        }
    }

    /// Stops: running passes commit what they have read and leave the rest.
    fn stop(&mut self, inbox: &Receiver<Event>) {
        systemd::stopping();
        let until = Instant::now() + PATIENCE;
        self.works.iter().for_each(|work| work.heartbeat.stop());
        while !self.works.is_empty() {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended(results)) => self.ended(results),
                Ok(Event::Acted { claim, result }) => self.acted(&claim, &result),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        for processor in self.works.iter().flat_map(|work| &work.processors) {
            // What the run has committed is kept; the next run continues from there.
            tracing::warn!(processor, "a run did not end in time and is left");
        }
    }

    /// A line about the present state, for systemd.
    fn words(&self, now: &Moment) -> String {
        let one = |slot: &Slot| {
            let name = slot.plug.name();
            match (self.work(slot), self.wait(slot, now)) {
                (Some(work), _) => format!("{name}: running since {}", utc::second_of_day(work.since.wall)),
                (None, Some((_, wait))) => {
                    let next = now.wall + TimeDelta::from_std(wait).unwrap_or_default();
                    format!("{name}: next {}", utc::second(next))
                }
                (None, None) => format!("{name}: off"),
            }
        };
        let words = match &self.settings.lacks {
            Some(lacks) => lacks.clone(),
            None => self.slots.iter().map(one).collect::<Vec<_>>().join("; "),
        };
        match &self.refused {
            Some(reason) => format!("configuration refused: {reason}; {words}"),
            None => words,
        }
    }
}

/// The answer to a trigger that has been handled.
fn answer_of<'r, T>(result: &'r Result<T>, done: impl FnOnce(&'r T) -> Answer<'r>) -> Answer<'r> {
    match result {
        Ok(value) => done(value),
        Err(error) if error.status == Status::Busy => Answer::Busy(error.holder.as_deref()),
        Err(error) => Answer::Failed(error),
    }
}
