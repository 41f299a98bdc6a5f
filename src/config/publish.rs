//! The table `[publish]`: what a snapshot contains for readers without access to the database.

use serde::{Deserialize, Serialize};
use sessionmill_contract::Sensitive;

/// Settings of published snapshots.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// Whether the service publishes a snapshot after each run that changed something.
    pub after_runs: bool,
    /// Whether each snapshot is also written as Parquet files, one per table.
    pub parquet: bool,
    /// Whether snapshots contain verbatim text of people.
    pub quotes: bool,
    /// Whether snapshots contain network addresses of people.
    pub ips: bool,
    /// Which titles of sessions snapshots contain, and other texts taken from prompts and errors.
    pub titles: Titles,
    /// Users, by uid, for whom further snapshots with quotes and all titles are written: the user that runs the
    /// console.
    pub content_uids: Vec<u32>,
}

/// Which titles snapshots contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Titles {
    /// Titles that clients set.
    #[default]
    Client,
    /// Also titles taken from prompts, and examples of error texts.
    All,
    None,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            after_runs: true,
            parquet: true,
            quotes: false,
            ips: false,
            titles: Titles::Client,
            content_uids: Vec::new(),
        }
    }
}

impl Publish {
    /// The settings for the snapshots of `content_uids`.
    pub fn content(&self) -> Self {
        Self { parquet: false, quotes: true, titles: Titles::All, ..self.clone() }
    }

    /// Whether snapshots contain columns of this kind.
    pub fn has(&self, what: Sensitive) -> bool {
        match what {
            Sensitive::Quote => self.quotes,
            Sensitive::Ip => self.ips,
            Sensitive::Title => self.titles != Titles::None,
            Sensitive::Content => self.titles == Titles::All,
        }
    }
}
