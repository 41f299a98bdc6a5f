//! Writes the results of reading a group of files: facts, touched keys, ledger and failures, in one transaction. Ledger
//! rows go through staging tables, which is hundreds of times faster than writing them one by one.
//!
//! For example, `ada/a.jsonl` contained responses r1 and r2. It has grown and now contains r1, r2 and r3. The new file
//! `bob/b.jsonl` contains r1:
//!
//! - The stored rows of `a` are compared with its new rows. r1 and r2 are not written; r3 arrives.
//! - r3 is only in one source file, so its row is marked as `alone`: the fact is itself the entity.
//! - Bob's r1 is stored without a mark. Ada's file has r1, too, so r1 is touched, to be settled from both rows later in
//!   the pass. Until then, the view shows Ada's row.
//! - The rows of both files in the ledger and in `session_files` change in the same transaction.
//!
//! After the commit, the rows are counted, because DuckDB has been seen to report success and keep fewer rows. If some
//! are missing, the ledger rows of the group are deleted, which makes its files due again, and the pass fails.

use crate::base::error::{Error, Result, Status};
use crate::base::failpoint;
use crate::read::job::Job;
use crate::read::{Outcome, Read, Verdict};
use crate::source::look::Trust;
use crate::store::failures;
use crate::store::lookup;
use crate::store::namesakes;
use crate::store::rows::{Cell, Fact, Key, append_facts, stat_cells};
use crate::store::settle::replace::{self, Missing};
use crate::store::settle::{self, Groups, alone, touch};
use crate::store::stamp::{Stamp, Try};
use crate::store::{Store, Transaction};
use chrono::{DateTime, Utc};
use duckdb::params;
use sessionmill_contract::{Columns, Manifest, Processor, Rows, Table, Value};
use std::collections::{HashMap, HashSet};

const STAGING: &str = "
    CREATE OR REPLACE TEMP TABLE stage_files AS FROM session_files LIMIT 0;
    CREATE OR REPLACE TEMP TABLE stage_states AS FROM session_processor_state LIMIT 0;
";

const UPSERT_STATES: &str = "
    INSERT INTO session_processor_state
        (processor_name, session_file, username, processed_at, items_extracted, file_hash, processor_version, run_id)
    SELECT * FROM stage_states
    ON CONFLICT (processor_name, session_file) DO UPDATE SET
        username = excluded.username, processed_at = excluded.processed_at,
        items_extracted = excluded.items_extracted, file_hash = excluded.file_hash,
        processor_version = excluded.processor_version, run_id = excluded.run_id";

/// The number of rows that must be in a table after a commit.
struct Written<'a> {
    table: &'a str,
    /// If given, only the rows of this processor's staged ledger rows are counted, otherwise all rows of the table.
    processor: Option<&'a str>,
    rows: u64,
}

impl Store {
    /// Commits a group, then counts what was stored.
    ///
    /// # Errors
    ///
    /// If the database cannot be written, or has fewer rows than it reported.
    pub fn commit(&self, group: &[Outcome], stamp: Stamp<'_>, nth: Try) -> Result<()> {
        failpoint::point("before-commit", "");
        self.connection.execute_batch(STAGING)?;
        let written = self.transaction(|transaction| write(transaction, group, stamp, nth))?;
        failpoint::point("after-commit", "");
        for Written { table, processor, rows } in written {
            let kept: i64 = match processor {
                Some(processor) => self.connection.query_row(
                    "SELECT count(*) FROM session_processor_state AS t
                     JOIN stage_states AS s USING (processor_name, session_file, run_id) WHERE s.processor_name = ?",
                    [processor],
                    |row| row.get(0),
                )?,
                None => {
                    self.connection.query_row(&format!("SELECT count(*) FROM facts.{table}"), [], |row| row.get(0))?
                }
            };
            if kept.cast_unsigned() != rows {
                // Without ledger rows, the files are due again.
                self.transaction(|transaction| transaction.execute(FORGET_STATES, []))?;
                let message = format!("the database kept {kept} of {rows} rows of `{table}` that it had committed");
                return Err(Error::new(Status::CannotRun, message));
            }
        }
        Ok(())
    }

    /// Whether a commit with an unknown outcome was stored. A commit is stored completely or not at all, so one ledger
    /// row with the id of this run is proof for the group. A group without ledger rows counts as not stored, because
    /// writing it again does no harm.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub(super) fn has_kept(&self, group: &[Outcome], stamp: Stamp<'_>) -> Result<bool> {
        let first = stamp.manifests.iter().enumerate().find_map(|(position, manifest)| {
            facts_of(group, position).first().map(|said| (manifest.name, &said.job.file.session_file))
        });
        let Some((processor, session_file)) = first else { return Ok(false) };
        Ok(self.connection.query_row(
            "SELECT count(*) > 0 FROM session_processor_state
             WHERE processor_name = ? AND session_file = ? AND run_id = ?",
            params![processor, session_file, stamp.run_id],
            |row| row.get(0),
        )?)
    }
}

const FORGET_STATES: &str = "
    DELETE FROM session_processor_state WHERE (processor_name, session_file) IN
    (SELECT processor_name, session_file FROM stage_states)";

fn write<'m>(transaction: &Transaction<'_>, group: &[Outcome], stamp: Stamp<'m>, nth: Try) -> Result<Vec<Written<'m>>> {
    stage_files(transaction, group, stamp)?;
    namesakes::make_way(transaction, stamp.manifests, stamp.schema)?;
    let mut written = Vec::new();
    for (position, manifest) in stamp.manifests.iter().enumerate() {
        let facts = facts_of(group, position);
        if facts.is_empty() {
            continue;
        }
        let known = facts.iter().any(|said| nth.may_know(said.job));
        let rows = stage_states(transaction, manifest, &facts, stamp)?;
        written.push(Written { table: "session_processor_state", processor: Some(manifest.name), rows });
        for table in manifest.facts {
            let rows = replace(transaction, stamp.processors[position], table, known, &facts, (nth, stamp.now))?;
            written.push(Written { table: table.name, processor: None, rows });
        }
    }
    write_files(transaction, group)?;
    transaction.execute(UPSERT_STATES, [])?;
    failures::write(transaction, group, stamp, nth)?;
    lookup::note(transaction)?;
    failpoint::point("commit", "");
    Ok(written)
}

/// What a processor made from a file.
struct Said<'a> {
    job: &'a Job,
    read: &'a Read,
    verdict: &'a Verdict,
    rows: &'a Rows,
}

/// The files of a group from which a processor made facts.
fn facts_of<'g>(group: &'g [Outcome<'_>], processor: usize) -> Vec<Said<'g>> {
    let mut all = Vec::new();
    for outcome in group {
        let Ok(read) = &outcome.result else { continue };
        for (due, verdict) in &read.verdicts {
            if let (true, Verdict::Facts(rows)) = (*due == processor, verdict) {
                all.push(Said { job: outcome.job, read, verdict, rows });
            }
        }
    }
    all
}

fn stage_files(transaction: &Transaction<'_>, group: &[Outcome], stamp: Stamp<'_>) -> Result<()> {
    let hashes: Vec<_> = reads(group).map(|(_, read)| hex::encode(read.look.hash)).collect();
    let rows = reads(group).zip(&hashes).map(|((job, read), hash)| {
        let source = stamp.source(job);
        let [size, mtime_ns, ctime_ns, inode] = stat_cells(&read.look.stat);
        let (boot, ns) = match &read.look.trust {
            Trust::Settled => (None, None),
            Trust::Since(first) => (first.boot.as_deref(), Some(first.ns)),
        };
        let tally = read.tally.as_ref();
        let number = |number: Option<u64>| Cell::Own(number.into());
        [
            Cell::Text(&job.file.session_file),
            Cell::Text(&job.file.username),
            Cell::Text(source),
            size,
            mtime_ns,
            ctime_ns,
            inode,
            Cell::Text(hash),
            Cell::Own(tally.map(|tally| tally.dialect).into()),
            number(tally.map(|tally| tally.lines)),
            number(tally.map(|tally| tally.malformed)),
            Cell::Time(stamp.now),
            Cell::Time(read.look.verified_at),
            Cell::Own((read.look.trust == Trust::Settled).into()),
            Cell::Own(boot.into()),
            Cell::Own(ns.into()),
            Cell::Own(Value::Null),
        ]
    });
    transaction.stage("stage_files", rows)?;
    Ok(())
}

fn stage_states(
    transaction: &Transaction<'_>,
    manifest: &Manifest,
    facts: &[Said<'_>],
    stamp: Stamp<'_>,
) -> Result<u64> {
    let hashes: Vec<_> = facts.iter().map(|said| hex::encode(said.read.look.hash)).collect();
    let rows = facts.iter().zip(&hashes).map(|(said, hash)| {
        [
            Cell::Text(manifest.name),
            Cell::Text(&said.job.file.session_file),
            Cell::Text(&said.job.file.username),
            Cell::Time(stamp.now),
            Cell::Int(said.verdict.items(manifest).cast_signed()),
            Cell::Text(hash),
            Cell::Int(manifest.version.into()),
            Cell::Int(stamp.run_id),
        ]
    });
    transaction.stage("stage_states", rows)
}

/// Replaces the facts of the staged files in one table: only rows that differ are written, and their keys are settled
/// or touched. `known` is false if the table cannot have facts of any of these files. Returns the number of rows in the
/// table afterwards.
fn replace(
    transaction: &Transaction<'_>,
    processor: &dyn Processor,
    table: &'static Table,
    known: bool,
    facts: &[Said<'_>],
    (nth, now): (Try, DateTime<Utc>),
) -> Result<u64> {
    let manifest = processor.manifest();
    let before = transaction.number(&format!("SELECT count(*) FROM facts.{}", table.name), [])?;
    let settlement = manifest.settlement_of(table);
    let (mut left, mut rows_left, mut deleted) = (Vec::new(), Columns::new(table), 0);
    let mut arriving: Vec<_> = rows(facts, table).collect();
    // A stored row that is also among the new ones stays. The other stored rows leave, and the new rows that are then
    // still missing arrive.
    if known {
        let said = facts
            .iter()
            .map(|said| (&*said.job.file.session_file, Missing::new(said.rows.of(table).map(|row| (0, row)))));
        let mut missing: HashMap<&str, Missing<'_>> = said.collect();
        deleted = replace::facts(transaction, table, settlement.is_some(), manifest.name, |stored| {
            let leaves = !missing.get_mut(stored.session_file).is_some_and(|missing| missing.take((0, stored.row)));
            if let Some(hash) = stored.key_hash.filter(|_| leaves) {
                left.push(hash);
                rows_left.push(stored.row.cells());
            }
            leaves
        })?;
        arriving.retain(|fact| {
            missing.get_mut(&*fact.file.session_file).is_some_and(|missing| missing.take((0, fact.row)))
        });
    }
    if let Some(settlement) = settlement {
        let key = Key::of(settlement, table);
        let groups = Groups::of(transaction, manifest, settlement, arriving.iter().map(|fact| key.text(fact.row)))?;
        arriving.iter_mut().for_each(|fact| fact.key_hash = groups.hash(key.text(fact.row)));
        let alone = match settlement.alone {
            Some(_) => alone::once(transaction, manifest, settlement, &arriving, deleted > 0)?,
            None => HashSet::new(),
        };
        if settlement.alone.is_some() && (deleted > 0 || !arriving.is_empty()) {
            let files = "SELECT session_file FROM stage_states WHERE processor_name = ?";
            lookup::note_files(transaction, table.name, files, &[manifest.name])?;
        }
        arriving.iter_mut().for_each(|fact| fact.alone = alone.contains(&fact.key_hash));
        let left = left.into_iter().zip(rows_left.rows());
        // A key whose new facts are marked as entities need not be settled, so rows that leave it do not touch it.
        let left: Vec<_> = left.filter(|(hash, _)| !alone.contains(hash)).collect();
        if settlement.alone.is_some() && !left.is_empty() {
            alone::outlast(transaction, settlement, &alone)?;
        }
        touch::facts(transaction, processor, settlement, left.into_iter())?;
        let others: Vec<_> = arriving.iter().filter(|fact| !fact.alone).copied().collect();
        settle::new::settle(transaction, processor, settlement, &others, &groups, (nth, now))?;
    }
    if deleted > 0 {
        replace::delete(transaction, table)?;
    }
    let count = append_facts(transaction, table, settlement, &arriving)?;
    Ok(before.cast_unsigned() - deleted + count)
}

/// The rows of a table that a processor made from files. The hashes of their keys are still missing.
fn rows<'s>(facts: &'s [Said<'_>], table: &'s Table) -> impl Iterator<Item = Fact<'s>> {
    facts
        .iter()
        .flat_map(|said| said.rows.of(table).map(|row| Fact { file: &said.job.file, row, key_hash: 0, alone: false }))
}

fn write_files(transaction: &Transaction<'_>, group: &[Outcome]) -> Result<()> {
    // The tables keep the counts of a file whose bytes have not changed.
    for table in ["session_dialects", "session_unknown_lines"] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE session_file IN
                 (SELECT session_file FROM stage_files WHERE dialect IS NOT NULL)"
            ),
            [],
        )?;
    }
    // A pass of another processor that runs at the same time may have stored the file since this pass was planned.
    transaction.execute(
        "UPDATE stage_files SET first_seen = known.first_seen, dialect = coalesce(stage_files.dialect, known.dialect),
             lines = coalesce(stage_files.lines, known.lines),
             malformed_lines = coalesce(stage_files.malformed_lines, known.malformed_lines)
         FROM session_files AS known WHERE known.session_file = stage_files.session_file",
        [],
    )?;
    transaction
        .execute("DELETE FROM session_files WHERE session_file IN (SELECT session_file FROM stage_files)", [])?;
    transaction.execute("INSERT INTO session_files SELECT * FROM stage_files", [])?;
    let tallies = || reads(group).filter_map(|(job, read)| Some((&*job.file.session_file, read.tally.as_ref()?)));
    let row = |file, name, lines: u64| [Cell::Text(file), Cell::Text(name), Cell::Int(lines.cast_signed())];
    let dialects = tallies()
        .flat_map(|(file, tally)| tally.dialects.iter().map(move |(dialect, lines)| row(file, dialect, *lines)));
    transaction.append("main", "session_dialects", dialects)?;
    let unknown =
        tallies().flat_map(|(file, tally)| tally.unknown.iter().map(move |(kind, lines)| row(file, kind, *lines)));
    transaction.append("main", "session_unknown_lines", unknown)?;
    Ok(())
}

pub(super) fn reads<'g>(group: &'g [Outcome<'_>]) -> impl Iterator<Item = (&'g Job, &'g Read)> {
    group.iter().filter_map(|outcome| Some((outcome.job, outcome.result.as_ref().ok()?)))
}
