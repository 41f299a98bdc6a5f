//! Flags for the paths of the database, the configuration and the transcripts.

use crate::base::error::{Error, Result, Status};
use crate::base::utc;
use crate::command::remark;
use crate::config::{self, Config};
use crate::plug::Context;
use crate::source::access;
use crate::source::agents::Agents;
use crate::source::{self, Choice, Layout, Remembered, Source, Wishes};
use crate::store::reader::Reader;
use crate::store::reading;
use crate::store::snapshot::Snapshot;
use crate::store::{self, DatabaseFile, SharedStore, Store, sources};
#[cfg(feature = "console")]
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the database is.
#[derive(Debug, clap::Args)]
pub(crate) struct Database {
    /// Database file [default: sessionmill/sessionmill.duckdb in your data folder; for root in /var/lib]
    #[arg(long, value_name = "FILE", env = VARIABLE)]
    database: Option<PathBuf>,

    /// Configuration file [default: sessionmill/config.toml in ~/.config, then in /etc]
    #[arg(long, value_name = "FILE", env = "SESSIONMILL_CONFIG")]
    config: Option<PathBuf>,
}

/// Where the transcripts are.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// Folder of transcripts [default: the configured ones, then the database's own, then /data/user_sessions, then
    /// those of Claude Code and Codex in your home folder]
    #[arg(long, value_name = "DIR")]
    sessions: Option<PathBuf>,

    /// Meaning of the folders below it [default: users, except for those of Claude Code and Codex]
    #[arg(long)]
    layout: Option<Layout>,

    /// Accept that the tree of a source was moved, emptied or replaced
    #[arg(long)]
    pub(crate) adopt: bool,
}

impl Database {
    /// The configuration, and the path of the database. The user may enter its folder.
    pub(crate) fn find(&self, context: &Context) -> Result<(Config, DatabaseFile)> {
        let (config, database) = self.named(context)?;
        access::may_enter(&database)?;
        let path = &database.path;
        if path.is_dir() {
            let message = format!("`{}` is a folder, and the database is a file", path.display());
            let file = path.join("sessionmill.duckdb");
            return Err(
                Error::new(Status::CannotRun, message).hint(format!("name a file: --database {}", file.display()))
            );
        }
        Ok((config, database))
    }

    /// The same for a command that does not use the database.
    pub(crate) fn named(&self, context: &Context) -> Result<(Config, DatabaseFile)> {
        let (file, reading) = self.read(context)?;
        let config = config::whole(file.as_deref(), reading)?;
        let path = self.path(&config, context)?;
        Ok((config, DatabaseFile::new(path, context.plugs.schema())))
    }

    /// The configuration with its mistakes, and its file.
    pub(crate) fn read(&self, context: &Context) -> Result<(Option<PathBuf>, config::reading::Reading)> {
        config::read(self.config.as_deref(), &context.environment, &context.plugs.declarations())
    }

    /// Whether a flag or a variable names the configuration.
    pub(crate) fn names_config(&self) -> bool {
        self.config.is_some()
    }

    /// Flags that make another process use the same files.
    #[cfg(feature = "console")]
    pub(crate) fn flags(&self, database: &DatabaseFile) -> Vec<OsString> {
        let config = self.config.iter().flat_map(|file| ["--config".into(), file.clone().into_os_string()]);
        let database: &Path = database;
        ["--database".into(), database.as_os_str().to_owned()].into_iter().chain(config).collect()
    }

    /// The path of the database.
    pub(crate) fn path(&self, config: &Config, context: &Context) -> Result<PathBuf> {
        let path = self.database.clone().or_else(|| config.database.clone());
        let path = path.or_else(|| context.environment.default_database()).ok_or_else(|| {
            Error::new(Status::Config, "there is no home folder to keep the database in")
                .hint("name a file with --database FILE or SESSIONMILL_DATABASE")
        })?;
        Ok(std::path::absolute(&path).unwrap_or(path))
    }

    /// Refuses a database from `--database` in a folder that does not exist. Otherwise a report would create both after
    /// a typo.
    pub(crate) fn must_have_folder(&self, database: &DatabaseFile) -> Result<()> {
        let folder = database.parent().filter(|folder| !folder.exists());
        let Some(folder) = folder.filter(|_| self.origin() == Some("--database")) else { return Ok(()) };
        Err(Error::new(Status::CannotRun, format!("there is no folder `{}`", folder.display()))
            .hint("correct --database, or make a database there with `sessionmill run`"))
    }

    /// The flag or variable that names the database, if any.
    pub(crate) fn origin(&self) -> Option<&'static str> {
        let database = self.database.as_ref()?;
        let is_variable = std::env::var_os(VARIABLE).is_some_and(|variable| variable == database.as_os_str());
        Some(if is_variable { VARIABLE } else { "--database" })
    }
}

const VARIABLE: &str = "SESSIONMILL_DATABASE";

impl SourceArgs {
    /// The sources to walk.
    pub(crate) fn choose(&self, config: &Config, database: &DatabaseFile, context: &Context) -> Result<Choice> {
        self.find(config, database, context)?.ok_or_else(|| source::nothing(agents(context)))
    }

    /// The sources to walk, if there are any.
    pub(crate) fn find(&self, config: &Config, database: &DatabaseFile, context: &Context) -> Result<Option<Choice>> {
        let explicit = self.sessions.is_some() || named().is_some() || !config.source.is_empty();
        let mut remembered = store::remembered(database);
        let now = context.now.wall;
        if remembered.is_empty() && !explicit && store::is_begun(database) {
            remembered = SharedStore::new(database, now).repairing(|store| {
                store.migrate()?;
                sources::of(store.get()?)
            })?;
        }
        let is_new = remembered.is_empty();
        let Some(mut choice) = self.find_among(config, remembered, context)? else { return Ok(None) };
        if choice.found.is_empty() {
            return Ok(Some(choice));
        }
        let found: Vec<_> = choice.found.iter().map(Source::real).collect();
        let added = SharedStore::new(database, now).repairing(|store| {
            store.migrate()?;
            sources::add_found(store.get()?, &found)
        });
        match added {
            // The next run finds them again.
            Err(error) if error.status == Status::Busy && !is_new => {
                choice.sources.retain(|source| !choice.found.contains(source));
                choice.events = choice.events.filter(|root| choice.sources.iter().any(|source| source.root == *root));
                choice.found.clear();
            }
            added => added?,
        }
        Ok(Some(choice))
    }

    /// The sources to walk for a database that already has these.
    pub(crate) fn choose_among(
        &self,
        config: &Config,
        remembered: Vec<Remembered>,
        context: &Context,
    ) -> Result<Choice> {
        self.find_among(config, remembered, context)?.ok_or_else(|| source::nothing(agents(context)))
    }

    fn find_among(&self, config: &Config, remembered: Vec<Remembered>, context: &Context) -> Result<Option<Choice>> {
        let events = context.environment.events();
        source::choose(Wishes {
            flag: self.sessions.as_deref(),
            environment: named().as_deref(),
            layout: self.layout,
            configured: config.sources(),
            remembered,
            agents: agents(context),
            events: events.as_deref(),
        })
    }
}

/// Where agents write their logs.
fn agents(context: &Context) -> Agents<'_> {
    let environment = &context.environment;
    Agents {
        claude: environment.claude_config.as_deref(),
        codex: environment.codex_home.as_deref(),
        home: environment.home.as_deref(),
        config_home: environment.config_home.as_deref(),
    }
}

/// The root in the environment.
fn named() -> Option<PathBuf> {
    std::env::var_os("SESSION_DATA_DIR").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Reads the database, or its newest snapshot if the user may not write the database. Prints a note if the user may
/// not.
pub(crate) fn read<T>(database: &DatabaseFile, context: &Context, body: impl Fn(Reader<'_>) -> Result<T>) -> Result<T> {
    read_open(database, None, context, body)
}

/// The same, with the database that a pass of this process may have left open.
pub(crate) fn read_open<T>(
    database: &DatabaseFile,
    left: Option<Store>,
    context: &Context,
    body: impl Fn(Reader<'_>) -> Result<T>,
) -> Result<T> {
    announce(database);
    reading::read(database, left, context.now.wall, body)
}

/// Prints how old the figures are if the user may not write the database, and so reads a snapshot, or the database
/// without an update.
pub(crate) fn announce(database: &Path) {
    if access::may_write(database) {
        return;
    }
    if let Some(Snapshot { path, time }) = Snapshot::newest(database) {
        remark(&format!("note: as of {}, from {}", utc::minute(time), path.display()));
    } else if let Some(time) = store::log::last_written(database) {
        remark(&format!("note: as of {}; you may not update the database", utc::minute(time)));
    }
}
