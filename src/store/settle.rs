//! Touched keys: which there are, their facts in order, and the entities that replace what they were.

use crate::error::Result;
use crate::failpoint;
use crate::store::rows::{Cell, append_entities, as_text, value};
use crate::store::{Store, Transaction};
use chrono::{DateTime, Utc};
use duckdb::{Row, params};
use sessionmill_contract::{
    FactRow, Failure, FailureClass, Inputs, Manifest, Processor, Rows, Settlement, Table, Value,
};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A part of the touched keys of one settlement, small enough to settle in memory: key hashes from
/// the first to the second number.
pub type Range = (i64, i64);

/// Makes entities of what a key is settled from, or says why it cannot.
pub type Settle<'s> = &'s mut dyn FnMut(&str, Inputs<'_>, &mut Rows) -> std::result::Result<(), Failure>;

/// A key that could not be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    pub key_hash: i64,
    pub key: String,
    pub failure: Failure,
}

/// Keys that are settled in one transaction, about.
const KEYS: u64 = 25_000;

/// A key of so many facts takes longer to settle than others are to wait for the database.
const LARGE: i64 = 5_000;

/// What a large key is settled from, as of one moment.
#[derive(Debug)]
pub struct Basis {
    /// Ordered by key, then by source file: keys of one hash are settled together.
    pub facts: Vec<FactRow>,
    pub reviews: Vec<Vec<Value>>,
    pub memo: Vec<Vec<Value>>,
    /// Of the facts.
    mark: String,
}

const SETTLING: &str = "
    CREATE OR REPLACE TEMP TABLE settling (key_hash BIGINT);
    CREATE OR REPLACE TEMP TABLE leaving (id BIGINT);
    CREATE OR REPLACE TEMP TABLE unsettled AS FROM settling_failures LIMIT 0";

impl Store {
    /// The touched keys of a settlement, in parts of about equal size. Key hashes are spread evenly,
    /// so equal parts of their range are.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn touched(&self, manifest: &Manifest, settlement: &Settlement) -> Result<Vec<Range>> {
        let keys: i64 = self.connection.query_row(
            "SELECT count(DISTINCT key_hash) FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?",
            params![manifest.name, settlement.facts.name],
            |row| row.get(0),
        )?;
        let parts = i128::from(keys.cast_unsigned().div_ceil(KEYS));
        let bound = |part: i128| i64::try_from(i128::from(i64::MIN) + (part << 64) / parts).unwrap_or(i64::MAX);
        let end = |part: i128| if part + 1 == parts { i64::MAX } else { bound(part + 1) - 1 };
        Ok((0..parts).map(|part| (bound(part), end(part))).collect())
    }

    /// The touched keys of a range, in their order.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn touched_in(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        (from, to): Range,
    ) -> Result<Vec<i64>> {
        let mut statement = self.connection.prepare(
            "SELECT DISTINCT key_hash FROM facts.touched_keys
             WHERE processor_name = ? AND facts_table = ? AND key_hash BETWEEN ? AND ? ORDER BY key_hash",
        )?;
        let keys = statement.query_map(params![manifest.name, settlement.facts.name, from, to], |row| row.get(0))?;
        Ok(keys.collect::<duckdb::Result<_>>()?)
    }

    /// The touched keys that are to be settled apart, because they have many facts.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn large(&self, manifest: &Manifest, settlement: &Settlement) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT key_hash FROM facts.{} WHERE key_hash IN
             (SELECT key_hash FROM facts.touched_keys WHERE processor_name = ? AND facts_table = ?)
             GROUP BY key_hash HAVING count(*) >= ? ORDER BY key_hash",
            settlement.facts.name
        );
        let mut statement = self.connection.prepare(&sql)?;
        let keys = statement.query_map(params![manifest.name, settlement.facts.name, LARGE], |row| row.get(0))?;
        Ok(keys.collect::<duckdb::Result<_>>()?)
    }

    /// What a key is to be settled from, as of now.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn basis(&self, settlement: &Settlement, key_hash: i64) -> Result<Basis> {
        self.transaction(|transaction| basis(transaction, settlement, key_hash))
    }

    /// Puts what a key was settled to in its place, if it would be settled from the same now. Else it
    /// stays touched.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn place(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        key_hash: i64,
        from: &Basis,
        entities: &Rows,
    ) -> Result<()> {
        self.connection.execute_batch(SETTLING)?;
        self.transaction(|transaction| {
            if is_same(transaction, settlement, key_hash, from)? {
                transaction.execute("INSERT INTO settling VALUES (?)", [key_hash])?;
                replace(transaction, manifest, settlement, entities)?;
                failpoint::point("settle", settlement.facts.name);
            }
            Ok(())
        })
    }

    /// Settles the touched keys of a range in one transaction: `settle` gets the facts of one key
    /// after the other and makes entities of them. The key of a failure stays touched, its entities stay
    /// what they were, and the reason is kept.
    ///
    /// Returns the keys that failed.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub fn settle(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        (from, to): Range,
        settle: Settle<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Unsettled>> {
        self.connection.execute_batch(SETTLING)?;
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT INTO settling SELECT DISTINCT key_hash FROM facts.touched_keys
                 WHERE processor_name = ? AND facts_table = ? AND key_hash BETWEEN ? AND ?",
                params![manifest.name, settlement.facts.name, from, to],
            )?;
            let (entities, failed) = read(transaction, settlement, settle)?;
            note(transaction, manifest, settlement, &failed, now)?;
            replace(transaction, manifest, settlement, &entities)?;
            failpoint::point("settle", settlement.facts.name);
            Ok(failed)
        })
    }

    /// Keeps why a key could not be settled that the database itself refused the entities of.
    ///
    /// # Errors
    ///
    /// If the database cannot be read or written.
    pub(super) fn refuse(
        &self,
        manifest: &Manifest,
        settlement: &Settlement,
        key_hash: i64,
        failure: Failure,
        now: DateTime<Utc>,
    ) -> Result<Unsettled> {
        self.connection.execute_batch(SETTLING)?;
        self.transaction(|transaction| {
            let Settlement { facts, key: column, .. } = settlement;
            let sql = format!("SELECT min({column}) FROM facts.{} WHERE key_hash = ?", facts.name);
            let mut key = String::new();
            transaction.query(&sql, [key_hash], |row| {
                key = as_text(row, 0)?.to_owned();
                Ok(())
            })?;
            let unsettled = Unsettled { key_hash, key, failure };
            note(transaction, manifest, settlement, std::slice::from_ref(&unsettled), now)?;
            Ok(unsettled)
        })
    }
}

/// Makes entities of all facts of one key. Nothing is added if the processor fails.
///
/// # Errors
///
/// With the processor's failure. What a panic says is not repeated: it can quote the facts.
pub fn settle_key(
    processor: &dyn Processor,
    settlement: &Settlement,
    key: &str,
    inputs: Inputs<'_>,
    entities: &mut Rows,
) -> std::result::Result<(), Failure> {
    let mut of_key = Rows::default();
    let settle = || processor.settle(settlement, key, inputs, &mut of_key);
    let panicked = |_| Err(Failure::new(FailureClass::Panic, "the processor panicked"));
    catch_unwind(AssertUnwindSafe(settle)).unwrap_or_else(panicked)?;
    entities.append(of_key);
    Ok(())
}

/// The keys of a settlement on their way to entities.
struct Keys<'s> {
    settle: Settle<'s>,
    reviews: &'s [Vec<Value>],
    entities: Rows,
    /// Entities of keys with the hash of the last one. Keys of one hash share their fate, since they are
    /// found and replaced by it: if one of them fails, all keep the entities that they had.
    of_hash: Rows,
    hash: i64,
    failed: Vec<Unsettled>,
}

impl Keys<'_> {
    /// Settles the next key.
    fn next(&mut self, hash: i64, key: &str, facts: &[FactRow]) {
        if hash != self.hash {
            self.end();
            self.hash = hash;
        }
        if self.has_failed() {
            return;
        }
        let inputs = Inputs { facts, reviews: self.reviews, memo: &[] };
        if let Err(failure) = (self.settle)(key, inputs, &mut self.of_hash) {
            self.failed.push(Unsettled { key_hash: hash, key: key.to_owned(), failure });
        }
    }

    /// Ends the keys of one hash.
    fn end(&mut self) {
        let of_hash = std::mem::take(&mut self.of_hash);
        if !self.has_failed() {
            self.entities.append(of_hash);
        }
    }

    /// Whether a key of the last hash has failed.
    fn has_failed(&self) -> bool {
        self.failed.last().is_some_and(|failed| failed.key_hash == self.hash)
    }
}

/// Reads the facts key by key. Returns the entities, and the keys that failed.
fn read(transaction: &Transaction<'_>, settlement: &Settlement, settle: Settle<'_>) -> Result<(Rows, Vec<Unsettled>)> {
    let reviews = reviews(transaction, settlement)?;
    let key = settlement.facts.position(settlement.key).unwrap_or_default();
    let mut keys = Keys {
        settle,
        reviews: &reviews,
        entities: Rows::default(),
        of_hash: Rows::default(),
        hash: 0,
        failed: Vec::new(),
    };
    let mut of_key: Vec<FactRow> = Vec::new();
    let mut hash_of_key = 0;
    let mut end = |hash: i64, rows: &[FactRow]| {
        let Some(Value::Text(name)) = rows.first().and_then(|row| row.values.get(key)) else { return };
        keys.next(hash, name, rows);
    };
    facts(transaction, settlement, "SELECT key_hash FROM settling", |hash, fact| {
        if of_key.first().is_some_and(|first| hash != hash_of_key || first.values.get(key) != fact.values.get(key)) {
            end(hash_of_key, &of_key);
            of_key.clear();
        }
        hash_of_key = hash;
        of_key.push(fact);
    })?;
    end(hash_of_key, &of_key);
    keys.end();
    Ok((keys.entities, keys.failed))
}

/// Keeps why keys could not be settled, and leaves them touched.
fn note(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    settlement: &Settlement,
    failed: &[Unsettled],
    now: DateTime<Utc>,
) -> Result<()> {
    if failed.is_empty() {
        return Ok(());
    }
    let rows = failed.iter().map(|Unsettled { key_hash, key, failure }| {
        [
            Cell::Text(manifest.name),
            Cell::Text(settlement.facts.name),
            Cell::Int(*key_hash),
            Cell::Text(key),
            Cell::Text(failure.class.name()),
            Cell::Text(&failure.message),
            Cell::Int(1),
            Cell::Time(now),
            Cell::Time(now),
        ]
    });
    transaction.stage("unsettled", rows)?;
    transaction.execute(
        "UPDATE unsettled SET strikes = known.strikes + 1,
             first_failed_at = least(known.first_failed_at, unsettled.first_failed_at)
         FROM settling_failures AS known WHERE known.processor_name = unsettled.processor_name
             AND known.facts_table = unsettled.facts_table AND known.key_hash = unsettled.key_hash",
        [],
    )?;
    transaction.execute(
        "DELETE FROM settling_failures WHERE (processor_name, facts_table, key_hash) IN
         (SELECT processor_name, facts_table, key_hash FROM unsettled)",
        [],
    )?;
    transaction.execute("INSERT INTO settling_failures SELECT * FROM unsettled", [])?;
    transaction.execute("DELETE FROM settling WHERE key_hash IN (SELECT key_hash FROM unsettled)", [])?;
    Ok(())
}

fn basis(transaction: &Transaction<'_>, settlement: &Settlement, key_hash: i64) -> Result<Basis> {
    let mut of_key = Vec::new();
    facts(transaction, settlement, &key_hash.to_string(), |_, fact| of_key.push(fact))?;
    let reviews = reviews(transaction, settlement)?;
    let mut memo = Vec::new();
    if let Some(table) = settlement.memo {
        entities_of(transaction, table, &key_hash.to_string(), |_, row| memo.push(row))?;
    }
    let mark = mark(transaction, settlement, key_hash)?;
    Ok(Basis { facts: of_key, reviews, memo, mark })
}

/// Whether a key would be settled from the same now.
fn is_same(transaction: &Transaction<'_>, settlement: &Settlement, key_hash: i64, from: &Basis) -> Result<bool> {
    Ok(mark(transaction, settlement, key_hash)? == from.mark && reviews(transaction, settlement)? == from.reviews)
}

/// What tells the facts of a key from others of it: their number, and the sum of their hashes.
fn mark(transaction: &Transaction<'_>, settlement: &Settlement, key_hash: i64) -> Result<String> {
    let mut mark = String::new();
    let sql = format!(
        "SELECT count(*) || ' ' || coalesce(sum(hash(session_file, username, {columns})), 0)
         FROM facts.{table} WHERE key_hash = {key_hash}",
        columns = settlement.facts.columns.join(", "),
        table = settlement.facts.name
    );
    transaction.query(&sql, [], |row| {
        mark = row.get(0)?;
        Ok(())
    })?;
    Ok(mark)
}

/// Hands on the facts of keys, in an order that depends on nothing but them.
fn facts(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    keys: &str,
    mut each: impl FnMut(i64, FactRow),
) -> Result<()> {
    let Settlement { facts, key, .. } = settlement;
    // Finding the rows by the one number first spares reading the other columns of all rows.
    let sql = format!(
        "SELECT key_hash, session_file, username, {columns} FROM facts.{table} WHERE rowid IN
         (SELECT rowid FROM facts.{table} WHERE key_hash IN ({keys}))
         ORDER BY key_hash, {key}, session_file",
        columns = facts.columns.join(", "),
        table = facts.name
    );
    transaction.query(&sql, [], |row| {
        let (session_file, username) = (text(value(row, 1)?), text(value(row, 2)?));
        each(row.get(0)?, FactRow { session_file, username, values: values(row, 3, facts)? });
        Ok(())
    })
}

/// The reviews of a settlement, oldest first.
fn reviews(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<Vec<Vec<Value>>> {
    settlement.reviews.map_or(Ok(Vec::new()), |table| all(transaction, "main", table))
}

/// All rows of a table, by its first columns.
pub(super) fn all(transaction: &Transaction<'_>, schema: &str, table: &Table) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let sql = format!("SELECT {} FROM {schema}.{} ORDER BY ALL", table.columns.join(", "), table.name);
    transaction.query(&sql, [], |row| {
        rows.push(values(row, 0, table)?);
        Ok(())
    })?;
    Ok(rows)
}

/// The cells of a table's columns, which begin with this one.
fn values(row: &Row<'_>, first: usize, table: &Table) -> duckdb::Result<Vec<Value>> {
    (first..first + table.columns.len()).map(|column| value(row, column)).collect()
}

fn text(value: Value) -> Box<str> {
    if let Value::Text(text) = value { text } else { Box::default() }
}

/// Puts the entities in the place of those that the keys had, and takes the keys off the list.
fn replace(transaction: &Transaction<'_>, manifest: &Manifest, settlement: &Settlement, entities: &Rows) -> Result<()> {
    for table in settlement.entities {
        replace_in(transaction, table, settlement, entities)?;
    }
    for list in ["facts.touched_keys", "settling_failures"] {
        let sql = format!(
            "DELETE FROM {list} WHERE processor_name = ? AND facts_table = ?
             AND key_hash IN (SELECT key_hash FROM settling)"
        );
        transaction.execute(&sql, params![manifest.name, settlement.facts.name])?;
    }
    Ok(())
}

/// Hands on the rows of keys in a table of entities, each with its row id.
fn entities_of(
    transaction: &Transaction<'_>,
    table: &Table,
    keys: &str,
    mut each: impl FnMut(i64, Vec<Value>),
) -> Result<()> {
    let (name, columns) = (table.name, table.columns.join(", "));
    let sql = format!(
        "SELECT rowid, {columns} FROM facts.{name} WHERE rowid IN
         (SELECT rowid FROM facts.{name} WHERE key_hash IN ({keys}))"
    );
    transaction.query(&sql, [], |row| {
        each(row.get(0)?, values(row, 1, table)?);
        Ok(())
    })
}

/// Writes what differs: of a large key that a fact more has touched, next to nothing does.
fn replace_in(
    transaction: &Transaction<'_>,
    table: &'static Table,
    settlement: &Settlement,
    entities: &Rows,
) -> Result<()> {
    // How often each row is missing.
    let mut missing: HashMap<&[Value], usize> = HashMap::new();
    for row in entities.of(table) {
        *missing.entry(row).or_default() += 1;
    }
    let mut leaving: Vec<i64> = Vec::new();
    entities_of(transaction, table, "SELECT key_hash FROM settling", |id, row| match missing.get_mut(&*row) {
        Some(count) if *count > 0 => *count -= 1,
        _ => leaving.push(id),
    })?;
    let name = table.name;
    if !leaving.is_empty() {
        transaction.execute("DELETE FROM leaving", [])?;
        transaction.stage("leaving", leaving.iter().map(|row| [row]))?;
        transaction.execute(&format!("DELETE FROM facts.{name} WHERE rowid IN (SELECT id FROM leaving)"), [])?;
    }
    let arriving = entities.of(table).filter(|row| match missing.get_mut(row) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    append_entities(transaction, table, settlement, arriving)
}
