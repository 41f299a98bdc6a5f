//! The processors of the program: an explicit list with one [`Plug`] for each.
//!
//! A plug is everything that the program knows about one processor: how it is made as the configuration
//! wants it, its migrations, its table of the configuration, its reports and commands. To add a
//! processor, write its crate, a migration and a plug in a folder of its own here, and name it in
//! [`PLUGS`]. The rest of the program takes the list as an argument and names no processor.
//!
//! | module | noun |
//! | --- | --- |
//! | `call` | a question of the HTTP API that a plug brings |
//! | [`command`] | a command that a plug brings |
//! | [`daily`] | the start page, budgets and the digest, over several processors |
//! | [`configured`] | processors made as the configuration wants them |
//! | [`measure`] | figures for monitors |
//! | [`persons`] | people whom a processor distinguishes inside of a user folder |
//! | [`review`] | what people decide about what a processor shows |
//! | [`tasks`] | task sessions: their settings, reports and commands |
//! | [`tracking`] | activity sessions of web events and of work with agents |
//! | [`usage`] | tokens and tool calls: its reports and commands |
//! | [`verification`] | knowledge: its settings, its language model, its reports and commands |

#[cfg(feature = "console")]
pub mod call;
pub mod command;
pub mod configured;
pub mod daily;
pub mod measure;
pub mod persons;
pub mod review;
pub mod tasks;
pub mod tracking;
pub mod usage;
pub mod verification;

pub use command::Command;
pub use configured::ConfiguredProcessors;
pub use measure::Measure;
pub use persons::Persons;
pub use review::{Decided, Removal, Review};

use crate::base::error::{Error, Result};
use crate::base::heartbeat::Heartbeat;
use crate::base::names::unknown;
use crate::config::section::Table;
use crate::config::{Config, Declaration, Environment};
use crate::pass::network::Network;
use crate::run::summary::Summary;
use crate::store::DatabaseFile;
use crate::store::lookup::Lookup;
use crate::store::migrate::Migration;
use crate::store::reader::Reader;
use crate::store::schema::{Kept, Private, Schema, Stored};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Bound, Manifest, Processor};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// The processors of this program. A further one is a line here.
pub const PLUGS: Plugs = Plugs(&[&usage::PLUG, &verification::PLUG, &tasks::PLUG, &tracking::PLUG]);

/// A processor, as far as the program knows it.
#[derive(Clone, Copy)]
pub struct Plug {
    /// As it is without any configuration. Its manifest names it and its tables.
    pub default: fn() -> &'static dyn Processor,
    /// Its part of the numbered chain of migrations, by name: `0002_usage`.
    pub migrations: &'static [Migration],
    /// The statements that make the views of its tables in a new database, which sees no migrations.
    pub views: &'static str,
    /// Its table of the configuration.
    pub table: Option<Table>,
    /// The variable of the older Python service that sets its schedule, in seconds.
    pub interval: Option<&'static str>,
    /// Private columns of tables that its manifest does not declare.
    pub private: &'static [Private],
    /// It is the one processor that the older service first had, whose ledger is taken over.
    pub adopts: bool,
    /// What it spends its time on, as it is configured.
    pub bound: fn(&Config) -> Bound,
    /// Makes it as it is configured.
    pub make: fn(&Config, &Resources) -> std::result::Result<Plugged, Obstacle>,
    /// Checks what `config check` can check of it beside the configuration itself.
    pub check: fn(&Config, &Surroundings<'_>) -> Vec<CheckFinding>,
    /// What should be known of a run of it that is over.
    pub remark: fn(&Config, &DatabaseFile, Reader<'_>, &Summary) -> Result<Vec<String>>,
    /// What somebody should look at although it runs well, such as money that is spent: a warning, never a failure.
    pub concerns: fn(Reader<'_>, &Config, DateTime<Utc>) -> Result<Vec<String>>,
    /// Figures for monitors, with a bounded number of values.
    pub measures: fn(Reader<'_>, &Config, DateTime<Utc>) -> Result<Vec<Measure>>,
    /// Tables of what the configuration knows about its values.
    pub lookups: fn(&Config) -> Result<Vec<Lookup>>,
    /// Decisions of people about what it found out.
    pub review: Option<Decisions>,
    /// Hides what it shows.
    pub remove: Option<Hide>,
    /// Why a task is in no list, by its short id and its type, with the default settings.
    pub unlisted: fn(Option<&str>, Option<&str>) -> Option<String>,
    /// What it keeps about people beside the database.
    pub kept: Option<Kept>,
    /// How people inside of a user folder are erased.
    pub persons: Option<Persons>,
    /// Its subcommands of `report`.
    pub reports: &'static [Command],
    /// Its commands beside these.
    pub commands: &'static [Command],
    /// Its questions of the HTTP API.
    #[cfg(feature = "console")]
    pub calls: &'static [call::Call],
    /// The events of tasks that it has read.
    #[cfg(feature = "console")]
    pub task_events: Option<call::TaskEvents>,
}

/// Decisions of people about what a processor found out.
#[derive(Clone, Copy)]
pub struct Decisions {
    /// The whole id of something that can be decided about, by the beginning of it.
    pub find: fn(Reader<'_>, &str) -> Result<Option<String>>,
    /// Takes a decision; returns the result in words.
    pub decide: fn(&Review, &Resources) -> Result<Vec<String>>,
}

/// Hides what a processor shows; returns the result in words.
pub type Hide = fn(&Removal, &Resources) -> Result<Vec<String>>;

/// What a processor is made from, and what actions work on, beside the configuration.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Where the service manager puts secrets.
    pub credentials: Option<PathBuf>,
    pub database: DatabaseFile,
    /// All processors of the program.
    pub plugs: Plugs,
    /// When the run begins.
    pub now: DateTime<Utc>,
    /// Stops the processor at the end of the run, also while it waits for an answer.
    pub heartbeat: Heartbeat,
    /// It may pay for answers. One that may not uses those that were kept.
    pub may_ask: bool,
}

/// A processor that was made.
pub struct Plugged {
    pub processor: Box<dyn Processor>,
    /// Of one that waits for a network.
    pub network: Option<Network>,
}

/// Why a processor cannot be made.
#[derive(Debug)]
pub enum Obstacle {
    /// It is disabled, and the others run.
    Disabled {
        reason: String,
        /// The service has credentials and a network of its own: it need not be so there.
        is_local: bool,
    },
    /// Nothing may run: a mistake that must not be passed over.
    Error(Error),
}

/// What a check of the configuration can look at.
pub struct Surroundings<'s> {
    pub credentials: Option<&'s Path>,
    /// The unit of the service closes the network.
    pub is_offline: bool,
    /// The folders of everybody who is known; `None` where the database cannot be read.
    pub people: Option<&'s BTreeSet<String>>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFinding {
    Fine(String),
    Wrong(String),
}

impl Plug {
    /// A plug of a processor that computes and needs nothing else.
    pub const fn new(
        default: fn() -> &'static dyn Processor,
        make: fn(&Config, &Resources) -> std::result::Result<Plugged, Obstacle>,
    ) -> Self {
        Self {
            default,
            migrations: &[],
            views: "",
            table: None,
            interval: None,
            private: &[],
            adopts: false,
            bound: |_| Bound::Cpu,
            make,
            check: |_, _| Vec::new(),
            remark: |_, _, _, _| Ok(Vec::new()),
            concerns: |_, _, _| Ok(Vec::new()),
            measures: |_, _, _| Ok(Vec::new()),
            lookups: |_| Ok(Vec::new()),
            review: None,
            remove: None,
            unlisted: |_, _| None,
            kept: None,
            persons: None,
            reports: &[],
            commands: &[],
            #[cfg(feature = "console")]
            calls: &[],
            #[cfg(feature = "console")]
            task_events: None,
        }
    }

    /// The manifest of the processor as it is without any configuration.
    pub fn manifest(&self) -> &'static Manifest {
        (self.default)().manifest()
    }

    pub fn name(&self) -> &'static str {
        self.manifest().name
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Resources {
    /// Those of a command that runs now.
    pub fn new(environment: &Environment, database: &DatabaseFile, plugs: Plugs, now: DateTime<Utc>) -> Self {
        let (credentials, database) = (environment.credentials.clone(), database.clone());
        Self { credentials, database, plugs, now, heartbeat: Heartbeat::default(), may_ask: true }
    }

    /// The same for a run that can be asked to end.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: &Heartbeat) -> Self {
        Self { heartbeat: heartbeat.clone(), ..self }
    }
}

/// A list of plugs, in the order in which their processors run and are shown.
#[derive(Clone, Copy)]
pub struct Plugs(pub &'static [&'static Plug]);

impl Plugs {
    /// What should be known of a run that is over. Best effort: its results stay.
    pub fn remarks(
        self,
        config: &Config,
        database: &DatabaseFile,
        reader: Reader<'_>,
        summary: &Summary,
    ) -> Vec<String> {
        let remarks = |plug: &&Plug| match (plug.remark)(config, database, reader, summary) {
            Ok(remarks) => remarks,
            Err(error) => {
                tracing::debug!(processor = plug.name(), error = error.to_string(), "cannot tell more about the run");
                Vec::new()
            }
        };
        self.0.iter().flat_map(remarks).collect()
    }

    pub fn iter(self) -> impl Iterator<Item = &'static Plug> + Clone {
        self.0.iter().copied()
    }

    /// The names of all processors.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        self.iter().map(Plug::name)
    }

    /// The processors as they are without any configuration.
    pub fn processors(self) -> Vec<&'static dyn Processor> {
        self.iter().map(|plug| (plug.default)()).collect()
    }

    /// Their manifests.
    pub fn manifests(self) -> Vec<&'static Manifest> {
        self.iter().map(Plug::manifest).collect()
    }

    /// The plug of a name.
    pub fn find(self, name: &str) -> Option<&'static Plug> {
        self.iter().find(|plug| plug.name() == name)
    }

    /// The plugs that the names name; all, if there are none.
    ///
    /// # Errors
    ///
    /// If a name is unknown.
    pub fn named(self, names: &[String]) -> Result<Vec<&'static Plug>> {
        if names.is_empty() {
            return Ok(self.0.to_vec());
        }
        let mut chosen: Vec<&'static Plug> = Vec::new();
        for name in names {
            let plug = self.find(name).ok_or_else(|| unknown("processor", name, self.names()))?;
            if !chosen.iter().any(|chosen| chosen.name() == name) {
                chosen.push(plug);
            }
        }
        Ok(chosen)
    }

    /// The reports of all processors.
    pub fn reports(self) -> impl Iterator<Item = &'static Command> {
        self.iter().flat_map(|plug| plug.reports)
    }

    /// The other commands of all processors.
    pub fn commands(self) -> impl Iterator<Item = &'static Command> {
        self.iter().flat_map(|plug| plug.commands)
    }

    /// The tables of all processors, for a database.
    pub fn schema(self) -> Schema {
        Schema::of(self.iter().map(|plug| {
            let Plug { default, migrations, views, private, adopts, kept, .. } = *plug;
            Stored { default, migrations, views, private, adopts, kept }
        }))
    }

    /// What each of them declares for the configuration.
    pub fn declarations(self) -> Vec<Declaration> {
        let declare = |plug: &Plug| {
            let Manifest { name, cadence, .. } = plug.manifest();
            Declaration { name, cadence: *cadence, table: plug.table, interval: plug.interval }
        };
        self.iter().map(declare).collect()
    }

    /// The processors that distinguish people inside of a user folder.
    pub fn persons(self) -> impl Iterator<Item = (&'static Plug, Persons)> {
        self.iter().filter_map(|plug| Some((plug, plug.persons?)))
    }
}

impl fmt::Debug for Plugs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
