//! The health of a processor: its state and the reasons. This module reads nothing itself: records, the schedule and
//! the time are arguments.
//!
//! | state | when |
//! | --- | --- |
//! | `failing` | its last run could not be done; no run started in time |
//! | `failing` | a root is missing or frozen; the disk is full |
//! | `warning` | its last run raised an alarm, was killed, or is dated in the future; it lacks what it needs |
//! | `warning` | files failed or have been waiting too long; keys wait to be settled |
//! | `paused` | a server asked for a pause |
//! | `disabled` | it is disabled in the configuration |
//! | `ok` | otherwise, even if no file has changed for a long time |
//!
//! A run on an `every` schedule is late if there is none for twice the interval. A run at a time of day is late half an
//! hour after that time.

use crate::base::error::count;
use crate::base::moment::Moment;
use crate::base::schedule::{LastRun, Schedule};
use crate::base::utc;
use crate::run::pause::Pause;
use crate::store::record::Record;
use crate::store::run::Run;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use std::time::Duration;

/// The state of a processor. Later variants take precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    Disabled,
    Ok,
    Paused,
    Warning,
    Failing,
}

/// The health of a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub state: Condition,
    /// The worst reason first.
    pub reasons: Vec<String>,
    pub next_due: Option<DateTime<Utc>>,
}

/// What the health of a processor follows from.
#[derive(Clone, Debug)]
pub struct HealthInputs<'f> {
    /// `None` if the processor is disabled.
    pub schedule: Option<&'f Schedule>,
    pub zone: Tz,
    pub run_mode: RunMode,
    /// Why it cannot run with this configuration.
    pub lacks: Option<&'f str>,
    pub pause: Option<&'f Pause>,
    /// What is wrong with the sources.
    pub alarms: &'f [String],
    /// Whether a process runs it now, whatever the history says.
    pub is_running: bool,
    /// The last run that started.
    pub last: Option<&'f Run>,
    /// The last run that ended.
    pub over: Option<&'f Run>,
    pub failed: u64,
    pub dead: u64,
    pub unsettled_keys: u64,
    /// Since when the oldest waiting file could have been processed by a run.
    pub oldest_pending: Option<DateTime<Utc>>,
}

impl<'f> HealthInputs<'f> {
    /// What the database knows of the processor. The caller adds what only a look at the sources can tell.
    pub fn of(
        record: &'f Record,
        schedule: Option<&'f Schedule>,
        zone: Tz,
        run_mode: RunMode,
        alarms: &'f [String],
        lacks: Option<&'f str>,
    ) -> Self {
        let [(_, failed), (_, dead), _] = record.failures;
        Self {
            schedule,
            zone,
            run_mode,
            lacks,
            pause: record.pause.as_ref(),
            alarms,
            is_running: false,
            last: record.last.as_ref(),
            over: record.over.as_ref(),
            failed,
            dead,
            unsettled_keys: record.unsettled_keys,
            oldest_pending: None,
        }
    }
}

/// What starts the runs of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// A schedule. A run that does not start in time is late.
    Scheduled,
    /// People, at any time.
    Manual,
}

/// How late a run at a time of day can be: twice the pause after which a failed run is retried.
const LATE: TimeDelta = TimeDelta::minutes(30);

impl Condition {
    pub const ALL: [Self; 5] = [Self::Ok, Self::Disabled, Self::Paused, Self::Warning, Self::Failing];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Disabled => "disabled",
            Self::Paused => "paused",
            Self::Warning => "warning",
            Self::Failing => "failing",
        }
    }
}

impl HealthInputs<'_> {
    /// The health of the processor.
    pub fn health(&self, now: &Moment) -> Health {
        let Some(schedule) = self.schedule else {
            return Health {
                state: Condition::Disabled,
                reasons: vec!["off in the configuration".into()],
                next_due: None,
            };
        };
        if let Some(reason) = self.lacks {
            return Health {
                state: Condition::Warning,
                reasons: vec![format!("cannot run: {reason}")],
                next_due: None,
            };
        }
        let mut findings: Vec<(Condition, String)> = Vec::new();
        let mut find = |state, reason: String| findings.push((state, reason));
        self.alarms.iter().for_each(|alarm| find(Condition::Failing, alarm.clone()));
        if let Some(run) = self.over {
            match (run.error(), &*run.outcome) {
                (Some(message), _) => find(Condition::Failing, format!("the last run could not be done: {message}")),
                (None, "killed") => find(Condition::Warning, "the last run was killed".into()),
                _ => {}
            }
            let new = run.alarms.iter().filter(|alarm| !self.alarms.contains(alarm));
            new.for_each(|alarm| find(Condition::Warning, alarm.clone()));
        }
        if let Some(run) = self.last.filter(|run| run.started_at - now.wall > FUTURE) {
            let when = utc::minute(run.started_at);
            find(
                Condition::Warning,
                format!("the last run is dated {when}, in the future: check the clock, and run again"),
            );
        }
        if let Some(reason) = self.late(schedule, now.wall) {
            find(Condition::Failing, reason);
        }
        if let Some(pause) = self.pause.filter(|pause| pause.holds(now.wall)) {
            find(Condition::Paused, format!("until {}: {}", utc::minute(pause.until), pause.reason));
        }
        if self.dead > 0 {
            find(Condition::Warning, format!("{} given up: sessionmill failures", count(self.dead, "file")));
        }
        if self.failed > 0 {
            find(Condition::Warning, format!("{} failed and will be tried again", count(self.failed, "file")));
        }
        if self.unsettled_keys > 0 {
            let is_cut = self.last.is_some_and(|run| ["stopped", "killed"].contains(&&*run.outcome));
            let why = if is_cut { "left by a run that ended early" } else { "could not be settled" };
            find(Condition::Warning, format!("{} {why}", count(self.unsettled_keys, "key")));
        }
        if let Some(since) = self.oldest_pending.filter(|since| self.waits_in_vain(schedule, *since, now.wall)) {
            find(Condition::Warning, format!("files wait since {}", utc::minute(since)));
        }
        findings.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let state = findings.first().map_or(Condition::Ok, |(state, _)| *state);
        let reasons = findings.into_iter().map(|(_, reason)| reason).collect();
        Health { state, reasons, next_due: self.next_due(schedule, now) }
    }

    /// When the daemon will run it next, if there is a daemon.
    fn next_due(&self, schedule: &Schedule, now: &Moment) -> Option<DateTime<Utc>> {
        if self.run_mode == RunMode::Manual {
            return None;
        }
        let last = self.last.map(|run| LastRun::remembered(run.started_at, run.end(), now));
        let wait = schedule.wait(last.as_ref(), now, self.zone, Duration::ZERO);
        now.wall.checked_add_signed(TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX))
    }

    /// Says so if a run should have started by now.
    fn late(&self, schedule: &Schedule, now: DateTime<Utc>) -> Option<String> {
        if self.run_mode == RunMode::Manual || self.is_running {
            return None;
        }
        let Some(run) = self.last else { return Some("it never ran".into()) };
        if run.is_running() {
            return None;
        }
        let is_late = match schedule.last_due(now, self.zone) {
            None => now - run.ended_at.unwrap_or(run.started_at) > grace(schedule),
            Some(due) => run.started_at < due && now - due > LATE,
        };
        is_late.then(|| format!("no run since {}, although it is due {schedule}", utc::minute(run.started_at)))
    }

    /// Whether a file that existed at the last run is still waiting, for longer than the time between runs.
    fn waits_in_vain(&self, schedule: &Schedule, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let is_running = |run: &Run| self.is_running || run.is_running();
        let is_seen = self.last.is_some_and(|run| !is_running(run) && since < run.started_at);
        is_seen && now - since > grace(schedule)
    }
}

/// A run with a start later than this from now was dated by a wrong clock, so it is unknown when the next run is late.
const FUTURE: TimeDelta = TimeDelta::days(7);

/// How long a processor may go without a run.
fn grace(schedule: &Schedule) -> TimeDelta {
    match schedule {
        Schedule::Every(interval) => TimeDelta::from_std(*interval * 2).unwrap_or(TimeDelta::MAX),
        Schedule::Daily(_) | Schedule::Cron(_) => LATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::moment::Steady;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    fn moment(text: &str) -> Moment {
        Moment { wall: at(text), steady: Steady { boot: None, ns: 0 } }
    }

    fn run(started: &str, ended: &str, outcome: &str) -> Run {
        let (started_at, ended_at) = (at(started), Some(at(ended)).filter(|_| outcome != "running"));
        let (outcome, trigger) = (outcome.to_owned(), "schedule".to_owned());
        Run { run_id: 1, trigger, started_at, ended_at, outcome, ..Run::default() }
    }

    fn facts<'f>(schedule: Option<&'f Schedule>, last: Option<&'f Run>) -> HealthInputs<'f> {
        let (zone, run_mode) = (Tz::Europe__Berlin, RunMode::Scheduled);
        HealthInputs {
            schedule,
            zone,
            run_mode,
            lacks: None,
            pause: None,
            alarms: &[],
            is_running: false,
            last,
            over: last.filter(|run| !run.is_running()),
            failed: 0,
            dead: 0,
            unsettled_keys: 0,
            oldest_pending: None,
        }
    }

    fn health(facts: &HealthInputs<'_>, now: &str) -> (Condition, Vec<String>) {
        let Health { state, reasons, .. } = facts.health(&moment(now));
        (state, reasons)
    }

    const FINE: (Condition, Vec<String>) = (Condition::Ok, Vec::new());

    #[test]
    fn an_interval_is_late_after_twice_its_length() {
        let every = "every 10m".parse().unwrap();
        let run = run("20T03:00", "20T03:01", "done");
        let facts = facts(Some(&every), Some(&run));
        assert_eq!(health(&facts, "20T03:21"), FINE, "an idle night is no alarm");
        let late = "no run since 2026-11-20 03:00 UTC, although it is due every 10m".to_owned();
        assert_eq!(health(&facts, "20T03:22"), (Condition::Failing, vec![late]));
        assert_eq!(health(&HealthInputs { run_mode: RunMode::Manual, ..facts }, "29T03:22"), FINE);
    }

    #[test]
    fn a_long_run_is_not_late_and_neither_is_what_follows_it() {
        let every = "every 10m".parse().unwrap();
        let running = run("20T03:00", "20T03:00", "running");
        assert_eq!(health(&facts(Some(&every), Some(&running)), "20T09:00"), FINE);
        let done = run("20T03:00", "20T09:00", "done");
        assert_eq!(health(&facts(Some(&every), Some(&done)), "20T09:20"), FINE);
    }

    #[test]
    fn a_run_that_has_not_written_anything_yet_is_not_late() {
        let every = "every 10m".parse().unwrap();
        let done = run("20T03:00", "20T03:00", "done");
        let facts = HealthInputs { oldest_pending: Some(at("20T02:00")), ..facts(Some(&every), Some(&done)) };
        assert_eq!(health(&facts, "20T09:00").0, Condition::Failing);
        assert_eq!(health(&HealthInputs { is_running: true, ..facts.clone() }, "20T09:00"), FINE);
        assert_eq!(health(&HealthInputs { is_running: true, last: None, ..facts }, "20T09:00"), FINE);
    }

    #[test]
    fn a_time_of_day_is_late_half_an_hour_after_it() {
        // 05:00 in Berlin is 04:00 UTC.
        let daily = "daily 05:00".parse().unwrap();
        let yesterday = run("19T04:00", "19T04:01", "done");
        let facts_of = |run| facts(Some(&daily), Some(run));
        assert_eq!(health(&facts_of(&yesterday), "20T03:59"), FINE);
        assert_eq!(health(&facts_of(&yesterday), "20T04:30"), FINE);
        let late = "no run since 2026-11-19 04:00 UTC, although it is due daily 05:00".to_owned();
        assert_eq!(health(&facts_of(&yesterday), "20T04:31"), (Condition::Failing, vec![late]));
        let today = run("20T04:00", "20T04:01", "done");
        assert_eq!(health(&facts_of(&today), "21T03:59"), FINE);
        assert_eq!(facts_of(&today).health(&moment("20T12:00")).next_due, Some(at("21T04:00")));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_late() {
        let run = run("25T04:00", "25T04:01", "done");
        for schedule in ["every 10m", "daily 05:00"] {
            assert_eq!(health(&facts(schedule.parse().ok().as_ref(), Some(&run)), "20T04:31"), FINE, "{schedule}");
        }
    }

    #[test]
    fn a_run_of_the_far_future_does_not_pass_for_a_fresh_one() {
        let wrong = Run { started_at: at("20T04:31") + TimeDelta::days(3650), ..run("25T04:00", "25T04:01", "done") };
        let reason = "the last run is dated 2036-11-17 04:31 UTC, in the future: check the clock, and run again";
        for schedule in ["every 10m", "daily 05:00"] {
            let judged = health(&facts(schedule.parse().ok().as_ref(), Some(&wrong)), "20T04:31");
            assert_eq!(judged, (Condition::Warning, vec![reason.to_owned()]), "{schedule}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_the_worst_first() {
        let every = "every 10m".parse().unwrap();
        let broken = Run { message: Some("no disk".into()), ..run("20T03:00", "20T03:00", "failed") };
        let pause = Pause { until: at("20T04:00"), strikes: 1, reason: "429".into(), server: String::new() };
        let alarms = ["the root is missing".to_owned()];
        let facts = HealthInputs {
            pause: Some(&pause),
            alarms: &alarms,
            failed: 1,
            dead: 2,
            unsettled_keys: 3,
            oldest_pending: Some(at("20T02:00")),
            ..facts(Some(&every), Some(&broken))
        };
        let reasons = [
            "the root is missing",
            "the last run could not be done: no disk",
            "2 files given up: sessionmill failures",
            "1 file failed and will be tried again",
            "3 keys could not be settled",
            "files wait since 2026-11-20 02:00 UTC",
            "until 2026-11-20 04:00 UTC: 429",
        ];
        assert_eq!(health(&facts, "20T03:05"), (Condition::Failing, reasons.map(str::to_owned).into()));
    }

    #[test]
    fn each_state_has_its_cause() {
        let every: Schedule = "every 10m".parse().unwrap();
        let done = run("20T03:00", "20T03:00", "done");
        let fine = facts(Some(&every), Some(&done));
        let state = |facts: &HealthInputs<'_>| health(facts, "20T03:05").0;
        let pause = Pause { until: at("20T03:06"), strikes: 1, reason: "429".into(), server: String::new() };
        assert_eq!(state(&HealthInputs { pause: Some(&pause), ..fine.clone() }), Condition::Paused);
        let over = Pause { until: at("20T03:05"), ..pause };
        assert_eq!(state(&HealthInputs { pause: Some(&over), ..fine.clone() }), Condition::Ok);
        assert_eq!(state(&HealthInputs { dead: 1, ..fine.clone() }), Condition::Warning);
        assert_eq!(state(&HealthInputs { last: None, ..fine.clone() }), Condition::Failing);
        assert_eq!(state(&HealthInputs { last: None, run_mode: RunMode::Manual, ..fine.clone() }), Condition::Ok);
        let killed = run("20T03:00", "20T03:00", "killed");
        assert_eq!(
            state(&HealthInputs { last: Some(&killed), over: Some(&killed), ..fine.clone() }),
            Condition::Warning
        );
        let stopped = run("20T03:00", "20T03:00", "stopped");
        assert_eq!(state(&HealthInputs { last: Some(&stopped), ..fine.clone() }), Condition::Ok);
        let left = HealthInputs { last: Some(&stopped), over: Some(&stopped), unsettled_keys: 1, ..fine.clone() };
        let reason = "1 key left by a run that ended early".to_owned();
        assert_eq!(health(&left, "20T03:05"), (Condition::Warning, vec![reason]));
        let off = HealthInputs { schedule: None, last: None, ..fine.clone() };
        assert_eq!(health(&off, "29T03:05"), (Condition::Disabled, vec!["off in the configuration".to_owned()]));
        let keyless = HealthInputs { lacks: Some("no key"), last: None, ..fine };
        assert_eq!(health(&keyless, "29T03:05"), (Condition::Warning, vec!["cannot run: no key".to_owned()]));
    }

    #[test]
    fn an_alarm_of_the_last_run_is_told_until_a_run_raises_none() {
        let every: Schedule = "every 10m".parse().unwrap();
        let alarms = ["cannot list `ada`".to_owned(), "the root is empty".to_owned()];
        let message = Some(alarms.join("; "));
        let alarmed = Run { message, alarms: alarms.into(), ..run("20T03:00", "20T03:01", "failed") };
        let told = |reasons: &[&str]| reasons.iter().map(|reason| (*reason).to_owned()).collect::<Vec<_>>();
        let facts = facts(Some(&every), Some(&alarmed));
        let both = told(&["cannot list `ada`", "the root is empty"]);
        assert_eq!(health(&facts, "20T03:05"), (Condition::Warning, both.clone()));
        let of_source = ["the root is empty".to_owned()];
        let known = HealthInputs { alarms: &of_source, ..facts.clone() };
        assert_eq!(health(&known, "20T03:05"), (Condition::Failing, told(&["the root is empty", "cannot list `ada`"])));
        let running = run("20T03:10", "20T03:10", "running");
        let next = HealthInputs { last: Some(&running), ..facts.clone() };
        assert_eq!(health(&next, "20T03:11"), (Condition::Warning, both), "while the next one runs");
        let done = run("20T03:10", "20T03:11", "done");
        assert_eq!(health(&HealthInputs { last: Some(&done), over: Some(&done), ..facts.clone() }, "20T03:15"), FINE);
        // This run has done its work, and the next run comes when it is due.
        assert_eq!(facts.health(&moment("20T03:05")).next_due, Some(at("20T03:10")));
    }

    #[test]
    fn files_wait_in_vain_if_a_run_has_left_them_for_long() {
        let every: Schedule = "every 10m".parse().unwrap();
        let done = run("20T03:00", "20T03:00", "done");
        let state = |since: &str, now: &str| {
            health(&HealthInputs { oldest_pending: Some(at(since)), ..facts(Some(&every), Some(&done)) }, now).0
        };
        assert_eq!(state("20T02:50", "20T03:05"), Condition::Ok, "not for long");
        assert_eq!(state("20T02:44", "20T03:05"), Condition::Warning);
        assert_eq!(state("20T03:01", "20T03:19"), Condition::Ok, "no run has seen it");
    }
}
