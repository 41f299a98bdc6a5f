//! Active time: the time between responses, without pauses longer than [`LONG`].
//!
//! The database first reduces the responses of a person to *stretches*: five minutes, with the times of the first and
//! last response in them. Five minutes cannot contain a long pause. So only the pauses between stretches need to be
//! looked at, and the database sorts stretches instead of all responses. For example, responses at 10:00, 10:03, 10:08
//! and 10:30 are the stretches 10:00 to 10:03, 10:08 and 10:30: the active time is 3 + 5 minutes, and the pause of 22
//! minutes does not count.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::period::{has_whole_days, has_whole_hours};
use crate::plugs::usage::sums::{Responses, SECONDS};
use crate::store::reader::{Param, Reader, Row};
use chrono_tz::Tz;
use std::collections::HashMap;

/// What active time is grouped by: SQL expressions, and what is joined with the responses to evaluate them.
pub(super) struct Whose<'w> {
    pub(super) who: &'w [&'w str],
    pub(super) join: &'w str,
    pub(super) params: &'w [Param],
    /// The time zone by whose days active time is split. Each group then has a quarter of an hour (counted since 1970)
    /// of its day. Without a zone, this number is 0.
    pub(super) zone: Option<Tz>,
}

/// Reads active time in microseconds, by group and by the day on which it ended, as [`Whose::zone`] says. Responses
/// without a time, or for which the first expression is NULL, are not counted.
pub(super) fn read<K>(
    reader: Reader<'_>,
    whose: &Whose<'_>,
    condition: &Where,
    mut name: impl FnMut(&Row<'_>) -> Result<K>,
    mut each: impl FnMut(K, i64, i128),
) -> Result<()> {
    let sql = sql(reader, whose, condition)?;
    let Whose { who, params, .. } = whose;
    reader.each(&sql, &[*params, &*condition.params].concat(), |row| {
        each(name(row)?, row.get(who.len())?, row.integer(who.len() + 1)?);
        Ok(())
    })
}

/// Reads the active time of everybody by day, and that of each part of what they did, such as a project, as one number. Both
/// follow from the same stretches, which take longest to read.
///
/// The first expression is whose it is, the second one tells the parts apart.
pub(super) fn read_with_parts(
    reader: Reader<'_>,
    whose: &Whose<'_>,
    condition: &Where,
    mut of_all: impl FnMut(String, i64, i128),
    mut of_part: impl FnMut(Option<String>, i128),
) -> Result<()> {
    let Whose { who, params, .. } = whose;
    let (everybody, parts) = (Whose { who: &who[..1], ..*whose }, Whose { zone: None, ..*whose });
    let sql = format!(
        "WITH stretches AS MATERIALIZED ({stretches}),
         of_all AS MATERIALIZED (
             SELECT who_0, stretch, min(first) AS first, max(last) AS last FROM stretches GROUP BY who_0, stretch)
         SELECT true, who_0, NULL, quarter, active FROM ({everybody})
         UNION ALL SELECT false, NULL, who_1, quarter, active FROM ({parts})",
        stretches = stretches(reader, whose, condition)?,
        everybody = active("of_all", &everybody),
        parts = active("stretches", &parts),
    );
    reader.each(&sql, &[*params, &*condition.params].concat(), |row| {
        let active = row.integer(4)?;
        if row.get(0)? {
            of_all(row.get(1)?, row.get(3)?, active);
        } else {
            of_part(row.get(2)?, active);
        }
        Ok(())
    })
}

/// The question for it: whose it is, the quarter of an hour and the active time.
fn sql(reader: Reader<'_>, whose: &Whose<'_>, condition: &Where) -> Result<String> {
    let stretches = stretches(reader, whose, condition)?;
    Ok(format!("WITH stretches AS MATERIALIZED ({stretches}) {}", active("stretches", whose)))
}

/// The names of whose it is, in SQL.
fn names(who: &[&str]) -> Vec<String> {
    (0..who.len()).map(|at| format!("who_{at}")).collect()
}

/// The first and the last response of each stretch of each.
fn stretches(reader: Reader<'_>, Whose { who, join, .. }: &Whose<'_>, condition: &Where) -> Result<String> {
    let named: Vec<_> = who.iter().zip(names(who)).map(|(who, name)| format!("{who} AS {name}")).collect();
    Ok(format!(
        "SELECT {named}, epoch_us(time) // {STRETCH} AS stretch, min(epoch_us(first_time)) AS first,
             max(epoch_us(last_time)) AS last
         FROM {responses} {join} WHERE {clause} AND time IS NOT NULL GROUP BY ALL",
        named = named.join(", "),
        responses = Responses::added_up(reader, condition, None)?.table,
        clause = condition.clause
    ))
}

/// The active time of each from their stretches. These are put in order by a number, which takes half as long as by names.
fn active(stretches: &str, Whose { who, zone, .. }: &Whose<'_>) -> String {
    let quarter = match zone {
        None => "0::BIGINT",
        Some(zone) if has_whole_days(*zone) => "stretch // 288 * 96",
        Some(zone) if has_whole_hours(*zone) => "stretch // 12 * 4",
        Some(_) => "stretch // 3",
    };
    let names = names(who);
    let alike: Vec<_> =
        names.iter().map(|name| format!("{stretches}.{name} IS NOT DISTINCT FROM numbers.{name}")).collect();
    format!(
        "SELECT {names}, {quarter} AS quarter, sum(last - first + if(pause <= {LONG}, pause, 0)) AS active FROM (
             SELECT numbers.*, stretch, first, last,
                 first - lag(last) OVER (PARTITION BY number ORDER BY stretch) AS pause
             FROM {stretches} JOIN (
                 SELECT *, row_number() OVER () AS number
                 FROM (SELECT DISTINCT {names} FROM {stretches} WHERE who_0 IS NOT NULL)) AS numbers ON {alike})
         GROUP BY ALL",
        alike = alike.join(" AND "),
        names = names.join(", "),
    )
}

/// Active time by session, in microseconds.
pub(super) type Active = HashMap<String, i128>;

const SESSIONS: Whose<'static> = Whose { who: &["session_id"], join: "", params: &[], zone: None };

/// The ids of the sessions of a condition with the longest active time.
///
/// Sorting the stretches of all sessions takes longer than any other part of a report. So this first computes an upper
/// bound for each session: the time from its first to its last response, or a stretch and a pause for each of its rows,
/// whichever is less. It computes the active time of the sessions with the highest bounds. The shortest active time
/// among the best of these is a limit: sessions with a bound below it cannot be in the result, and only the others are
/// sorted.
pub(super) fn longest(reader: Reader<'_>, condition: &Where, most: usize) -> Result<Vec<String>> {
    let likely = most.max(64);
    let active_of = |ids: &str| {
        let clause = format!("{} AND session_id IN ({ids})", condition.clause);
        sql(reader, &SESSIONS, &Where { clause, ..condition.clone() })
    };
    let sql = format!(
        "WITH bounds AS MATERIALIZED (
             SELECT session_id, least(max(epoch_us(last_time)) - min(epoch_us(first_time)),
                 count(*) * {a_row_at_most}) AS at_most
             FROM {responses} WHERE {clause} AND session_id IS NOT NULL AND time IS NOT NULL GROUP BY session_id),
         long AS (FROM ({first}) ORDER BY active DESC LIMIT {most})
         SELECT who_0 FROM ({all}) ORDER BY active DESC, who_0 LIMIT {most}",
        a_row_at_most = STRETCH + LONG,
        responses = Responses::added_up(reader, condition, None)?.table,
        clause = condition.clause,
        first = active_of(&format!("SELECT session_id FROM bounds ORDER BY at_most DESC LIMIT {likely}"))?,
        all = active_of("SELECT session_id FROM bounds WHERE at_most >= (SELECT min(active) FROM long)")?,
    );
    reader.rows(&sql, &[&*condition.params; 3].concat(), |row| row.get(0))
}

/// Reads the active time of each session.
pub(super) fn of_sessions(reader: Reader<'_>, condition: &Where) -> Result<Active> {
    let mut active = Active::new();
    read(
        reader,
        &SESSIONS,
        condition,
        |row| row.get(0),
        |id, _, micros| {
            *active.entry(id).or_default() += micros;
        },
    )?;
    Ok(active)
}

/// SQL that gives the person of a response. Work of a person in two folders at the same time counts once.
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
        let sql = format!("SELECT DISTINCT username FROM {responses}");
        for folder in reader.rows::<String>(&sql, &[], |row| row.get(0))? {
            let label = filter.identities.label(&folder).to_owned();
            if label != folder {
                people.params.extend([folder, label].map(Param::Text));
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
            SELECT session_id || 'b', time FROM usage_responses WHERE session_id LIKE '%3'";
        connection.execute_batch(responses).unwrap();
        let reader = Reader::new(&connection);
        let all = of_sessions(reader, &Where::everything()).unwrap();
        let mut all: Vec<_> = all.into_iter().map(|(id, active)| (std::cmp::Reverse(active), id)).collect();
        all.sort();
        for most in [1, 10, 100, 1000] {
            let expected: Vec<_> = all.iter().take(most).map(|(_, id)| id.clone()).collect();
            assert_eq!(longest(reader, &Where::everything(), most).unwrap(), expected, "{most}");
        }
        assert!(all.len() > 300 && all[9].0 < all[300].0);
    }

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
        let mut found = BTreeMap::new();
        let whose = Whose { who: &["session_id"], join: "", params: &[], zone: Some(Tz::Asia__Kolkata) };
        let everything = Where::everything();
        let id = |row: &Row<'_>| row.get::<String>(0);
        read(reader, &whose, &everything, id, |who, quarter, micros| {
            *found.entry((who, quarter)).or_default() += micros;
        })
        .unwrap();
        found.retain(|_, micros| *micros > 0);
        // The sum is the same by days, by hours, and without a zone.
        let sum = |zone: Option<Tz>| {
            let (mut sum, whose) = (0, Whose { zone, ..whose });
            read(reader, &whose, &everything, id, |_, quarter, micros| {
                assert_eq!(quarter % 4, 0);
                sum += micros;
            })
            .unwrap();
            sum
        };
        assert_eq!([Some(Tz::UTC), Some(Tz::Europe__Berlin), None].map(sum), [found.values().sum::<i128>(); 3]);
        assert!(expected.len() > 400, "{}", expected.len());
        assert_eq!(found, expected);
    }
}
