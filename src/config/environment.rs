//! The parts of the environment that the program uses.

use crate::base::owner;
use crate::config::Declaration;
use crate::source::events::SERVER_ROOT;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the process was given by its parent.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub home: Option<PathBuf>,
    pub data_home: Option<PathBuf>,
    pub config_home: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR` and `CODEX_HOME`, unparsed: each can be a list of folders.
    pub claude_config: Option<OsString>,
    pub codex_home: Option<OsString>,
    /// `SESSIONMILL_EVENTS`: the folder of events, if it is not the default.
    pub events: Option<PathBuf>,
    /// Where the service manager puts secrets: `CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    pub login: String,
    /// `TZ`, unparsed.
    pub zone: Option<String>,
    /// Whether root runs the program. Root's default database is in `/var/lib`.
    pub is_root: bool,
    /// The variables of the older program that are set, by name.
    pub older: BTreeMap<&'static str, String>,
}

impl Environment {
    /// Reads the environment of the process.
    pub fn read(processors: &[Declaration]) -> Self {
        let text = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned()).filter(|t| !t.is_empty());
        let list = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let folder = |name: &str| list(name).map(PathBuf::from);
        let uid = rustix::process::getuid();
        let login = ["USER", "LOGNAME"].into_iter().find_map(text);
        let older = super::variable::all(processors).into_iter();
        let older = older.filter_map(|variable| Some((variable.name, text(variable.name)?)));
        Self {
            home: folder("HOME"),
            data_home: folder("XDG_DATA_HOME"),
            config_home: folder("XDG_CONFIG_HOME"),
            claude_config: list("CLAUDE_CONFIG_DIR"),
            codex_home: list("CODEX_HOME"),
            events: folder("SESSIONMILL_EVENTS"),
            credentials: folder("CREDENTIALS_DIRECTORY"),
            login: login
                .or_else(|| owner::known("/etc/passwd", uid.as_raw()))
                .unwrap_or_else(|| format!("uid-{}", uid.as_raw()))
                .replace('/', "_"),
            zone: text("TZ"),
            is_root: uid.is_root(),
            older: older.collect(),
        }
    }

    /// The default path of the database; `None` for a user without a home folder.
    pub fn default_database(&self) -> Option<PathBuf> {
        let folder = if self.is_root { PathBuf::from("/var/lib") } else { self.data()? };
        Some(folder.join("sessionmill/sessionmill.duckdb"))
    }

    /// The folder of events; `None` for a user without a home folder.
    pub fn events(&self) -> Option<PathBuf> {
        let server = Some(PathBuf::from(SERVER_ROOT)).filter(|root| root.is_dir());
        self.events.clone().or(server).or_else(|| Some(self.data()?.join("sessionmill/events")))
    }

    /// The folder in which programs keep data of this user.
    fn data(&self) -> Option<PathBuf> {
        let of_home = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
        self.data_home.clone().or_else(|| Some(self.home.as_ref()?.join(of_home)))
    }

    /// The first default configuration file that exists.
    pub fn default_config(&self) -> Option<PathBuf> {
        let own = self.config_home.clone().or_else(|| Some(self.home.as_ref()?.join(".config")));
        let own = own.map(|folder| folder.join("sessionmill/config.toml"));
        own.into_iter().chain([PathBuf::from("/etc/sessionmill/config.toml")]).find(|file| file.is_file())
    }
}
