//! The table `[daemon]`: how the service works.

use serde::{Deserialize, Serialize};
use sessionmill_contract::Bound;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the daemon.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// How often the daemon checks the clock and the trigger folder.
    #[serde(with = "super::time")]
    pub tick: Duration,
    /// The trigger folder; by default beside the database.
    pub triggers: Option<PathBuf>,
    /// Users who may create triggers, in addition to root and the daemon's own user.
    pub allow_uids: Vec<u32>,
    /// Start a walk soon after files change, instead of at the next due time.
    pub watch: bool,
    /// A run begins no further file after this time.
    #[serde(with = "super::time")]
    pub budget: Duration,
    /// The most files that a processor reads in one run.
    pub max_files: Option<NonZeroU64>,
    /// The Prometheus text file that is written after each run.
    pub metrics_file: Option<PathBuf>,
}

/// The limit for a network-bound processor, unless `max_files` is set.
const NETWORK_FILES: u64 = 50;

impl Default for Daemon {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(30),
            triggers: None,
            allow_uids: Vec::new(),
            watch: false,
            budget: Duration::from_secs(150),
            max_files: None,
            metrics_file: None,
        }
    }
}

impl Daemon {
    /// The trigger folder for a database. It is kept when the daemon stops.
    pub fn triggers(&self, database: &Path) -> PathBuf {
        self.triggers.clone().unwrap_or_else(|| database.with_file_name("triggers"))
    }

    /// The most files that one run of a processor reads; `None` for no limit.
    pub fn files(&self, bound: Bound) -> Option<u64> {
        match (self.max_files, bound) {
            (Some(files), _) => Some(files.get()),
            (None, Bound::Network) => Some(NETWORK_FILES),
            (None, Bound::Cpu) => None,
        }
    }
}
