//! The table `[daemon]`: how the service goes about its work.

use serde::{Deserialize, Serialize};
use sessionmill_contract::Bound;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings of the daemon.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daemon {
    /// How often it looks at the clock and at the folder of triggers.
    #[serde(with = "super::time")]
    pub tick: Duration,
    /// The folder of triggers, if not the one beside the database.
    pub triggers: Option<PathBuf>,
    /// Users who may drop triggers, beside root and the daemon's own.
    pub allow_uids: Vec<u32>,
    /// Walk sooner when files change.
    pub watch: bool,
    /// A run begins no file after this time.
    #[serde(with = "super::time")]
    pub budget: Duration,
    /// Most files that a processor looks into in one run.
    pub max_files: Option<NonZeroU64>,
    /// Where a Prometheus text file is written after each run.
    pub metrics_file: Option<PathBuf>,
}

/// What a processor that waits for a network looks into, unless the configuration says otherwise.
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
    /// The folder of triggers for a database: one that outlives a stop.
    pub fn triggers(&self, database: &Path) -> PathBuf {
        self.triggers.clone().unwrap_or_else(|| database.with_file_name("triggers"))
    }

    /// Most files of one run of a processor, if there is a limit.
    pub fn files(&self, bound: Bound) -> Option<u64> {
        match (self.max_files, bound) {
            (Some(files), _) => Some(files.get()),
            (None, Bound::Network) => Some(NETWORK_FILES),
            (None, Bound::Cpu) => None,
        }
    }
}
