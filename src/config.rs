//! What a command works on: flags before environment before the configuration file before defaults.

use crate::error::{Error, Result, Status};
use crate::read::Caps;
use crate::source::{Layout, Source};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The configuration file. A key it does not have is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database file.
    pub database: Option<PathBuf>,
    /// IANA name of the zone that days are told in.
    pub timezone: Option<String>,
    /// Bounds on what one file can cost.
    #[serde(default)]
    pub caps: Caps,
    /// Trees of transcripts.
    #[serde(default)]
    pub source: Vec<SourceTable>,
}

/// A `[[source]]` of the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceTable {
    pub name: String,
    pub path: PathBuf,
    #[serde(default)]
    pub layout: Layout,
}

/// The environment, as far as it matters.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub home: Option<PathBuf>,
    pub data_home: Option<PathBuf>,
    pub config_home: Option<PathBuf>,
    pub claude_config: Option<PathBuf>,
    pub login: String,
    /// Root keeps its database where services do.
    pub is_root: bool,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let uid = rustix::process::getuid();
        let login =
            ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
        Self {
            home: folder("HOME"),
            data_home: folder("XDG_DATA_HOME"),
            config_home: folder("XDG_CONFIG_HOME"),
            claude_config: folder("CLAUDE_CONFIG_DIR"),
            login: login.unwrap_or_else(|| format!("uid-{}", uid.as_raw())).replace('/', "_"),
            is_root: uid.is_root(),
        }
    }

    /// Where the database is if nobody says otherwise; `None` for somebody without a home.
    pub fn default_database(&self) -> Option<PathBuf> {
        let folder = match (&self.data_home, &self.home) {
            _ if self.is_root => PathBuf::from("/var/lib"),
            (Some(data_home), _) => data_home.clone(),
            (None, Some(home)) if cfg!(target_os = "macos") => home.join("Library/Application Support"),
            (None, Some(home)) => home.join(".local/share"),
            (None, None) => return None,
        };
        Some(folder.join("sessionmill/sessionmill.duckdb"))
    }

    fn default_config(&self) -> Option<PathBuf> {
        let own = self.config_home.clone().or_else(|| Some(self.home.as_ref()?.join(".config")));
        let own = own.map(|folder| folder.join("sessionmill/config.toml"));
        own.into_iter().chain([PathBuf::from("/etc/sessionmill/config.toml")]).find(|file| file.is_file())
    }
}

impl Config {
    /// Reads the named file; else the first of the default ones that exists; else nothing.
    ///
    /// # Errors
    ///
    /// With status `Config` if the file cannot be read or says something that means nothing.
    pub fn read(named: Option<&Path>, environment: &Environment) -> Result<Self> {
        let Some(path) = named.map(Path::to_owned).or_else(|| environment.default_config()) else {
            return Ok(Self::default());
        };
        #[expect(clippy::disallowed_methods, reason = "the configuration, not the database")]
        let text = std::fs::read_to_string(&path);
        let wrong = |cause: String| Error {
            status: Status::Config,
            ..Error::cannot("read the configuration", path.display(), cause)
        };
        let text = text.map_err(|error| wrong(error.kind().to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        let mut names: Vec<_> = config.source.iter().map(|source| &source.name).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(wrong(format!("two sources are named `{}`", pair[0])));
        }
        let roots: Vec<_> = config.source.iter().map(|source| source.path.canonicalize()).collect();
        let within = |(inner, outer): &(usize, usize)| match (&roots[*inner], &roots[*outer]) {
            (Ok(a), Ok(b)) => inner != outer && a.starts_with(b),
            _ => false,
        };
        let pairs = (0..roots.len()).flat_map(|inner| (0..roots.len()).map(move |outer| (inner, outer)));
        match pairs.into_iter().find(within) {
            Some((inner, outer)) => {
                let [inner, outer] = [inner, outer].map(|number| &config.source[number].name);
                Err(wrong(format!("source `{inner}` lies inside of `{outer}`, and would be counted twice")))
            }
            None => Ok(config),
        }
    }

    /// The sources that the file names.
    pub fn sources(&self) -> Vec<Source> {
        let source = |table: &SourceTable| Source {
            name: table.name.clone(),
            root: std::path::absolute(&table.path).unwrap_or_else(|_| table.path.clone()),
            layout: table.layout,
        };
        let mut sources: Vec<_> = self.source.iter().map(source).collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        sources
    }
}
