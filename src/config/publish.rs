//! The table `[publish]`: what readers get who may not write the database.

use serde::{Deserialize, Serialize};
use sessionmill_contract::Sensitive;

/// Settings of published snapshots.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// The service publishes after runs that have changed something.
    pub after_runs: bool,
    /// Beside each snapshot the same as Parquet files, one per table.
    pub parquet: bool,
    /// Snapshots hold what people wrote, letter by letter.
    pub quotes: bool,
    /// Snapshots hold the network addresses of people.
    pub ips: bool,
    /// Titles of sessions, and what is taken from prompts and errors.
    pub titles: Titles,
    /// Users, by number, who get snapshots of their own with quotes and all titles: that of the console.
    pub content_uids: Vec<u32>,
}

/// Which titles snapshots have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Titles {
    /// Those that clients give.
    #[default]
    Client,
    /// Those that are taken from prompts, too, and examples of errors.
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
    /// What those get who are named.
    pub fn content(&self) -> Self {
        Self { parquet: false, quotes: true, titles: Titles::All, ..self.clone() }
    }

    /// Whether snapshots have columns of this kind.
    pub fn has(&self, what: Sensitive) -> bool {
        match what {
            Sensitive::Quote => self.quotes,
            Sensitive::Ip => self.ips,
            Sensitive::Title => self.titles != Titles::None,
            Sensitive::Content => self.titles == Titles::All,
        }
    }
}
