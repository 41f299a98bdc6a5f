//! The tables that a database has: those of the engine, and those of each processor.
//!
//! The store knows no processor by name. The code that opens a database passes the processors; in the program, these
//! are all plugs.

use crate::base::error::Result;
use crate::store::migrations::{ENGINE, Migration};
use sessionmill_contract::{Manifest, Processor, Sensitive, Settlement};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The schema of a database, given by the processors whose tables it has.
#[derive(Clone)]
pub struct Schema(Arc<[Stored]>);

/// What the store has to know about a processor.
#[derive(Clone, Copy)]
pub struct Stored {
    /// The processor without any configuration. Its manifest has its name and its tables.
    pub default: fn() -> &'static dyn Processor,
    /// Its migrations in the numbered sequence.
    pub migrations: &'static [Migration],
    /// The SQL of its views in a new database, which runs no migrations.
    pub views: &'static str,
    /// Private columns of tables that are not declared in its manifest.
    pub private: &'static [Private],
    /// Whether it is the processor that the older program had at first, and whose ledger is taken over.
    pub adopts: bool,
    /// What the processor stores about people beside the database.
    pub kept: Option<Kept>,
    /// The people whom the processor distinguishes within a user folder.
    pub persons: Option<Persons>,
}

/// What a processor stores about people beside the database, such as paid answers of a language model.
#[derive(Clone, Copy)]
pub struct Kept {
    /// The folders of the people about whom something is stored.
    pub people: fn(&Path) -> Result<BTreeSet<String>>,
    /// Erases everything about these people. Returns the number of erased entries.
    pub forget: fn(&Path, &BTreeSet<&str>) -> Result<u64>,
}

/// People whom a processor distinguishes within a user folder: which facts are about them, and how to keep them out.
#[derive(Clone, Copy)]
pub struct Persons {
    /// Which facts are about the person.
    pub facts: PersonFacts,
    /// Whether an id is used for unknown people, so that its data is not about one person.
    pub is_nobody: fn(&str) -> bool,
    /// The extension of the file beside the database that keeps people out.
    pub file: &'static str,
    /// The content of this file; `None` if there is none.
    pub content: fn(&Path) -> Result<Option<String>>,
    /// Adds names of a user folder to this file, so that later runs ignore their data.
    pub keep_out: fn(&Path, &str, &BTreeSet<String>) -> Result<()>,
    /// Adds the ids that only this copy of the file has.
    pub take_over: fn(&Path, &str) -> Result<TakenOver>,
    /// Tells whether a name is in this file.
    pub is_out: fn(&Path) -> Result<IsOut>,
    /// Removes a name of a user folder from this file.
    pub let_in: fn(&Path, &str, &str) -> Result<()>,
    /// The number of ids in a content of this file, by user folder.
    pub kept_out: fn(&str) -> BTreeMap<String, u64>,
}

/// Tells whether a name is kept out.
pub type IsOut = Box<dyn Fn(&str) -> bool>;

/// What a file lacked of a copy of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// The number of ids that were added.
    pub added: u64,
    /// The number of ids that cannot be added, because the file has another key.
    pub lost: u64,
}

/// Which facts of a processor are about single people of a user folder.
#[derive(Clone, Copy)]
pub struct PersonFacts {
    /// Makes the name of a person in the processor's tables, from a user folder and an id: the prefix of the folder,
    /// then the id.
    pub name: fn(&str, &str) -> String,
    /// A query for the user folders and names of all people.
    pub everybody: &'static str,
    /// A query for the names of all ids that belong to the same person, with one parameter: the name of one of these
    /// ids. The result includes that name.
    pub joined: &'static str,
    /// Tables of facts, each with an SQL condition for the facts about anybody in `stage_persons`. That table has the
    /// columns `person` (the name), `username` and `id`.
    pub facts: &'static [(&'static str, &'static str)],
}

/// A text column that is empty in snapshots, unless they are configured to contain texts of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// The table, in schema `facts`.
    pub table: &'static str,
    pub column: &'static str,
    pub kind: Sensitive,
}

impl Stored {
    /// The manifest of the processor.
    pub fn manifest(&self) -> &'static Manifest {
        (self.default)().manifest()
    }
}

impl Schema {
    /// The schema with the tables of these processors.
    pub fn of(processors: impl IntoIterator<Item = Stored>) -> Self {
        Self(processors.into_iter().collect())
    }

    /// The processors whose tables it has.
    pub fn processors(&self) -> impl Iterator<Item = &Stored> {
        self.0.iter()
    }

    /// The names of these processors.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.processors().map(|stored| stored.manifest().name)
    }

    /// The manifests of these processors.
    pub fn manifests(&self) -> Vec<&'static Manifest> {
        self.processors().map(Stored::manifest).collect()
    }

    /// All migrations, of the engine and of all processors, in order.
    pub fn migrations(&self) -> Vec<Migration> {
        let of_processors = self.processors().flat_map(|stored| stored.migrations);
        let mut all: Vec<_> = ENGINE.iter().chain(of_processors).copied().collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    /// The number of the newest migration.
    pub fn version(&self) -> usize {
        ENGINE.len() + self.processors().map(|stored| stored.migrations.len()).sum::<usize>()
    }

    /// All columns that can be empty in snapshots.
    pub fn private(&self) -> Vec<Private> {
        let tables = self.manifests().into_iter().flat_map(|manifest| {
            let of = |settlement: &'static Settlement| settlement.entities.iter().copied().chain(settlement.reviews);
            manifest.facts.iter().copied().chain(manifest.settlements.iter().flat_map(of))
        });
        let columns = tables.flat_map(|table| table.columns.iter().map(|column| (table.name, column)));
        let private =
            columns.filter_map(|(table, column)| Some(Private { table, column: column.name, kind: column.sensitive? }));
        private.chain(self.processors().flat_map(|stored| stored.private).copied()).collect()
    }

    /// Erases what processors store about people beside a database. Returns the number of erased entries.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn forget(&self, database: &Path, usernames: &BTreeSet<&str>) -> Result<u64> {
        self.kept().map(|kept| (kept.forget)(database, usernames)).sum()
    }

    /// The folders of the people about whom processors store something beside a database.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn people(&self, database: &Path) -> Result<BTreeSet<String>> {
        let mut people = BTreeSet::new();
        for kept in self.kept() {
            people.extend((kept.people)(database)?);
        }
        Ok(people)
    }

    /// The processors that distinguish people within a user folder.
    pub fn persons(&self) -> impl Iterator<Item = (&'static Manifest, Persons)> {
        self.processors().filter_map(|stored| Some((stored.manifest(), stored.persons?)))
    }

    fn kept(&self) -> impl Iterator<Item = Kept> {
        self.processors().filter_map(|stored| stored.kept)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
