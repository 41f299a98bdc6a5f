//! How long somebody was at it: the time between responses, without long pauses.
//!
//! Five minutes of somebody's work are one stretch: no pause in it is long. So the database puts
//! stretches in their order, and not all responses.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::period::{has_whole_days, has_whole_hours};
use crate::plugs::usage::sums::{Responses, SECONDS};
use crate::store::reader::{Param, Reader, Row};
use chrono_tz::Tz;
use std::collections::HashMap;

/// Whose work is looked at: SQL expressions, and what is read beside the responses for them.
pub(super) struct Whose<'w> {
    pub(super) who: &'w [&'w str],
    pub(super) join: &'w str,
    pub(super) params: &'w [Param],
    /// Active time is told apart by days of this zone: each has the number of a quarter of an hour within the day. Without a zone
    /// the number is 0.
    pub(super) zone: Option<Tz>,
}

/// Reads the active time of everybody, in microseconds, by the day on which it ended, as [`Whose::zone`] says. What has no
/// time, and is nobody's by the first expression, is in none.
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

/// The question for it: whose it is, the quarter of an hour and the active time.
fn sql(reader: Reader<'_>, Whose { who, join, zone, .. }: &Whose<'_>, condition: &Where) -> Result<String> {
    let quarter = match zone {
        None => "0::BIGINT",
        Some(zone) if has_whole_days(*zone) => "stretch // 288 * 96",
        Some(zone) if has_whole_hours(*zone) => "stretch // 12 * 4",
        Some(_) => "stretch // 3",
    };
    let named: Vec<_> = who.iter().enumerate().map(|(at, who)| format!("{who} AS who_{at}")).collect();
    let names: Vec<_> = (0..who.len()).map(|at| format!("who_{at}")).collect();
    let responses = Responses::added_up(reader, condition, None)?.table;
    let alike: Vec<_> =
        (0..who.len()).map(|at| format!("stretches.who_{at} IS NOT DISTINCT FROM numbers.who_{at}")).collect();
    // Stretches are put in order by a number, which takes half as long as by names.
    Ok(format!(
        "WITH stretches AS MATERIALIZED (
             SELECT {named}, epoch_us(time) // {STRETCH} AS stretch, min(epoch_us(first_time)) AS first,
                 max(epoch_us(last_time)) AS last
             FROM {responses} {join} WHERE {clause} AND time IS NOT NULL GROUP BY ALL),
         numbers AS (
             SELECT *, row_number() OVER () AS number
             FROM (SELECT DISTINCT {names} FROM stretches WHERE who_0 IS NOT NULL))
         SELECT {names}, {quarter}, sum(last - first + if(pause <= {LONG}, pause, 0)) AS active FROM (
             SELECT numbers.*, stretch, first, last,
                 first - lag(last) OVER (PARTITION BY number ORDER BY stretch) AS pause
             FROM stretches JOIN numbers ON {alike})
         GROUP BY ALL",
        alike = alike.join(" AND "),
        names = names.join(", "),
        named = named.join(", "),
        clause = condition.clause
    ))
}

/// Active time by session, in microseconds.
pub(super) type Active = HashMap<String, i128>;

const SESSIONS: Whose<'static> = Whose { who: &["session_id"], join: "", params: &[], zone: None };

/// The ids of the sessions of a condition with the longest active time.
///
/// To put the stretches of all sessions in their order takes longer than anything else of a report. So the active time is
/// worked out for a few sessions that can have a long one, and then only for those that can have a longer one: no
/// session has more than the time from its first response to its last one, or than a stretch and a pause for each row.
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

/// Whose a response is, in SQL: what somebody does in two folders at a time counts once.
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

/// A longer pause is not active time.
pub(super) const LONG: i64 = 600_000_000;

/// A third of a quarter of an hour, and no longer than a pause may be.
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
        // Many are open for long with little work in it, and some have the same active time.
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
        // Of many lengths, those at the bounds among them.
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
        // By days, by hours, and not by time at all, it is the same sum.
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
