//! Islands: parts of a key's facts that are separated by time gaps. A change only concerns some of them.
//!
//! An island ends where no fact follows for longer than the gap of the settlement. Facts of one span, such as the
//! session of a client, are always on one island, whatever the gaps between them. For example, with a gap of 30
//! minutes:
//!
//! ```text
//! facts     10:00   10:20            11:30   11:55            15:00
//! islands   └──────────┘             └──────────┘             └───┘
//! ```
//!
//! When a fact at 10:45 arrives, it touches its key from 10:45 to 10:45 (a [`Moment`]). Together with the stored facts,
//! this range widens to the island from 10:00 to 10:45. Only the facts of that island are read and settled, and the
//! result replaces the entities that start between 10:00 and 10:45. When the fact at 10:20 is removed, its time still
//! counts for widening: the range is 10:00 to 10:20, and the only stored fact in the range, at 10:00, is settled.
//!
//! So a touched time always widens to whole islands. Every island, whether it exists now or existed when the key was
//! last settled, lies either completely inside a range or completely outside.

use super::facts_hash;
use crate::base::error::Result;
use crate::store::Transaction;
use duckdb::params;
use sessionmill_contract::{
    Cells as _, FactRow, Failure, FailureClass, Islands, Manifest, Processor, RowRef, Settlement, Table,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// From the first to the last fact, in microseconds since 1970.
pub(super) type Extent = (i64, i64);

/// The whole time of a key.
const WHOLE: Extent = (i64::MIN, i64::MAX);

/// The most ranges of one key. A key with more is settled as one range, from the first island to the last.
const RANGES: usize = 32;

/// Cuts the facts of one settlement into islands.
#[derive(Clone, Copy, Debug)]
pub(super) struct IslandCutter {
    islands: &'static Islands,
    /// In microseconds.
    gap: i64,
    /// The position of the column with the time of a fact.
    at: usize,
    /// The position of the column with the name of the span.
    span: usize,
}

/// Facts of a key that arrived or left: those of one span, or neighbouring ones without a span.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moment<'f> {
    pub(super) key_hash: i64,
    pub(super) extent: Extent,
    pub(super) span: Option<&'f str>,
}

impl IslandCutter {
    /// `None` for a settlement without islands.
    pub(super) fn of(processor: &dyn Processor, settlement: &Settlement) -> Option<Self> {
        let islands = settlement.islands?;
        let (at, span) = (settlement.facts.position(islands.at)?, settlement.facts.position(islands.span)?);
        Some(Self { islands, gap: gap(processor, settlement), at, span })
    }

    fn time(self, row: RowRef<'_>) -> i64 {
        micros(row, self.at)
    }

    fn span(self, row: RowRef<'_>) -> Option<&str> {
        row.cell(self.span).as_str()
    }

    /// What arriving and leaving facts touch, each given with the hash of its key. Facts that are close together share
    /// a row.
    pub(super) fn moments<'f>(self, facts: impl Iterator<Item = (i64, RowRef<'f>)>) -> Vec<Moment<'f>> {
        let mut of_spans: BTreeMap<(i64, &str), Extent> = BTreeMap::new();
        let mut alone: BTreeMap<i64, Vec<Extent>> = BTreeMap::new();
        for (hash, row) in facts {
            let at = self.time(row);
            match self.span(row) {
                Some(span) => {
                    let extent = of_spans.entry((hash, span)).or_insert((at, at));
                    *extent = (extent.0.min(at), extent.1.max(at));
                }
                None => alone.entry(hash).or_default().push((at, at)),
            }
        }
        let of_spans = of_spans.into_iter().map(|((key_hash, span), extent)| (key_hash, extent, Some(span)));
        let alone = alone.into_iter().flat_map(|(key_hash, parts)| {
            joined(parts, self.gap).into_iter().map(move |extent| (key_hash, extent, None))
        });
        of_spans.chain(alone).map(|(key_hash, extent, span)| Moment { key_hash, extent, span }).collect()
    }

    /// Cuts the facts of a key into islands. Within each island they keep their order.
    pub(super) fn cut<'f>(self, facts: &[FactRow<'f>]) -> Vec<(Extent, Vec<FactRow<'f>>)> {
        let mut of_spans: HashMap<&str, Extent> = HashMap::new();
        let mut parts = Vec::new();
        for fact in facts {
            let at = self.time(fact.values);
            match self.span(fact.values) {
                Some(span) => {
                    let extent = of_spans.entry(span).or_insert((at, at));
                    *extent = (extent.0.min(at), extent.1.max(at));
                }
                None => parts.push((at, at)),
            }
        }
        parts.extend(of_spans.into_values());
        let mut islands: Vec<_> = joined(parts, self.gap).into_iter().map(|extent| (extent, Vec::new())).collect();
        for fact in facts {
            let at = self.time(fact.values);
            let number = islands.partition_point(|((_, last), _)| *last < at);
            if let Some((_, island)) = islands.get_mut(number) {
                island.push(*fact);
            }
        }
        islands
    }

    /// Requires that all entities start on the island from which they were settled. Otherwise a later settlement of the
    /// island would not replace them.
    pub(super) fn check<'e>(
        self,
        (first, last): Extent,
        table: &Table,
        mut entities: impl Iterator<Item = RowRef<'e>>,
    ) -> std::result::Result<(), Failure> {
        let start = table.position(self.islands.start);
        let strays = |row: RowRef<'_>| {
            let at = start.map_or(0, |start| micros(row, start));
            at < first || at > last
        };
        match entities.any(strays) {
            false => Ok(()),
            true => {
                let message = format!("a row of `{}` starts outside of the facts that it was settled from", table.name);
                Err(Failure::new(FailureClass::Permanent, message))
            }
        }
    }

    /// The row ids of the stored facts in the ranges of the keys in `settling`, in SQL.
    pub(super) fn facts(self, manifest: &Manifest, settlement: &Settlement) -> String {
        within(settlement.facts, facts_hash(manifest, settlement), self.islands.at)
    }

    /// The row ids of the stored entities in these ranges, in SQL.
    pub(super) fn entities(self, table: &Table) -> String {
        within(table, "key_hash", self.islands.start)
    }

    /// Adds the ranges of those keys in `settling` that are touched only in part of their time.
    pub(super) fn ranges(
        self,
        transaction: &Transaction<'_>,
        manifest: &Manifest,
        settlement: &Settlement,
    ) -> Result<()> {
        // The touched parts of each key, and the times of its stored facts. All facts of a span are one part. Parts
        // that are at most a gap apart are then joined, and the islands with a touched part are kept.
        let partly =
            "key_hash IN (SELECT key_hash FROM settling) AND key_hash NOT IN (SELECT key_hash FROM settling_ranges)";
        let sql = format!(
            "WITH moments AS (
                 SELECT key_hash, epoch_us(first_at) AS first, epoch_us(last_at) AS last, span, true AS touches
                 FROM facts.touched_moments WHERE processor_name = ? AND facts_table = ? AND {partly}
                 UNION ALL
                 SELECT {hash}, epoch_us({at}), epoch_us({at}), {span}, false
                 FROM facts.{table} WHERE {hash} IN (SELECT key_hash FROM settling)
                     AND {hash} NOT IN (SELECT key_hash FROM settling_ranges))
             SELECT key_hash, first, last, touches FROM moments WHERE span IS NULL
             UNION ALL
             SELECT key_hash, min(first), max(last), bool_or(touches) FROM moments WHERE span IS NOT NULL
             GROUP BY key_hash, span",
            hash = facts_hash(manifest, settlement),
            at = self.islands.at,
            span = self.islands.span,
            table = settlement.facts.name,
        );
        let mut parts: BTreeMap<i64, Vec<(Extent, bool)>> = BTreeMap::new();
        transaction.query(&sql, params![manifest.name, settlement.facts.name], |row| {
            parts.entry(row.get(0)?).or_default().push(((row.get(1)?, row.get(2)?), row.get(3)?));
            Ok(())
        })?;
        let ranges = parts.into_iter().flat_map(|(key_hash, parts)| {
            concerned(parts, self.gap).into_iter().map(move |(first, last)| [key_hash, first, last])
        });
        transaction.stage("settling_ranges", ranges)?;
        Ok(())
    }
}

/// Fills `settling_ranges` with the keys in `settling` that are settled as a whole: keys that were touched as a whole,
/// keys that nothing has touched, and keys whose last attempt failed.
pub(super) fn whole(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement) -> Result<()> {
    if settlement.islands.is_none() {
        return Ok(());
    }
    transaction.batch("DELETE FROM settling_ranges")?;
    let sql = format!(
        "INSERT INTO settling_ranges SELECT DISTINCT key_hash, {}, {} FROM settling WHERE
             key_hash NOT IN (SELECT key_hash FROM facts.touched_moments WHERE processor_name = $1 AND facts_table = $2)
             OR key_hash IN (SELECT key_hash FROM facts.touched_keys WHERE processor_name = $1 AND facts_table = $2)
             OR key_hash IN (SELECT key_hash FROM settling_failures WHERE processor_name = $1 AND facts_table = $2)",
        WHOLE.0, WHOLE.1
    );
    transaction.execute(&sql, params![manifest.name, settlement.facts.name])?;
    Ok(())
}

/// The gap of a settlement in microseconds, the precision of the database.
pub(super) fn gap(processor: &dyn Processor, settlement: &Settlement) -> i64 {
    i64::try_from(processor.gap(settlement).as_micros()).unwrap_or(i64::MAX)
}

fn within(table: &Table, hash: &str, at: &str) -> String {
    format!(
        "SELECT part.rowid FROM facts.{} AS part JOIN settling_ranges AS concerned
         ON part.{hash} = concerned.key_hash AND epoch_us(part.{at}) BETWEEN concerned.first AND concerned.last",
        table.name
    )
}

fn micros(row: RowRef<'_>, position: usize) -> i64 {
    row.cell(position).as_time().map_or(0, |time| time.timestamp_micros())
}

/// The islands that a touched part belongs to.
fn concerned(parts: Vec<(Extent, bool)>, gap: i64) -> Vec<Extent> {
    let touched: BTreeSet<i64> = parts.iter().filter(|(_, touches)| *touches).map(|((first, _), _)| *first).collect();
    let mut islands = joined(parts.into_iter().map(|(extent, _)| extent).collect(), gap);
    islands.retain(|(first, last)| touched.range(first..=last).next().is_some());
    match islands[..] {
        [(first, _), .., (_, last)] if islands.len() > RANGES => vec![(first, last)],
        _ => islands,
    }
}

/// Joins parts that are at most a gap apart.
fn joined(mut parts: Vec<Extent>, gap: i64) -> Vec<Extent> {
    parts.sort_unstable();
    let mut joined: Vec<Extent> = Vec::new();
    for (first, last) in parts {
        match joined.last_mut() {
            Some(before) if first.saturating_sub(before.1) <= gap => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_that_are_at_most_a_gap_apart() {
        let cases: [(&[Extent], &[Extent]); 6] = [
            (&[], &[]),
            (&[(0, 0), (10, 10), (20, 20)], &[(0, 20)]),
            (&[(0, 0), (11, 11), (21, 21)], &[(0, 0), (11, 21)]),
            (&[(21, 21), (0, 0), (11, 11)], &[(0, 0), (11, 21)]),
            // A part that lies within a longer one does not end it.
            (&[(0, 100), (20, 20), (110, 110), (121, 121)], &[(0, 110), (121, 121)]),
            (&[(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)], &[(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)]),
        ];
        for (parts, expected) in cases {
            assert_eq!(joined(parts.to_vec(), 10), expected, "{parts:?}");
        }
    }

    #[test]
    fn islands_are_concerned_that_something_touches() {
        let parts = vec![((0, 5), false), ((14, 14), true), ((30, 30), false), ((50, 60), true), ((61, 61), false)];
        assert_eq!(concerned(parts, 10), [(0, 14), (50, 61)]);
        let many = |count: i64| (0..count).map(|number| ((number * 20, number * 20), number % 2 == 0)).collect();
        assert_eq!(concerned(many(64), 10).len(), 32);
        assert_eq!(concerned(many(65), 10), [(0, 64 * 20)], "from the first to the last, where they are many");
    }
}
