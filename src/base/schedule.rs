//! When a processor is due: `every 10m`, `daily 05:00,17:00` or `cron 15 3 * * 1-5`.
//!
//! Pure: the present time and the last run are arguments. Intervals are measured on the steady clock, which nobody can
//! set. Times of day follow the wall clock, in a time zone.
//!
//! What happens on the two days a year on which the clock changes:
//!
//! | due at | clock goes forward, past the due time | clock goes back, so the due time comes twice |
//! | --- | --- | --- |
//! | a time of day | at the first instant after the gap | the first time only |
//! | a cron whose minute or hour begins with `*` | not at all | both times |
//!
//! For example, in Berlin on 29 March 2026 the clock goes from 02:00 to 03:00: `daily 02:30` is due at 03:00.

use crate::base::duration;
use crate::base::moment::Moment;
use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When a processor is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// This long after the start of the last run.
    Every(Duration),
    /// At these times of every day, in ascending order.
    Daily(Vec<NaiveTime>),
    /// A cron expression as in crontab(5).
    Cron(Box<Cron>),
}

/// The last run of a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    pub started: Moment,
    pub end: End,
}

/// How a run ended, where that matters for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It finished. Files that failed are retried by rules of their own.
    Done,
    /// It could not start, or broke off.
    Failed,
}

/// A failed run is retried this long after its start, instead of at the next time of day or after an interval of a day
/// or more.
const RETRY: Duration = Duration::from_secs(900);

const DAY: Duration = Duration::from_secs(86_400);

/// Later than every due time.
const NEVER: DateTime<Utc> = match DateTime::from_timestamp(250_000_000_000, 0) {
    Some(never) => never,
    None => DateTime::<Utc>::MAX_UTC,
};

/// The longest delay added to a run, so that not all processors start at once.
const JITTER: Duration = Duration::from_secs(30);

impl LastRun {
    /// A run of which only the wall clock's time is known, as seen now. If that time is in the future, a clock was
    /// wrong, then or now; the run counts as started just now.
    pub fn remembered(started: DateTime<Utc>, end: End, now: &Moment) -> Self {
        let ago = (now.wall - started).max(TimeDelta::zero());
        let mut started = now.clone();
        started.wall -= ago;
        started.steady.ns = started.steady.ns.saturating_sub(ago.num_nanoseconds().unwrap_or(i64::MAX));
        Self { started, end }
    }

    /// Time since the run started.
    fn age(&self, now: &Moment) -> Duration {
        let by_wall = || (now.wall - self.started.wall).to_std().unwrap_or_default();
        now.steady.since(&self.started.steady).unwrap_or_else(by_wall)
    }
}

impl Schedule {
    /// The time from now until the next run is due; zero if it is due. Several missed times are made up for by one run.
    /// `jitter` is limited to a tenth of the interval and to 30 s.
    pub fn wait(&self, last: Option<&LastRun>, now: &Moment, zone: Tz, jitter: Duration) -> Duration {
        let Some(last) = last else { return Duration::ZERO };
        let age = last.age(now);
        let (due, interval) = match self {
            Self::Every(interval) => (*interval, *interval),
            Self::Daily(_) | Self::Cron(_) => {
                // If the wall clock was set back since, the stored start is too late by its present reading; the age is
                // not.
                let started = last.started.wall.min(now.wall - age);
                let next = self.next(started, zone);
                let after = self.next(next, zone) - next;
                let due = (next - now.wall + TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX)).to_std();
                (due.unwrap_or_default(), after.to_std().unwrap_or_default())
            }
        };
        let is_soon = matches!(self, Self::Every(interval) if *interval < DAY);
        let due = if last.end == End::Failed && !is_soon { due.min(RETRY) } else { due };
        (due + jitter.min(interval / 10).min(JITTER)).saturating_sub(age)
    }

    /// How long before its due time a processor may join the run of another one: at most as long as jitter could delay
    /// it. Zero for times of day: a run before such a time would not count for it, so the processor would run again.
    pub fn slack(&self) -> Duration {
        match self {
            Self::Every(interval) => (*interval / 10).min(JITTER),
            Self::Daily(_) | Self::Cron(_) => Duration::ZERO,
        }
    }

    /// The first due time after an instant.
    pub fn next(&self, after: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::Every(interval) => {
                let interval = TimeDelta::from_std(*interval).unwrap_or(TimeDelta::MAX);
                after.checked_add_signed(interval).unwrap_or(NEVER)
            }
            Self::Cron(cron) if runs_by_the_clock(cron) => {
                let next = cron.find_next_occurrence(&after.with_timezone(&zone), false);
                next.map_or(NEVER, |next| next.to_utc())
            }
            Self::Daily(_) | Self::Cron(_) => {
                let mut local = after.with_timezone(&zone).naive_local();
                while let Some(next) = self.local_from(local) {
                    let instant = instant(next, zone);
                    if instant > after {
                        return instant;
                    }
                    local = next + TimeDelta::minutes(1);
                }
                NEVER
            }
        }
    }

    /// The last due time up to an instant. `None` for intervals, which have no fixed times, and for a cron that was
    /// never due before.
    pub fn last_due(&self, now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(_) => None,
            Self::Cron(cron) if runs_by_the_clock(cron) => {
                let last = cron.find_previous_occurrence(&now.with_timezone(&zone), true);
                last.ok().map(|last| last.to_utc())
            }
            Self::Daily(_) | Self::Cron(_) => {
                // Where the clock was set back, a later local time can be an earlier instant.
                let mut local = now.with_timezone(&zone).naive_local() + DAY;
                while let Some(last) = self.local_until(local) {
                    let instant = instant(last, zone);
                    if instant <= now {
                        return Some(instant);
                    }
                    local = last - TimeDelta::minutes(1);
                }
                None
            }
        }
    }

    /// The first due local time, at or after the given one.
    fn local_from(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Every(_) => None,
            Self::Cron(cron) => cron.find_next_occurrence(&local, true).ok(),
            Self::Daily(times) => {
                let today = times.iter().find(|time| **time >= local.time()).map(|time| local.date().and_time(*time));
                today.or_else(|| Some(local.date().checked_add_days(Days::new(1))?.and_time(*times.first()?)))
            }
        }
    }

    /// The last due local time, at or before the given one.
    fn local_until(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Every(_) => None,
            Self::Cron(cron) => cron.find_previous_occurrence(&local, true).ok(),
            Self::Daily(times) => {
                let mut times = times.iter().rev();
                let latest = times.clone().next()?;
                let today = times.find(|time| **time <= local.time()).map(|time| local.date().and_time(*time));
                today.or_else(|| Some(local.date().checked_sub_days(Days::new(1))?.and_time(*latest)))
            }
        }
    }
}

/// The instant of a local time: the first of the two where it occurs twice, the end of the gap where it does not exist.
fn instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let known = zone.from_local_datetime(&local).earliest();
    let known = known.or_else(|| GapInfo::new(&local, &zone)?.end);
    known.map_or_else(|| local.and_utc(), |instant| instant.to_utc())
}

/// Whether a cron is meant as an interval, such as `*/5 * * * *`. Such a cron keeps its pace while the clock changes.
fn runs_by_the_clock(cron: &Cron) -> bool {
    cron.as_str().split(' ').take(2).any(|field| field.starts_with('*'))
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
        match kind {
            "every" => every(rest.trim()).map(Self::Every),
            "daily" => daily(rest).map(Self::Daily),
            "cron" => cron(rest).map(|cron| Self::Cron(Box::new(cron))),
            _ => Err("expected `every 10m`, `daily 05:00,17:00` or `cron 15 3 * * 1-5`".to_owned()),
        }
    }
}

/// Parses an interval. The unit is required: a bare number could mean seconds or minutes.
fn every(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected a unit: `every {text}m` for minutes, `every {text}s` for seconds"));
    }
    duration::parse(text).map_err(|expected| format!("expected {expected}"))
}

fn daily(text: &str) -> Result<Vec<NaiveTime>, String> {
    let time = |text: &str| {
        let time = NaiveTime::parse_from_str(text.trim(), "%H:%M");
        time.map_err(|_| format!("`{}` is not a time of day such as 05:00", text.trim()))
    };
    let mut times = text.split(',').map(time).collect::<Result<Vec<_>, _>>()?;
    times.sort();
    times.dedup();
    Ok(times)
}

const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

fn cron(text: &str) -> Result<Cron, String> {
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!("a cron has five fields, not {}: {}", fields.len(), FIELDS.join(", ")));
    }
    // As in crontab(5): if one of the two day fields starts with a star, a day must match both fields; otherwise one is
    // enough.
    let is_starred = [fields[2], fields[4]].iter().any(|field| field.starts_with('*'));
    let parser =
        CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).dom_and_dow(is_starred).build();
    for (position, name) in FIELDS.iter().enumerate() {
        let mut alone = ["*"; FIELDS.len()];
        alone[position] = fields[position];
        if fields[position].split(',').any(str::is_empty) || parser.parse(&alone.join(" ")).is_err() {
            return Err(format!("`{}` is not a valid {name} for a cron", fields[position]));
        }
    }
    let text = fields.join(" ");
    let cron = parser.parse(&text).map_err(|_| format!("`{text}` is not a valid cron"))?;
    match cron.find_next_occurrence(&NaiveDateTime::default(), true) {
        Ok(_) => Ok(cron),
        Err(_) => Err(format!("`{text}` is never due: there is no such day")),
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(interval) => write!(f, "every {}", duration::text(*interval)),
            Self::Daily(times) => {
                let times: Vec<_> = times.iter().map(|time| time.format("%H:%M").to_string()).collect();
                write!(f, "daily {}", times.join(","))
            }
            Self::Cron(cron) => write!(f, "cron {cron}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::moment::Steady;
    use chrono_tz::America::New_York;
    use chrono_tz::Australia::Lord_Howe;
    use chrono_tz::Europe::Berlin;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    fn time(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    /// The next due times. Also checks that the same ones are found backwards from the last.
    fn course(text: &str, zone: Tz, after: &str, times: usize) -> Vec<String> {
        let schedule = schedule(text);
        let mut due = vec![time(after)];
        for _ in 0..times {
            due.push(schedule.next(due[due.len() - 1], zone));
        }
        for pair in due[1..].windows(2) {
            let last = |now| schedule.last_due(now, zone);
            assert_eq!(last(pair[1]), Some(pair[1]), "{text}: a due time is the last one at its own instant");
            assert_eq!(
                last(pair[1] - TimeDelta::nanoseconds(1)),
                Some(pair[0]),
                "{text}: between two, it is the first"
            );
            assert_eq!(schedule.next(pair[1] - TimeDelta::nanoseconds(1), zone), pair[1]);
        }
        due[1..].iter().map(|due| due.format("%Y-%m-%dT%H:%M").to_string()).collect()
    }

    #[test]
    fn a_schedule_is_written_in_one_way() {
        for (text, written) in [
            ("every 600s", "every 10m"),
            ("  every   90s ", "every 90s"),
            ("every 36h", "every 36h"),
            ("daily 17:00, 5:00,17:00", "daily 05:00,17:00"),
            ("cron 15  3 * * 1-5", "cron 15 3 * * 1-5"),
            ("cron 0 0 1 jan,jul MON", "cron 0 0 1 1,7 1"),
        ] {
            assert_eq!(schedule(text).to_string(), written);
            assert_eq!(schedule(written), schedule(text));
        }
    }

    #[test]
    fn an_invalid_schedule_is_refused_and_its_wrong_part_named() {
        let kinds = "expected `every 10m`, `daily 05:00,17:00` or `cron 15 3 * * 1-5`";
        let a_time = "expected a time such as 150s, 5m or 1h";
        for (text, reason) in [
            ("", kinds),
            ("hourly", kinds),
            ("10m", kinds),
            ("every", a_time),
            ("every 0m", a_time),
            ("every 10", "expected a unit: `every 10m` for minutes, `every 10s` for seconds"),
            ("every   600 ", "expected a unit: `every 600m` for minutes, `every 600s` for seconds"),
            ("every 0", "expected a unit: `every 0m` for minutes, `every 0s` for seconds"),
            ("every 10 minutes", a_time),
            ("every day", a_time),
            ("daily", "`` is not a time of day such as 05:00"),
            ("daily 05:00,", "`` is not a time of day such as 05:00"),
            ("daily 24:00", "`24:00` is not a time of day such as 05:00"),
            ("daily 5", "`5` is not a time of day such as 05:00"),
            ("cron * * * *", "a cron has five fields, not 4: minute, hour, day of the month, month, day of the week"),
            (
                "cron 0 0 0 * * *",
                "a cron has five fields, not 6: minute, hour, day of the month, month, day of the week",
            ),
            ("cron @daily", "a cron has five fields, not 1: minute, hour, day of the month, month, day of the week"),
            ("cron 60 * * * *", "`60` is not a valid minute for a cron"),
            ("cron 0 24 * * *", "`24` is not a valid hour for a cron"),
            ("cron 0 0 0 * *", "`0` is not a valid day of the month for a cron"),
            ("cron 0 0 * 13 *", "`13` is not a valid month for a cron"),
            ("cron 0 0 * * 8", "`8` is not a valid day of the week for a cron"),
            ("cron 0 0 * * mittwoch", "`mittwoch` is not a valid day of the week for a cron"),
            ("cron */0 * * * *", "`*/0` is not a valid minute for a cron"),
            ("cron 1,,2 * * * *", "`1,,2` is not a valid minute for a cron"),
            ("cron 50-10 * * * *", "`50-10` is not a valid minute for a cron"),
            ("cron 0 0 30 2 *", "`0 0 30 2 *` is never due: there is no such day"),
            ("cron 0 0 31 4,6,9,11 *", "`0 0 31 4,6,9,11 *` is never due: there is no such day"),
        ] {
            assert_eq!(text.parse::<Schedule>(), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn times_of_day_follow_each_other_over_midnight_and_leap_days() {
        assert_eq!(
            course("daily 05:00,17:00", Tz::UTC, "2026-12-31T05:00", 3),
            ["2026-12-31T17:00", "2027-01-01T05:00", "2027-01-01T17:00"]
        );
        assert_eq!(
            course("daily 00:00", Tz::UTC, "2028-02-28T00:00", 3),
            ["2028-02-29T00:00", "2028-03-01T00:00", "2028-03-02T00:00"]
        );
        assert_eq!(course("daily 00:00", Berlin, "2026-01-01T00:00", 2), ["2026-01-01T23:00", "2026-01-02T23:00"]);
        assert_eq!(
            course("cron 59 23 28-29 2 *", Tz::UTC, "2027-03-01T00:00", 3),
            ["2028-02-28T23:59", "2028-02-29T23:59", "2029-02-28T23:59"]
        );
        assert_eq!(
            course("cron 0 12 29 2 *", Tz::UTC, "2026-01-01T00:00", 2),
            ["2028-02-29T12:00", "2032-02-29T12:00"]
        );
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_first_instant_after_the_gap() {
        assert_eq!(
            course("daily 02:30", Berlin, "2026-03-28T00:00", 3),
            ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]
        );
        assert_eq!(course("daily 02:30", New_York, "2026-03-07T12:00", 2), ["2026-03-08T07:00", "2026-03-09T06:30"]);
        assert_eq!(course("daily 02:10", Lord_Howe, "2026-10-03T00:00", 2), ["2026-10-03T15:30", "2026-10-04T15:10"]);
        assert_eq!(course("cron 30 2 * * *", Berlin, "2026-03-28T02:00", 2), ["2026-03-29T01:00", "2026-03-30T00:30"]);
        assert_eq!(
            course("cron 0,30 2,14 * * *", Berlin, "2026-03-28T13:30", 3),
            ["2026-03-29T01:00", "2026-03-29T12:00", "2026-03-29T12:30"],
            "several missing times are one"
        );
        assert_eq!(
            course("daily 02:30,03:00", Berlin, "2026-03-28T03:00", 2),
            ["2026-03-29T01:00", "2026-03-30T00:30"]
        );
    }

    #[test]
    fn a_time_that_exists_twice_is_due_the_first_time() {
        assert_eq!(course("daily 02:30", Berlin, "2026-10-24T12:00", 2), ["2026-10-25T00:30", "2026-10-26T01:30"]);
        assert_eq!(course("daily 01:30", New_York, "2026-10-31T12:00", 2), ["2026-11-01T05:30", "2026-11-02T06:30"]);
        assert_eq!(course("daily 01:45", Lord_Howe, "2026-04-03T16:00", 2), ["2026-04-04T14:45", "2026-04-05T15:15"]);
        assert_eq!(
            course("daily 02:10,02:50", Berlin, "2026-10-25T00:10", 2),
            ["2026-10-25T00:50", "2026-10-26T01:10"]
        );
        assert_eq!(course("cron 30 2 * * *", Berlin, "2026-10-24T12:00", 2), ["2026-10-25T00:30", "2026-10-26T01:30"]);
    }

    #[test]
    fn a_starred_cron_goes_on_while_the_clock_is_changed() {
        assert_eq!(
            course("cron */30 * * * *", Berlin, "2026-10-25T00:00", 4),
            ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30", "2026-10-25T02:00"]
        );
        assert_eq!(
            course("cron */30 * * * *", Berlin, "2026-03-29T00:00", 3),
            ["2026-03-29T00:30", "2026-03-29T01:00", "2026-03-29T01:30"]
        );
        assert_eq!(
            course("cron 15 * * * *", New_York, "2026-11-01T05:00", 3),
            ["2026-11-01T05:15", "2026-11-01T06:15", "2026-11-01T07:15"]
        );
        assert_eq!(
            course("cron */20 1-2 * * *", Berlin, "2026-03-29T00:20", 2),
            ["2026-03-29T00:40", "2026-03-29T23:00"],
            "no hour two"
        );
        assert_eq!(
            course("cron */15 * * * *", Lord_Howe, "2026-04-04T14:45", 3),
            ["2026-04-04T15:00", "2026-04-04T15:15", "2026-04-04T15:30"]
        );
    }

    #[test]
    fn days_of_a_cron_are_either_of_two_or_both_if_one_has_a_star() {
        // 13 February and 13 March 2026 are Fridays.
        assert_eq!(
            course("cron 0 0 13 * 5", Tz::UTC, "2026-02-06T00:00", 4),
            ["2026-02-13T00:00", "2026-02-20T00:00", "2026-02-27T00:00", "2026-03-06T00:00"]
        );
        assert_eq!(
            course("cron 0 0 15 * 0", Tz::UTC, "2026-03-08T00:00", 3),
            ["2026-03-15T00:00", "2026-03-22T00:00", "2026-03-29T00:00"]
        );
        assert_eq!(course("cron 0 0 10 * 7", Tz::UTC, "2026-03-08T00:00", 2), ["2026-03-10T00:00", "2026-03-15T00:00"]);
        assert_eq!(course("cron 0 0 13 * *", Tz::UTC, "2026-02-06T00:00", 2), ["2026-02-13T00:00", "2026-03-13T00:00"]);
        assert_eq!(course("cron 0 0 * * 5", Tz::UTC, "2026-02-06T00:00", 2), ["2026-02-13T00:00", "2026-02-20T00:00"]);
        assert_eq!(
            course("cron 0 0 */2 * fri", Tz::UTC, "2026-02-06T00:00", 3),
            ["2026-02-13T00:00", "2026-02-27T00:00", "2026-03-13T00:00"]
        );
        assert_eq!(
            course("cron 0 0 1-31 * 5", Tz::UTC, "2026-02-06T00:00", 2),
            ["2026-02-07T00:00", "2026-02-08T00:00"]
        );
        assert_eq!(
            course("cron 15 3 * * 1-5", Tz::UTC, "2026-11-20T00:00", 3),
            ["2026-11-20T03:15", "2026-11-23T03:15", "2026-11-24T03:15"]
        );
    }

    #[test]
    fn fractions_of_a_second_miss_nothing() {
        let minutely = schedule("cron * * * * *");
        let just = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(minutely.next(just("2026-01-01T00:00:59.999Z"), Tz::UTC), just("2026-01-01T00:01:00Z"));
        assert_eq!(minutely.next(just("2026-01-01T00:01:00.001Z"), Tz::UTC), just("2026-01-01T00:02:00Z"));
        assert_eq!(minutely.last_due(just("2026-01-01T00:01:00.001Z"), Tz::UTC), Some(just("2026-01-01T00:01:00Z")));
        let daily = schedule("daily 05:00");
        assert_eq!(daily.next(just("2026-01-01T04:59:59.999Z"), Tz::UTC), just("2026-01-01T05:00:00Z"));
        assert_eq!(daily.next(just("2026-01-01T05:00:00.001Z"), Tz::UTC), just("2026-01-02T05:00:00Z"));
        assert_eq!(schedule("every 10m").last_due(just("2026-01-01T05:00:00Z"), Tz::UTC), None);
    }

    fn moment(wall: &str, seconds: i64) -> Moment {
        Moment { wall: time(wall), steady: Steady { boot: Some("boot".into()), ns: seconds * 1_000_000_000 } }
    }

    /// The seconds to wait after a run.
    fn wait(text: &str, started: &Moment, end: End, now: &Moment) -> u64 {
        let last = LastRun { started: started.clone(), end };
        schedule(text).wait(Some(&last), now, Tz::UTC, Duration::ZERO).as_secs()
    }

    #[test]
    fn a_processor_that_never_ran_is_due_and_missed_times_are_one_run() {
        let now = moment("2026-01-01T12:00", 0);
        for text in ["every 10m", "daily 05:00", "cron 0 5 * * *"] {
            assert_eq!(schedule(text).wait(None, &now, Tz::UTC, JITTER), Duration::ZERO);
            let (long_ago, later) = (moment("2025-12-01T12:00", -31 * 86_400), moment("2026-01-01T12:01", 60));
            assert_eq!(wait(text, &long_ago, End::Done, &now), 0);
            assert!(wait(text, &now, End::Done, &later) > 0, "{text}: once is enough");
        }
    }

    #[test]
    fn intervals_do_not_see_the_wall_clock_move() {
        let started = moment("2026-01-01T12:00", 0);
        for wall in ["2026-01-01T12:04", "2025-01-01T12:00", "2027-01-01T12:00"] {
            assert_eq!(wait("every 10m", &started, End::Done, &moment(wall, 240)), 360, "{wall}");
            assert_eq!(wait("every 10m", &started, End::Done, &moment(wall, 700)), 0, "{wall}");
        }
        // After a restart of the machine, only the wall clock is comparable.
        let other = |wall| Moment { steady: Steady { boot: Some("other".into()), ns: 0 }, ..moment(wall, 0) };
        assert_eq!(wait("every 10m", &started, End::Done, &other("2026-01-01T12:04")), 360);
        assert_eq!(wait("every 10m", &started, End::Done, &other("2025-01-01T12:00")), 600);
    }

    #[test]
    fn times_of_day_follow_the_wall_clock_where_it_is_set_to() {
        let started = moment("2026-06-01T05:00", 0);
        let hour = 3600;
        let wait = |wall, seconds| wait("daily 05:00", &started, End::Done, &moment(wall, seconds));
        assert_eq!(wait("2026-06-01T06:00", hour), 23 * 3600);
        assert_eq!(wait("2027-06-01T06:00", hour), 0, "forward by a year: a time of day has passed");
        assert_eq!(wait("2025-06-01T06:00", hour), 23 * 3600, "back by a year: it ran an hour ago all the same");
        assert_eq!(wait("2025-06-02T04:59", hour + 22 * 3600 + 59 * 60), 60);
        assert_eq!(wait("2025-06-02T05:00", hour + 23 * 3600), 0, "and is due at its time there");
    }

    #[test]
    fn a_remembered_run_of_the_future_began_just_now() {
        let now = moment("2026-01-01T12:00", 1000);
        let remembered = |wall| LastRun::remembered(time(wall), End::Done, &now);
        assert_eq!(remembered("2027-01-01T12:00").started, now);
        assert_eq!(remembered("2026-01-01T11:50").started, moment("2026-01-01T11:50", 400));
        let last = remembered("2027-01-01T12:00");
        let wait = |now| schedule("every 10m").wait(Some(&last), now, Tz::UTC, Duration::ZERO).as_secs();
        assert_eq!(
            (wait(&now), wait(&moment("2026-01-01T12:09", 1540)), wait(&moment("2026-01-01T12:10", 1600))),
            (600, 60, 0)
        );
    }

    #[test]
    fn a_failed_run_is_tried_again_on_the_same_day_and_no_sooner_than_its_interval() {
        let started = moment("2026-01-01T05:00", 0);
        let wait = |text, end| wait(text, &started, end, &moment("2026-01-01T05:00", 0));
        for (text, done, failed) in [
            ("every 10m", 600, 600),
            ("every 6h", 21_600, 21_600),
            ("every 1d", 86_400, 900),
            ("daily 05:00", 86_400, 900),
            ("daily 05:00,05:10", 600, 600),
            ("cron 0 5 1 * *", 31 * 86_400, 900),
        ] {
            assert_eq!((wait(text, End::Done), wait(text, End::Failed)), (done, failed), "{text}");
        }
    }

    #[test]
    fn jitter_is_a_tenth_of_the_interval_and_half_a_minute_at_most() {
        let now = moment("2026-01-01T05:00", 0);
        let last = LastRun { started: now.clone(), end: End::Done };
        let wait =
            |text, jitter| schedule(text).wait(Some(&last), &now, Tz::UTC, Duration::from_secs(jitter)).as_secs();
        assert_eq!([0, 7, 100].map(|jitter| wait("every 10m", jitter)), [600, 607, 630]);
        assert_eq!([7, 100].map(|jitter| wait("every 100s", jitter)), [107, 110]);
        assert_eq!([7, 100].map(|jitter| wait("daily 05:00", jitter)), [86_407, 86_430]);
        assert_eq!(wait("cron * * * * *", 100), 66);
    }
}
