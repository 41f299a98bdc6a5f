//! Active time: the time between responses, without pauses longer than [`LONG`].
//!
//! The work of a person is divided into *stretches*: five minutes, with the times of the first and last response in
//! them. Five minutes cannot contain a long pause, so only the pauses between stretches need to be looked at. For
//! example, responses at 10:00, 10:03, 10:08 and 10:30 are three stretches: 10:00 to 10:03, 10:08, and 10:30. The
//! active time is 3 + 5 minutes; the pause of 22 minutes does not count.
//!
//! A pause belongs to the day on which it ends. Where a report is about some days, the responses of the ten minutes
//! before the first day are read, too: they have no active time of their own, but a pause can begin with them.
//!
//! The database reduces responses to stretches, and the stretches are sorted here. This takes a third of the time that
//! window functions take.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::period::{has_whole_days, has_whole_hours};
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::usage::sums::{Responses, SECONDS};
use crate::store::reader::{Param, Reader};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use std::collections::HashMap;

/// What active time is grouped by: SQL expressions, and what is joined with the responses to evaluate them.
pub(super) struct Whose<'w> {
    pub(super) who: &'w str,
    /// An expression that divides the work of a person, such as the project.
    pub(super) part: Option<&'w str>,
    pub(super) join: &'w str,
    pub(super) params: &'w [Param],
}

/// The work of a person in five minutes: the times of the first and the last response, in microseconds since 1970.
#[derive(Clone, Copy)]
struct Stretch {
    number: i64,
    first: i64,
    last: i64,
}

/// The work of all people, by person and part. Both are indexes of names.
#[derive(Default)]
pub(super) struct Work {
    names: Names,
    parts: Names,
    stretches: HashMap<(usize, Option<usize>), Vec<Stretch>>,
    /// The number of the first stretch with active time. In those before it, a pause can begin.
    first: Option<i64>,
}

#[derive(Default)]
struct Names {
    all: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Names {
    fn number(&mut self, name: &str) -> usize {
        self.numbers.get(name).copied().unwrap_or_else(|| {
            self.all.push(name.to_owned());
            self.numbers.insert(name.to_owned(), self.all.len() - 1);
            self.all.len() - 1
        })
    }
}

impl Work {
    /// Reads the work of all people. Responses without a time or a person are left out. `since` is the time from which
    /// on the condition has responses.
    pub(super) fn read(
        reader: Reader<'_>,
        whose: &Whose<'_>,
        condition: &Where,
        since: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let Whose { who, part, join, params } = whose;
        let condition = &with_pause(condition.clone(), since);
        let sql = format!(
            "SELECT {who} AS who, {part} AS part, epoch_us(time) // {STRETCH}, min(epoch_us(first_time)),
                 max(epoch_us(last_time))
             FROM {responses} {join} WHERE {clause} AND time IS NOT NULL AND {who} IS NOT NULL GROUP BY ALL",
            part = part.unwrap_or("NULL::VARCHAR"),
            responses = Responses::added_up(reader, condition, None)?.table,
            clause = condition.clause
        );
        let first = since.map(|since| since.timestamp_micros().div_euclid(STRETCH));
        let mut work = Self { first, ..Self::default() };
        reader.each(&sql, &[*params, &*condition.params].concat(), |row| {
            let Self { names, parts, stretches, .. } = &mut work;
            let who = row.text(0)?.map(|name| names.number(name)).unwrap_or_default();
            let part = row.text(1)?.map(|part| parts.number(part));
            let stretch = Stretch { number: row.get(2)?, first: row.get(3)?, last: row.get(4)? };
            stretches.entry((who, part)).or_default().push(stretch);
            Ok(())
        })?;
        Ok(work)
    }

    /// The same with projects as parts, instead of working directories. A project can have several of them.
    pub(super) fn of_projects(self, repositories: &Repositories) -> Self {
        let mut projects = Names::default();
        let numbers: Vec<_> = self.parts.all.iter().map(|cwd| projects.number(repositories.name(cwd))).collect();
        let mut stretches: HashMap<_, Vec<Stretch>> = HashMap::new();
        for ((who, part), of_part) in self.stretches {
            stretches.entry((who, part.map(|part| numbers[part]))).or_default().extend(of_part);
        }
        Self { parts: projects, stretches, ..self }
    }

    /// Passes on the active time of each person in microseconds, by the day on which it ended. A day is given as a
    /// quarter of an hour (counted since 1970) in it; without a zone, this number is 0.
    pub(super) fn of_all(&self, zone: Option<Tz>, mut each: impl FnMut(&str, i64, i128)) {
        let mut all: HashMap<usize, Vec<Stretch>> = HashMap::new();
        for ((who, _), stretches) in &self.stretches {
            all.entry(*who).or_default().extend(stretches);
        }
        // Looked at once: it goes through the days of many years.
        let quarter = quarter_of(zone);
        for (who, stretches) in all {
            active(stretches, self.first, quarter, |quarter, micros| each(&self.names.all[who], quarter, micros));
        }
    }

    /// Passes on the active time of each part of each person's work, in microseconds.
    pub(super) fn of_parts(&self, mut each: impl FnMut(Option<&str>, i128)) {
        for ((_, part), stretches) in &self.stretches {
            let part = part.map(|part| &*self.parts.all[part]);
            active(stretches.clone(), self.first, |_| 0, |_, micros| each(part, micros));
        }
    }
}

/// The quarter of an hour, as a number since 1970, that stands for the day of a stretch in a zone. Without a zone it is 0.
fn quarter_of(zone: Option<Tz>) -> fn(i64) -> i64 {
    match zone {
        None => |_| 0,
        Some(zone) if has_whole_days(zone) => |stretch| stretch / 288 * 96,
        Some(zone) if has_whole_hours(zone) => |stretch| stretch / 12 * 4,
        Some(_) => |stretch| stretch / 3,
    }
}

/// The condition from [`LONG`] before its first day on: it includes the responses that a pause of that day can begin
/// with.
fn with_pause(mut condition: Where, since: Option<DateTime<Utc>>) -> Where {
    for param in &mut condition.params {
        match param {
            Param::Time(time) if Some(*time) == since => *time -= TimeDelta::microseconds(LONG),
            _ => {}
        }
    }
    condition
}

/// The active time of stretches in microseconds, from the `first` one on, by the day on which it ended. A day is given
/// as a quarter of an hour in it.
fn active(mut stretches: Vec<Stretch>, first: Option<i64>, quarter: fn(i64) -> i64, mut each: impl FnMut(i64, i128)) {
    stretches.sort_unstable_by_key(|stretch| (stretch.number, stretch.first));
    // Several parts can have work in the same five minutes.
    stretches.dedup_by(|next, stretch| {
        let is_same = next.number == stretch.number;
        stretch.last = if is_same { stretch.last.max(next.last) } else { stretch.last };
        is_same
    });
    let mut before = None;
    for of_quarter in stretches.chunk_by(|a, b| quarter(a.number) == quarter(b.number)) {
        let mut micros = None;
        for stretch in of_quarter {
            let pause = before.map(|before| stretch.first - before).filter(|pause| *pause <= LONG);
            if first.is_none_or(|first| stretch.number >= first) {
                let active = stretch.last - stretch.first + pause.unwrap_or_default();
                micros = Some(micros.unwrap_or_default() + i128::from(active));
            }
            before = Some(stretch.last);
        }
        if let Some(micros) = micros {
            each(quarter(of_quarter[0].number), micros);
        }
    }
}

/// Active time by session, in microseconds.
pub(super) type Active = HashMap<String, i128>;

/// The ids of the sessions of a condition with the longest active time. `since` is as for [`Work::read`].
///
/// Reading the stretches of all sessions takes longer than any other part of a report. So this first computes an upper
/// bound for each session: the time from its first to its last response, or a stretch and a pause for each of its rows,
/// whichever is less. It computes the active time of the sessions with the highest bounds. The shortest active time
/// among the best of these is a limit: sessions with a bound below it cannot be in the result, and only the others are
/// read.
pub(super) fn longest(
    reader: Reader<'_>,
    condition: &Where,
    since: Option<DateTime<Utc>>,
    most: usize,
) -> Result<Vec<String>> {
    let at_most = format!(
        "least(max(epoch_us(last_time)) - min(epoch_us(first_time)), count(*) * {a_row_at_most})",
        a_row_at_most = STRETCH + LONG
    );
    let of = |order: &str| -> Result<Vec<(String, i128)>> {
        let clause = format!(
            "{clause} AND session_id IN (
                 SELECT session_id FROM {responses} WHERE {clause} AND session_id IS NOT NULL AND time IS NOT NULL
                 GROUP BY session_id {order})",
            clause = condition.clause,
            responses = Responses::added_up(reader, condition, None)?.table,
        );
        let params = [&*condition.params; 2].concat();
        let mut active: Vec<_> = of_sessions(reader, &Where { clause, params }, since)?.into_iter().collect();
        active.sort_unstable_by(|(a, active), (b, other)| other.cmp(active).then_with(|| a.cmp(b)));
        active.truncate(most);
        Ok(active)
    };
    let likely = of(&format!("ORDER BY {at_most} DESC LIMIT {}", most.max(64)))?;
    // There can be fewer than `most`, as some sessions ended right before the first day.
    let least = likely.get(most.saturating_sub(1)).map_or(0, |(_, active)| *active);
    Ok(of(&format!("HAVING {at_most} >= {least}"))?.into_iter().map(|(id, _)| id).collect())
}

/// Reads the active time of each session. `since` is as for [`Work::read`].
pub(super) fn of_sessions(reader: Reader<'_>, condition: &Where, since: Option<DateTime<Utc>>) -> Result<Active> {
    let whose = Whose { who: "session_id", part: None, join: "", params: &[] };
    let mut active = Active::new();
    Work::read(reader, &whose, condition, since)?.of_all(None, |id, _, micros| {
        active.insert(id.to_owned(), micros);
    });
    Ok(active)
}

/// SQL that gives the person of a response, as the first of the person's folders: a name could be that of a folder of
/// somebody else. Work of a person in two folders at the same time counts once.
pub(super) struct People {
    pub(super) person: &'static str,
    pub(super) join: String,
    pub(super) params: Vec<Param>,
}

impl People {
    pub(super) fn read(reader: Reader<'_>, filter: &Filter) -> Result<Self> {
        let mut people = Self { person: "username", join: String::new(), params: Vec::new() };
        if filter.identities.is_empty() {
            return Ok(people);
        }
        let responses = Responses::added_up(reader, &Where::everything(), None)?.table;
        let sql = format!("SELECT DISTINCT username FROM {responses} ORDER BY username");
        let mut firsts: HashMap<&str, String> = HashMap::new();
        for folder in reader.rows::<String>(&sql, &[], |row| row.get(0))? {
            let Some(person) = filter.identities.person(&folder) else { continue };
            match firsts.get(&*person.email) {
                Some(first) => people.params.extend([folder, first.clone()].map(Param::Text)),
                None => drop(firsts.insert(&person.email, folder)),
            }
        }
        if !people.params.is_empty() {
            let rows = vec!["(?, ?)"; people.params.len() / 2].join(", ");
            people.person = "coalesce(person, username)";
            people.join = format!("LEFT JOIN (VALUES {rows}) AS people(folder, person) ON folder = username");
        }
        Ok(people)
    }
}

/// The longest pause that counts as active time, in microseconds.
pub(super) const LONG: i64 = 600_000_000;

/// The length of a stretch in microseconds. It divides a quarter of an hour, and is shorter than [`LONG`].
const STRETCH: i64 = SECONDS * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::usage::report::period::QUARTER;
    use std::collections::BTreeMap;

    const SCHEMA: &str =
        "CREATE TABLE usage_responses (session_id VARCHAR, time TIMESTAMP, part BIGINT, part_kind VARCHAR,
             copies BIGINT, placeholder BOOLEAN, fast BOOLEAN);
         CREATE SCHEMA facts; CREATE TABLE facts.settlements (
             processor_name VARCHAR, name VARCHAR, version INTEGER, settings VARCHAR)";

    #[test]
    fn the_longest_sessions_are_those_of_all_sessions() {
        let connection = duckdb::Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        // Many sessions are long but have little work in them, and some have the same active time.
        let responses = "SELECT setseed(0.5);
            INSERT INTO usage_responses (session_id, time)
            SELECT 's' || session, make_timestamp(1770000000000000 + (step * (session % 7) * 400 + (random() * 900)::BIGINT) * 1000000)
            FROM range(300) AS s(session), range(12) AS r(step) WHERE step <= session % 13;
            INSERT INTO usage_responses (session_id, time)
            SELECT session_id || 'b', time FROM usage_responses WHERE session_id LIKE '%3';
            -- Many sessions end right before 1780000200, and a few shorter ones begin then.
            INSERT INTO usage_responses (session_id, time)
            SELECT 'c' || session, make_timestamp((1780000200 + second)::BIGINT * 1000000)
            FROM range(60) AS s(session), (VALUES (-595), (-5)) AS t(second);
            INSERT INTO usage_responses (session_id, time)
            SELECT 'd' || session, make_timestamp((1780000200 + step * session * 10)::BIGINT * 1000000)
            FROM range(1, 21) AS s(session), range(2) AS t(step)";
        connection.execute_batch(responses).unwrap();
        let reader = Reader::new(&connection);
        // From a time on, a pause can begin before it.
        for (since, sessions) in [(None, 410), (Some(1_770_006_000), 236), (Some(1_780_000_200), 20)] {
            let since = since.and_then(|since| DateTime::from_timestamp(since, 0));
            let clause = since.map_or("true", |_| "time >= ?").to_owned();
            let condition = Where { clause, params: since.into_iter().map(Param::Time).collect() };
            let all = of_sessions(reader, &condition, since).unwrap();
            let mut all: Vec<_> = all.into_iter().map(|(id, active)| (std::cmp::Reverse(active), id)).collect();
            all.sort();
            for most in [1, 10, 100, 1000] {
                let expected: Vec<_> = all.iter().take(most).map(|(_, id)| id.clone()).collect();
                assert_eq!(longest(reader, &condition, since, most).unwrap(), expected, "{most} since {since:?}");
            }
            assert_eq!(all.len(), sessions);
            assert!(all[9].0 < all[sessions - 1].0);
        }
    }

    /// Parts that have work in the same five minutes, one of them without a name.
    const PART: &str = "if(epoch_us(time) % 3 = 0, 'a', NULL)";

    #[test]
    fn stretches_leave_out_no_pause_and_no_response() {
        let connection = duckdb::Connection::open_in_memory().unwrap();
        let reader = Reader::new(&connection);
        connection.execute_batch(SCHEMA).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        // Pauses of many lengths, including those at the limits.
        let steps = [0, 1, 299_999_999, 300_000_000, LONG - 1, LONG, LONG + 1, 900_000_000, 7_000_000_000];
        for session in ["a", "b", "c"] {
            let mut time = 1_770_000_000_000_000;
            let insert = "INSERT INTO usage_responses (session_id, time) VALUES (?, make_timestamp(?))";
            let mut insert = connection.prepare(insert).unwrap();
            for _ in 0..400 {
                time += if random.bool() { steps[random.usize(..steps.len())] } else { random.i64(0..700_000_000) };
                insert.execute(duckdb::params![session, time]).unwrap();
            }
        }
        let others = "INSERT INTO usage_responses (session_id, time) VALUES ('d', NULL), (NULL, '2026-01-01')";
        connection.execute_batch(others).unwrap();
        let sql = format!(
            "SELECT session_id, {QUARTER}, sum(gap) FROM (
                 SELECT session_id, time,
                     epoch_us(time) - lag(epoch_us(time)) OVER (PARTITION BY session_id ORDER BY time) AS gap
                 FROM usage_responses) WHERE gap BETWEEN 1 AND {LONG} GROUP BY ALL"
        );
        let expected = reader.rows(&sql, &[], |row| Ok(((row.get(0)?, row.get(1)?), row.integer(2)?))).unwrap();
        let expected: BTreeMap<(String, i64), i128> = expected.into_iter().collect();
        let whose = Whose { who: "session_id", part: Some(PART), join: "", params: &[] };
        let work = Work::read(reader, &whose, &Where::everything(), None).unwrap();
        let mut of_parts = BTreeMap::<Option<String>, i128>::new();
        work.of_parts(|part, micros| *of_parts.entry(part.map(str::to_owned)).or_default() += micros);
        let sql = format!(
            "SELECT named, sum(gap) FROM (
                 SELECT named, epoch_us(time) - lag(epoch_us(time)) OVER (PARTITION BY session_id, named ORDER BY time) AS gap
                 FROM (SELECT *, {PART} AS named FROM usage_responses)) WHERE gap <= {LONG} GROUP BY ALL"
        );
        let expected_parts = reader.rows(&sql, &[], |row| Ok((row.get(0)?, row.integer(1)?))).unwrap();
        assert_eq!(of_parts, expected_parts.into_iter().collect());
        assert!(of_parts.len() == 2 && of_parts.contains_key(&None), "{of_parts:?}");
        let mut found = BTreeMap::new();
        work.of_all(Some(Tz::Asia__Kolkata), |who, quarter, micros| {
            found.insert((who.to_owned(), quarter), micros);
        });
        found.retain(|_, micros| *micros > 0);
        // The sum is the same by days, by hours, and without a zone.
        let sum = |zone: Option<Tz>| {
            let mut sum = 0;
            work.of_all(zone, |_, quarter, micros| {
                assert_eq!(quarter % 4, 0);
                sum += micros;
            });
            sum
        };
        assert_eq!([Some(Tz::UTC), Some(Tz::Europe__Berlin), None].map(sum), [found.values().sum::<i128>(); 3]);
        assert!(expected.len() > 400, "{}", expected.len());
        assert_eq!(found, expected);
    }
}
