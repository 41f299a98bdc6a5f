//! The service: one loop over everything that can wake it, and a worker for each processor that runs.
//!
//! The loop alone decides; workers run passes and say how these ended. It waits for nothing but its
//! inbox, and never touches the database while a worker could need it.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | what can wake the daemon, and what it works on |
//! | [`watch`] | hints that something is new |
//! | [`work`] | a run in a worker |

pub mod event;
pub mod watch;
pub mod work;

pub use event::{Event, Settings};

use crate::base::error::{Error, Result, Status};
use crate::base::holder::Holder;
use crate::base::lock::{self, DAEMON, WorkLock};
use crate::base::moment::Moment;
use crate::base::utc;
use crate::config::Config;
use crate::pass::limits::Limits;
use crate::pass::request::{Origin, Request};
use crate::pass::summary::Summary;
use crate::plugs::Plug;
use crate::service::schedule::{End, LastRun};
use crate::service::systemd;
use crate::service::trigger::{Answer, Args, Claim, Folder, WRITING};
use crate::store::history;
use crate::store::runs::{self, Broken};
use chrono::TimeDelta;
use md5::{Digest, Md5};
use sessionmill_contract::Bound;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use watch::Watches;
use work::{Run, Work};

/// The daemon's view of the world.
pub struct Daemon<'d> {
    settings: Arc<Settings>,
    slots: Vec<Slot>,
    folder: Folder,
    /// Reads the clock.
    clock: &'d dyn Fn() -> Moment,
    /// Reads the configuration again.
    configure: &'d dyn Fn() -> Result<Settings>,
    /// Where workers put their events.
    outbox: Sender<Event>,
    /// Nothing before it serves.
    watches: Option<Watches>,
    /// Why the configuration that was read last does not count.
    refused: Option<String>,
    /// When it was last read, where nothing can be done with it.
    read: Moment,
    _lock: WorkLock,
}

/// A processor, and where it stands.
struct Slot {
    plug: &'static Plug,
    last: Option<LastRun>,
    /// What the last run took.
    took: Duration,
    work: Option<Work>,
    /// The last run left files that nothing but the time kept it from.
    has_backlog: bool,
    /// The first change of a source since the last run began.
    changed: Option<Moment>,
    /// The last run did not get the database: it is tried again until somebody lets go of it.
    is_kept_out: bool,
}

/// A supervisor kills a process that does not end in time; before that it ends by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A run that did not get the database, although it waited, is tried again so long after its end.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the audit of a request waits for the database, in a thread of its own.
const AUDIT: Duration = Duration::from_secs(120);

/// Changes of sources are collected for so long, and for ten times what a run takes.
const CALM: Duration = Duration::from_secs(2);

impl<'d> Daemon<'d> {
    /// Prepares to serve a database.
    ///
    /// # Errors
    ///
    /// If another daemon serves it, or the folder of triggers cannot be made.
    pub fn new(
        settings: Settings,
        clock: &'d dyn Fn() -> Moment,
        configure: &'d dyn Fn() -> Result<Settings>,
        outbox: Sender<Event>,
    ) -> Result<Self> {
        let lock = WorkLock::take(&settings.database, DAEMON, Instant::now() + Duration::from_secs(1))?;
        let Config { daemon, .. } = &settings.config;
        let folder = Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.database.plugs)?;
        let now = clock();
        let slot = |plug: &'static Plug| Slot {
            plug,
            last: history::last_run(&settings.database, plug.name(), &now),
            took: Duration::ZERO,
            work: None,
            has_backlog: false,
            changed: None,
            is_kept_out: false,
        };
        let slots = settings.database.plugs.iter().map(slot).collect();
        let (settings, watches, refused) = (Arc::new(settings), None, None);
        let read = now;
        Ok(Self { settings, slots, folder, clock, configure, outbox, watches, refused, read, _lock: lock })
    }

    /// Serves until it is told to stop.
    pub fn run(&mut self, inbox: &Receiver<Event>) {
        systemd::ready();
        self.adopt(Arc::clone(&self.settings));
        loop {
            self.look();
            let first = match inbox.recv_timeout(self.patience()) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // One look serves all events that are there: there can be thousands of hints.
            let events: Vec<_> = first.into_iter().chain(inbox.try_iter()).collect();
            let mut is_over = false;
            for event in events {
                match event {
                    Event::Dropped => {}
                    Event::Changed => self.changed(),
                    Event::Ended { processor, result } => self.ended(processor, result),
                    Event::Reload => self.reload(),
                    // The end of a run can stand behind it.
                    Event::Stop => is_over = true,
                }
            }
            if is_over {
                break;
            }
        }
        self.stop(inbox);
    }

    /// Looks at the triggers, the clock and the workers.
    fn look(&mut self) {
        let now = (self.clock)();
        if self.settings.lacks.is_some() {
            self.look_for_sources(&now);
        }
        let claims = self.folder.claim(now.wall);
        if !claims.is_empty() {
            self.folder.tidy(now.wall);
        }
        for claim in claims {
            self.stop_on(claim);
        }
        for number in 0..self.slots.len() {
            if let Some((origin, Duration::ZERO)) = self.wait(&self.slots[number], &now) {
                let request = Request::new(origin, &self.settings.login);
                self.start(number, request, &Args::default(), None);
            }
        }
        let is_alive = self.slots.iter_mut().filter_map(|slot| slot.work.as_mut()).all(|work| work.is_alive(&now));
        if is_alive {
            systemd::alive();
        }
        systemd::status(&self.words(&now));
    }

    /// How long a processor that is not at work has to wait for its next run, and why it will run then.
    fn wait(&self, slot: &Slot, now: &Moment) -> Option<(Origin, Duration)> {
        let Settings { config, database, lacks, .. } = &*self.settings;
        if slot.work.is_some() || lacks.is_some() {
            return None;
        }
        let name = slot.plug.name();
        let schedule = config.schedule.get(name)?;
        if slot.is_kept_out {
            let since = slot.last.as_ref().and_then(|last| now.steady.since(&last.started.steady));
            return Some((Origin::Schedule, AGAIN.saturating_sub(since.unwrap_or(AGAIN).saturating_sub(slot.took))));
        }
        if slot.has_backlog {
            return Some((Origin::Schedule, Duration::ZERO));
        }
        let jitter = Md5::digest(format!("{name} {}", database.display()));
        let jitter = Duration::from_millis(u64::from(jitter[0]) * 100);
        let scheduled = schedule.wait(slot.last.as_ref(), now, config.schedule.timezone, jitter);
        let changed = slot.changed.as_ref().filter(|_| (slot.plug.bound)(config) == Bound::Cpu);
        let calm = CALM.max(10 * slot.took);
        let hinted = changed.map(|first| calm.saturating_sub(now.steady.since(&first.steady).unwrap_or(calm)));
        Some(match hinted {
            Some(hinted) if hinted < scheduled => (Origin::Watch, hinted),
            _ => (Origin::Schedule, scheduled),
        })
    }

    /// How long nothing happens by itself.
    fn patience(&self) -> Duration {
        let now = (self.clock)();
        let waits = self.slots.iter().filter_map(|slot| Some(self.wait(slot, &now)?.1));
        let tick = systemd::interval()
            .map_or(self.settings.config.daemon.tick, |interval| interval.min(self.settings.config.daemon.tick));
        let unfinished = self.folder.has_unfinished(now.wall).then(|| WRITING.to_std().unwrap_or_default());
        waits.chain(unfinished).fold(tick, Duration::min).max(Duration::from_millis(1))
    }

    /// Deals with a trigger.
    fn stop_on(&mut self, claim: Claim) {
        let number = self.slots.iter().position(|slot| slot.plug.name() == claim.processor);
        match (&claim.order, number) {
            (Err(reason), _) => {
                tracing::warn!(trigger = claim.id, requested_by = claim.by, reason, "trigger refused");
                self.answer(&claim, &Answer::Refused(reason));
                if number.is_some() {
                    self.audit(&claim, Error::new(Status::Usage, reason.clone()));
                }
            }
            (Ok(_), Some(_)) if self.settings.lacks.is_some() => {
                let error = Error::new(Status::CannotRun, self.settings.lacks.clone().unwrap_or_default());
                self.answer(&claim, &Answer::Failed(&error));
                self.audit(&claim, error);
            }
            (Ok(order), Some(number)) => match &self.slots[number].work {
                Some(work) => {
                    let holder = Holder::new(work.request.origin.name(), work.since.wall);
                    self.answer(&claim, &Answer::Busy(Some(&holder)));
                    self.audit(&claim, lock::busy(&claim.processor, &holder.to_string()));
                }
                None => {
                    let args = order.args.clone();
                    self.answer(&claim, &Answer::Running);
                    self.start(number, claim.request(), &args, Some(claim));
                }
            },
            // An order is for a processor that there is.
            (Ok(_), None) => {}
        }
    }

    /// Writes down a request that led to no run, in a thread of its own: the database can be held.
    fn audit(&self, claim: &Claim, error: Error) {
        let (settings, request, processor) = (Arc::clone(&self.settings), claim.request(), claim.processor.clone());
        let at = (self.clock)().wall;
        std::thread::spawn(move || {
            let (processors, elapsed) = (&[&*processor][..], Duration::ZERO);
            let broken = Broken { processors, request: &request, at, elapsed, error: &error };
            runs::broken(&settings.database, &broken, AUDIT);
        });
    }

    fn answer(&self, claim: &Claim, answer: &Answer<'_>) {
        if let Err(error) = self.folder.answer(claim, answer, (self.clock)().wall) {
            tracing::warn!(trigger = claim.id, error = error.message, "cannot answer a trigger");
        }
    }

    /// Starts a worker.
    fn start(&mut self, number: usize, request: Request, args: &Args, claim: Option<Claim>) {
        let now = (self.clock)();
        let slot = &mut self.slots[number];
        let config = &self.settings.config;
        let (daemon, bound) = (&config.daemon, (slot.plug.bound)(config));
        let limits = Limits {
            files: args.max_sessions.map(Into::into).or(daemon.files(bound)),
            time: Some(args.budget().ok().flatten().unwrap_or(daemon.budget)),
            ..config.limits()
        };
        slot.changed = None;
        slot.has_backlog = false;
        let run = Run { settings: Arc::clone(&self.settings), plug: slot.plug, request, limits, now };
        slot.work = Some(Work::start(run, claim, self.outbox.clone()));
    }

    /// Notes the end of a run.
    fn ended(&mut self, processor: &str, result: Result<Summary>) {
        let now = (self.clock)();
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.plug.name() == processor) else { return };
        let Some(Work { request, since, claim, .. }) = slot.work.take() else { return };
        slot.took = now.steady.since(&since.steady).unwrap_or_default();
        let config = &self.settings.config;
        let is_limited = config.daemon.files((slot.plug.bound)(config)).is_some();
        let was_kept_out = std::mem::take(&mut slot.is_kept_out);
        let end = match &result {
            Ok(summary) => {
                let [deferred, progress] = summary.processors.iter().fold([0, 0], |[deferred, progress], counts| {
                    [deferred + counts.deferred, progress + counts.processed + counts.skipped]
                });
                slot.has_backlog = !is_limited && !summary.is_stopped && deferred > 0 && progress > 0;
                End::Done
            }
            Err(error) if error.status == Status::Busy => {
                // Another process is doing it, or does something else with the database.
                slot.is_kept_out = error.holder.is_none();
                End::Done
            }
            Err(_) => End::Failed,
        };
        slot.last = Some(LastRun { started: since, end });
        // One that is tried again and again is told once.
        if !(was_kept_out && slot.is_kept_out) {
            work::tell(processor, &request, &result);
        }
        if let Some(claim) = claim {
            self.answer(
                &claim,
                &match &result {
                    Ok(summary) => Answer::Done(summary),
                    Err(error) if error.status == Status::Busy => Answer::Busy(error.holder.as_ref()),
                    Err(error) => Answer::Failed(error),
                },
            );
        }
    }

    fn changed(&mut self) {
        let now = (self.clock)();
        for slot in &mut self.slots {
            slot.changed.get_or_insert_with(|| now.clone());
        }
    }

    /// Takes over a configuration that has changed; what makes no sense leaves everything as it is.
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

    /// Looks whether there are transcripts by now.
    fn look_for_sources(&mut self, now: &Moment) {
        if now.steady.since(&self.read.steady).is_some_and(|since| since < self.settings.config.daemon.tick) {
            return;
        }
        self.read = now.clone();
        match self.configured() {
            Ok(settings) if settings.lacks.is_none() => self.adopt(settings),
            Ok(_) => self.refused = None,
            Err(error) if self.refused.as_ref() != Some(&error.message) => self.refuse(&error),
            Err(_) => {}
        }
    }

    /// The configuration as it is now, for the database that is served.
    fn configured(&self) -> Result<Arc<Settings>> {
        let settings = (self.configure)()?;
        if settings.database.path != self.settings.database.path {
            let message = format!("`{}` is another database, which needs a restart", settings.database.display());
            return Err(Error::new(Status::Config, message).hint("systemctl restart sessionmill"));
        }
        let daemon = &settings.config.daemon;
        Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.database.plugs)?;
        Ok(Arc::new(settings))
    }

    fn refuse(&mut self, error: &Error) {
        let (reason, hint) = (&error.message, error.hint.as_deref());
        tracing::error!(error = reason, hint, "cannot read the configuration again: all stays as it is");
        self.refused = Some(error.message.clone());
    }

    /// Works with these settings from now on. What waits in another folder of triggers is answered there.
    fn adopt(&mut self, settings: Arc<Settings>) {
        self.refused = None;
        let now = (self.clock)();
        let daemon = &settings.config.daemon;
        let folder =
            match Folder::open(&daemon.triggers(&settings.database), &daemon.allow_uids, settings.database.plugs) {
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
            self.stop_on(claim);
        }
        let settings = Arc::clone(&self.settings);
        std::thread::spawn(move || {
            work::say_disabled(&settings, &now);
            work::post(&settings, &now);
            work::renew(&settings, &now);
        });
    }

    /// Says which transcripts it reads, or why none.
    fn say_sources(&self) {
        for source in &self.settings.sources {
            tracing::info!(source = source.name, root = %source.root.display(), layout = %source.layout, "serving");
        }
        if let Some(lacks) = &self.settings.lacks {
            tracing::warn!("{lacks}");
        }
    }

    /// Ends in order: runs commit what they have in hand, and leave the rest.
    fn stop(&mut self, inbox: &Receiver<Event>) {
        systemd::stopping();
        let until = Instant::now() + PATIENCE;
        let at_work = |slot: &Slot| slot.work.is_some();
        self.slots.iter().filter_map(|slot| slot.work.as_ref()).for_each(|work| work.heartbeat.stop());
        while self.slots.iter().any(at_work) {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended { processor, result }) => self.ended(processor, result),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        for slot in self.slots.iter().filter(|slot| at_work(slot)) {
            // What it has committed is kept, and the next run goes on from there.
            tracing::warn!(processor = slot.plug.name(), "a run did not end in time and is left");
        }
    }

    /// What is going on, in a line.
    fn words(&self, now: &Moment) -> String {
        let one = |slot: &Slot| {
            let name = slot.plug.name();
            match (&slot.work, self.wait(slot, now)) {
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
