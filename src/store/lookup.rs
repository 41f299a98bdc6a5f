//! Tables that say what the configuration knows about values of the database, such as what a model costs or who
//! a folder belongs to. Views join them, so that SQL, snapshots and Parquet files show the same as reports.
//!
//! They are brought up to date at the end of a pass: where something has changed, or where the configuration is
//! not the one that the table was made with. For example, a `[[price]]` that is added to the configuration counts
//! in `usage_costs` after the next run, and no response is read or settled again for it.
//!
//! Tables of sums are kept in step in the same way, by source file: only the sums of files whose entities have changed
//! are made again.
//!
//! That something has changed is noted in the transaction that changes it. So a process that ends before it gets to the
//! tables leaves them due.

use crate::base::error::Result;
use crate::base::failpoint;
use crate::store::made_with::{self, MadeWith};
use crate::store::reader::Reader;
use crate::store::{Store, Transaction};
use duckdb::{Connection, params};
use md5::{Digest, Md5};

/// A row of a lookup table: a text for each column, which DuckDB casts to the column's type.
pub type Cells = Vec<Option<String>>;

/// The rows about all values.
pub type About = Box<dyn Fn(&[Cells]) -> Vec<Cells> + Send + Sync>;

/// A table that is made of what the database has, and of the configuration.
pub struct Lookup {
    /// Of the table, or of the facts that sums are of.
    pub name: &'static str,
    /// What the rows are made from apart from the database, as text. If the text changes, all rows are made again.
    pub settings: String,
    pub rows: Rows,
}

/// What the rows of a table are made of.
pub enum Rows {
    /// Of values, which a query reads: texts, without doubles. The table is in schema `main`.
    About { values: &'static str, about: About },
    /// Of the entities of each source file, as far as they are made of one table of facts. Facts of their settlement
    /// can be entities as they stand.
    ByFile(Vec<ByFile>),
}

/// A table, in schema `facts`, of what is told of the entities of each source file.
pub struct ByFile {
    pub table: &'static str,
    /// The entities, in SQL.
    pub entities: String,
    /// The columns of the table, in SQL over the entities. `session_file` is the first one.
    pub columns: String,
    /// Entities that have all columns but the sums in common are added up; otherwise each is a row.
    pub are_sums: bool,
}

impl ByFile {
    /// The rows of the files of a condition, in SQL.
    pub fn rows(&self, condition: &str) -> String {
        let group = if self.are_sums { "GROUP BY ALL" } else { "" };
        format!("SELECT {} FROM {} WHERE {condition} {group}", self.columns, self.entities)
    }
}

/// The owner of the rows in `facts.settlements` that hold the settings of lookup tables.
const OWNER: &str = "(lookup)";

/// Put in front of the settings of a table to mark it as due.
const DUE: char = '!';

/// The name of the row whose version is the number of changes.
const NEWS: &str = "(news)";

/// Notes that a transaction changes what the database says: lookup tables are due, and no snapshot of before is
/// up to date.
pub(super) fn note(transaction: &Transaction<'_>) -> Result<()> {
    let sql = "UPDATE facts.settlements SET settings = ? || settings
               WHERE processor_name = ? AND NOT starts_with(settings, ?)";
    let due = DUE.to_string();
    transaction.execute(sql, [&due, OWNER, &due])?;
    let sql = "UPDATE facts.settlements SET version = version + 1 WHERE processor_name = ?";
    if transaction.execute(sql, [NEWS])? == 0 {
        transaction.execute("INSERT INTO facts.settlements VALUES (?, '', 1, '')", [NEWS])?;
    }
    Ok(())
}

/// The number of changes that were noted.
pub(super) fn news(connection: &Connection) -> duckdb::Result<i64> {
    let sql = "SELECT coalesce(max(version), 0)::BIGINT FROM facts.settlements WHERE processor_name = ?";
    connection.query_row(sql, [NEWS], |row| row.get(0))
}

/// Notes the source files, which a query names, whose entities of a table of facts a transaction changes.
pub(super) fn note_files(transaction: &Transaction<'_>, facts: &str, files: &str, params: &[&str]) -> Result<()> {
    let sql = format!("INSERT INTO facts.changed_files SELECT DISTINCT ?, session_file FROM ({files})");
    let params = std::iter::once(facts).chain(params.iter().copied());
    transaction.execute(&sql, duckdb::params_from_iter(params))?;
    Ok(())
}

/// Brings tables up to date that are due, or that were made with other settings.
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
    // Their values can come from tables of sums, which are up to date by now.
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

/// Whether a table has what it is made of as the database is now, and, where settings are given, is made with these.
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

/// The values of a table, in order.
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

/// Notes what a table is made with.
fn set(transaction: &Transaction<'_>, name: &str, made_with: &str) -> Result<()> {
    made_with::set(transaction, OWNER, name, 1, made_with)
}

/// Facts whose files are added up in one transaction, or those of one file that has more.
const FACTS: u64 = 400_000;

/// Tables of what is told of the entities of each source file, of one table of facts.
struct ByFiles<'l> {
    facts: &'static str,
    tables: &'l [ByFile],
}

impl ByFiles<'_> {
    /// Makes the rows of the files that have changed. If the tables were made with other settings, these are all files.
    ///
    /// Each transaction is about some of them: all of a large database do not fit into memory. So a process that is
    /// killed goes on where it was.
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
            store.transaction(|transaction| {
                self.make(transaction, range)?;
                if number + 1 == ranges.len() { set(transaction, facts, settings) } else { Ok(()) }
            })?;
        }
        if ranges.is_empty() { store.transaction(|transaction| set(transaction, facts, settings)) } else { Ok(()) }
    }

    /// The first and the last file of each part of those that have changed.
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

    /// Makes the rows of the files of a range that have changed.
    fn make(&self, transaction: &Transaction<'_>, [first, last]: &[String; 2]) -> Result<()> {
        let Self { facts, tables } = self;
        // The first condition spares reading most of a large table.
        let of_range = "session_file BETWEEN ? AND ?";
        let changed = format!(
            "{of_range} AND session_file IN (
                 SELECT session_file FROM facts.changed_files WHERE facts_table = ? AND {of_range})"
        );
        let params = params![first, last, facts, first, last];
        for by_file in *tables {
            let (table, rows) = (by_file.table, by_file.rows(&changed));
            transaction.execute(&format!("DELETE FROM facts.{table} WHERE {changed}"), params)?;
            transaction.execute(&format!("INSERT INTO facts.{table} {rows} ORDER BY session_file"), params)?;
        }
        let sql = format!("DELETE FROM facts.changed_files WHERE facts_table = ? AND {of_range}");
        transaction.execute(&sql, params![facts, first, last])?;
        Ok(())
    }
}

/// A hash of texts.
fn digest(texts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Md5::new();
    texts.into_iter().for_each(|text| hash.update(text));
    hex::encode(hash.finalize())
}
