//! Flags that say where things are, and what they come to.

use crate::cli::{Context, remark};
use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::source::{self, Choice, Layout, Wishes};
use crate::store::reading::{self, Reading};
use crate::store::snapshot::Snapshot;
use crate::store::{self, Turns, migrate, presence};
use std::path::PathBuf;

/// Where the database is.
#[derive(Debug, clap::Args)]
pub(crate) struct Database {
    /// Database file [default: sessionmill/sessionmill.duckdb in your data folder; for root in /var/lib]
    #[arg(long, value_name = "FILE", env = "SESSIONMILL_DATABASE")]
    database: Option<PathBuf>,

    /// Configuration file [default: sessionmill/config.toml in ~/.config, then in /etc]
    #[arg(long, value_name = "FILE", env = "SESSIONMILL_CONFIG")]
    config: Option<PathBuf>,
}

/// Where the transcripts are.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Folder of transcripts [default: the configured one, then the database's own, then
    /// /data/user_sessions, then ~/.claude/projects]
    #[arg(long, value_name = "DIR")]
    sessions: Option<PathBuf>,

    /// What the folders below it mean [default: users, but for .claude/projects]
    #[arg(long)]
    layout: Option<Layout>,

    /// Accept that the database's transcripts are in another folder now
    #[arg(long)]
    pub(crate) adopt: bool,
}

impl Database {
    /// The configuration and the path of the database.
    pub(crate) fn find(&self, context: &Context) -> Result<(Config, PathBuf)> {
        let config = Config::read(self.config.as_deref(), &context.environment)?;
        let path = self.database.clone().or_else(|| config.database.clone());
        let path = path.or_else(|| context.environment.default_database()).ok_or_else(|| {
            Error::new(Status::Config, "there is no home folder to keep the database in")
                .hint("name a file with --database FILE or SESSIONMILL_DATABASE")
        })?;
        Ok((config, std::path::absolute(&path).unwrap_or(path)))
    }
}

impl Place {
    /// The sources to walk.
    pub(crate) fn choose(&self, config: &Config, database: &std::path::Path, context: &Context) -> Result<Choice> {
        let named = std::env::var_os("SESSION_DATA_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
        let explicit = self.sessions.is_some() || named.is_some() || !config.source.is_empty();
        let remembered = if explicit || !store::is_begun(database) {
            Vec::new()
        } else {
            Turns::new(database, context.now.wall).repairing(|store| {
                migrate::migrate(store.get()?, context.now.wall)?;
                presence::sources(store.get()?)
            })?
        };
        source::choose(Wishes {
            flag: self.sessions.as_deref(),
            environment: named.as_deref(),
            layout: self.layout,
            configured: config.sources(),
            remembered,
            claude_config: context.environment.claude_config.as_deref(),
            home: context.environment.home.as_deref(),
        })
    }
}

/// Reads the database, or the newest snapshot of it where its user may not write the database; says so
/// then.
pub(crate) fn read<T>(
    database: &std::path::Path,
    context: &Context,
    body: impl Fn(&Reading<'_>) -> Result<T>,
) -> Result<T> {
    if let Some(Snapshot { path, time }) = Snapshot::instead_of(database) {
        remark(&format!("note: as of {}, from {}", time.format("%Y-%m-%d %H:%M UTC"), path.display()));
    }
    reading::read(database, context.now.wall, body)
}
