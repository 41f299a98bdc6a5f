//! Lookup tables: what the configuration says about values in the database, such as the price of a model or the owner
//! of a folder. Views join them, so SQL, snapshots and Parquet files show the same as reports.
//!
//! They are updated at the end of a pass, if the data or the configuration has changed since they were made. For
//! example, a new `[[price]]` in the configuration takes effect in `usage_costs` with the next run, and no transcript
//! is read or settled again.
//!
//! Tables of sums per source file are updated in the same way: only files whose entities have changed are summed again.
//!
//! Each change is noted in the transaction that makes it. So if a process is killed before it updates the tables, the
//! next one does.

use crate::base::error::Result;
use crate::base::failpoint;
use crate::base::fault::Fault;
use crate::store::made_with::{self, MadeWith};
use crate::store::reader::Reader;
use crate::store::{Store, Transaction};
use duckdb::{Connection, params};
use md5::{Digest, Md5};

/// A row of a lookup table or of its input: a text or null for each column. DuckDB casts the texts to the columns'
/// types.
pub type Cells = Vec<Option<String>>;

/// Makes all rows of a lookup table from all values in the database.
pub type About = Box<dyn Fn(&[Cells]) -> Vec<Cells> + Send + Sync>;

/// A table that is made from the database and the configuration.
pub struct Lookup {
    /// The name of the lookup table, or of the table of facts that the sums are about.
    pub name: &'static str,
    /// The part of the configuration that the rows depend on, as text. If the text changes, all rows are made again.
    pub settings: String,
    pub rows: Rows,
}

/// How the rows of a table are made.
pub enum Rows {
    /// From distinct values that a query reads as texts. The table is in schema `main`.
    About { values: &'static str, about: About },
    /// From the entities of each source file, as far as these are made from one table of facts. Facts can be entities
    /// themselves.
    ByFile(Vec<ByFile>),
}

/// A table in schema `facts` with sums or rows for the entities of each source file.
pub struct ByFile {
    pub table: &'static str,
    /// The entities, as an SQL table expression.
    pub entities: String,
    /// The columns of the table, as SQL over the entities. The first one is `session_file`.
    pub columns: String,
    /// If set, entities that agree in all columns other than the sums are added up; else each entity is a row. The SQL
    /// is that of a number that such entities have in common, by which they can be added up in parts.
    pub added_up_by: Option<&'static str>,
}

impl ByFile {
    /// A query for the rows of the files that meet a condition.
    pub fn rows(&self, condition: &str) -> String {
        let group = if self.added_up_by.is_some() { "GROUP BY ALL" } else { "" };
        format!("SELECT {} FROM {} WHERE {condition} {group}", self.columns, self.entities)
    }

    /// A query for one of several parts of these rows. Rows that are not added up are all in the first part.
    pub fn rows_of_part(&self, condition: &str, part: u64, parts: u64) -> String {
        let number = self.added_up_by.unwrap_or("0");
        self.rows(&format!("{condition} AND coalesce(abs({number}) % {parts}, 0) = {part}"))
    }
}

/// The owner of the rows in `facts.settlements` that hold the settings of lookup tables.
const OWNER: &str = "(lookup)";

/// Put in front of the settings of a table to mark it as due.
const DUE: char = '!';

/// The name of the row whose version counts the changes. Its settings are an id that each change renews: after an older
/// copy of the database was put back, the count can be the same for other changes.
const NEWS: &str = "(news)";

/// Notes that a transaction changes the data that reports show: lookup tables are due, and earlier snapshots are out of
/// date.
pub(super) fn note(transaction: &Transaction<'_>) -> Result<()> {
    let sql = "UPDATE facts.settlements SET settings = ? || settings
               WHERE processor_name = ? AND NOT starts_with(settings, ?)";
    let due = DUE.to_string();
    transaction.execute(sql, [&due, OWNER, &due])?;
    let sql = "UPDATE facts.settlements SET version = version + 1, settings = uuid()::VARCHAR WHERE processor_name = ?";
    if transaction.execute(sql, [NEWS])? == 0 {
        transaction.execute("INSERT INTO facts.settlements VALUES (?, '', 1, uuid()::VARCHAR)", [NEWS])?;
    }
    Ok(())
}

/// The number of changes noted so far, and the id of the last one.
pub(super) fn news(connection: &Connection) -> duckdb::Result<(i64, String)> {
    let sql = "SELECT coalesce(max(version), 0)::BIGINT, coalesce(max(settings), '') FROM facts.settlements
               WHERE processor_name = ?";
    connection.query_row(sql, [NEWS], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Notes the source files whose entities a transaction changes. `files` is a query for them, and `facts` the table of
/// facts from which the entities are made.
pub(super) fn note_files(transaction: &Transaction<'_>, facts: &str, files: &str, params: &[&str]) -> Result<()> {
    let sql = format!("INSERT INTO facts.changed_files SELECT DISTINCT ?, session_file FROM ({files})");
    let params = std::iter::once(facts).chain(params.iter().copied());
    transaction.execute(&sql, duckdb::params_from_iter(params))?;
    Ok(())
}

/// Updates the tables that are due, or that were made with other settings.
///
/// # Errors
///
/// If the database cannot be read or written.
pub fn refresh(store: &Store, lookups: &[Lookup]) -> Result<()> {
    let (made_with, mut due) = (MadeWith::default(), Vec::new());
    for lookup in lookups {
        let Lookup { name, settings, rows } = lookup;
        let settings = digest([settings.as_str()]);
        let before = made_with.get(store.connection(), OWNER, name)?.map(|(_, made_with)| made_with.as_str());
        if before.is_some_and(|before| before.starts_with(&settings)) {
            continue;
        }
        let before = before.map(|before| before.trim_start_matches(DUE).to_owned());
        match rows {
            Rows::About { values, about } => due.push((*name, settings, before, *values, about)),
            Rows::ByFile(tables) => {
                ByFiles { facts: name, tables }.refresh(store, &settings, before.as_ref() == Some(&settings))?;
            }
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    // Their values can come from tables of sums, which are up to date now.
    store.transaction(|transaction| {
        for (name, settings, before, values, about) in due {
            let values = read(transaction, values)?;
            let made_with = format!("{settings} {}", digest(values.iter().map(|value| format!("{value:?}"))));
            if before.as_ref() != Some(&made_with) {
                transaction.batch(&format!("DELETE FROM main.{name}"))?;
                transaction.append("main", name, about(&values).into_iter())?;
            }
            set(transaction, name, &made_with)?;
        }
        Ok(())
    })
}

/// Whether a lookup table is up to date with the database and, if `settings` are given, was made with these.
///
/// # Errors
///
/// If the database cannot be read.
pub fn is_in_step(reader: Reader<'_>, name: &str, settings: Option<&str>) -> Result<bool> {
    let settings = settings.map(|settings| digest([settings])).unwrap_or_default();
    let own = MadeWith::default();
    let made_with = reader.made_with().unwrap_or(&own).get(reader.connection(), OWNER, name)?;
    Ok(made_with.is_some_and(|(_, made_with)| !made_with.starts_with(DUE) && made_with.starts_with(&settings)))
}

/// The values of a table, sorted.
fn read(transaction: &Transaction<'_>, values: &str) -> Result<Vec<Cells>> {
    let mut all: Vec<Cells> = Vec::new();
    transaction.query(values, [], |row| {
        let count = row.as_ref().column_count();
        all.push((0..count).map(|column| row.get(column)).collect::<duckdb::Result<Cells>>()?);
        Ok(())
    })?;
    all.sort_unstable();
    Ok(all)
}

/// Stores what a table was made with.
fn set(transaction: &Transaction<'_>, name: &str, made_with: &str) -> Result<()> {
    made_with::set(transaction, OWNER, name, 1, made_with)
}

/// About how many facts are summed in one transaction; a single file with more facts has a transaction of its own.
const FACTS: u64 = 100_000;

/// The most parts in which the entities of one transaction are added up.
const PARTS: u64 = 1 << 12;

/// All tables about the entities of each source file, for one table of facts.
struct ByFiles<'l> {
    facts: &'static str,
    tables: &'l [ByFile],
}

impl ByFiles<'_> {
    /// Makes the rows of changed files again; if the tables were made with other settings, those of all files.
    ///
    /// Each transaction handles a range of files, because a large database does not fit into memory. If the process is
    /// killed, the next one continues with the remaining files.
    fn refresh(&self, store: &Store, settings: &str, is_as_before: bool) -> Result<()> {
        let Self { facts, tables } = self;
        if !is_as_before {
            store.transaction(|transaction| {
                transaction.execute("DELETE FROM facts.changed_files WHERE facts_table = ?", [facts])?;
                for ByFile { table, entities, .. } in *tables {
                    transaction.batch(&format!("DELETE FROM facts.{table}"))?;
                    note_files(transaction, facts, &format!("SELECT session_file FROM {entities}"), &[])?;
                }
                set(transaction, facts, &format!("{DUE}{settings}"))
            })?;
        }
        let ranges = self.ranges(store)?;
        for (number, range) in ranges.iter().enumerate() {
            failpoint::point("before-sums", facts);
            let mut parts = 1;
            let make = |parts| {
                store.transaction(|transaction| {
                    self.make(transaction, range, parts)?;
                    if number + 1 == ranges.len() { set(transaction, facts, settings) } else { Ok(()) }
                })
            };
            // DuckDB keeps all rows that it adds up at a time in memory. Where few entities share a row, or texts are
            // long, the rows of one file can be too many.
            while let Err(error) = make(parts) {
                parts *= 8;
                if error.fault != Some(Fault::Memory) || parts > PARTS {
                    return Err(error);
                }
            }
        }
        if ranges.is_empty() { store.transaction(|transaction| set(transaction, facts, settings)) } else { Ok(()) }
    }

    /// The changed files in parts: the first and last file of each, by name.
    fn ranges(&self, store: &Store) -> Result<Vec<[String; 2]>> {
        let sql = format!(
            "SELECT session_file, count(fact.session_file) FROM (
                 SELECT DISTINCT session_file FROM facts.changed_files WHERE facts_table = ?) AS changed
             LEFT JOIN facts.{} AS fact USING (session_file) GROUP BY session_file ORDER BY session_file",
            self.facts
        );
        let (mut ranges, mut size): (Vec<[String; 2]>, u64) = (Vec::new(), 0);
        store.reader().each(&sql, &[self.facts.into()], |row| {
            let (file, count): (String, u64) = (row.get(0)?, row.count(1)?);
            size += count;
            match ranges.last_mut().filter(|_| size <= FACTS) {
                Some([_, last]) => *last = file,
                None => {
                    size = count;
                    ranges.push([file.clone(), file]);
                }
            }
            Ok(())
        })?;
        Ok(ranges)
    }

    /// Makes the rows of the changed files of a range.
    fn make(&self, transaction: &Transaction<'_>, [first, last]: &[String; 2], parts: u64) -> Result<()> {
        let Self { facts, tables } = self;
        // The condition on the range avoids reading most of a large table.
        let of_range = "session_file BETWEEN ? AND ?";
        let changed = format!(
            "{of_range} AND session_file IN (
                 SELECT session_file FROM facts.changed_files WHERE facts_table = ? AND {of_range})"
        );
        let params = params![first, last, facts, first, last];
        for by_file in *tables {
            let table = by_file.table;
            transaction.execute(&format!("DELETE FROM facts.{table} WHERE {changed}"), params)?;
            for part in 0..parts {
                let rows =
                    if parts == 1 { by_file.rows(&changed) } else { by_file.rows_of_part(&changed, part, parts) };
                transaction.execute(&format!("INSERT INTO facts.{table} {rows} ORDER BY session_file"), params)?;
            }
        }
        let sql = format!("DELETE FROM facts.changed_files WHERE facts_table = ? AND {of_range}");
        transaction.execute(&sql, params![facts, first, last])?;
        Ok(())
    }
}

/// A hash of several texts.
fn digest(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Md5::new();
    texts.into_iter().for_each(|text| hash.update(text));
    hex::encode(hash.finalize())
}
