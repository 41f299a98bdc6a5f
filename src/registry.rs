//! What is plugged in: processors and dialects. Adding one is a line here and a file of its own.

use crate::config::Config;
use crate::dialect::Dialect;
use crate::dialect::claude_code::CLAUDE_CODE;
use crate::dialect::codex::CODEX;
use crate::dialect::foreign::{DOCUMENT, OTHER};
use crate::error::{Error, Result, Status};
use crate::llm::Model;
use crate::store::publish::Private;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};
use sessionmill_usage::Usage;
use sessionmill_verification::Verification;
use sessionmill_verification::rules::Rules;
use std::path::Path;
use std::sync::LazyLock;

/// Processors, by name.
static PROCESSORS: LazyLock<[&dyn Processor; 2]> = LazyLock::new(|| [&Usage, &*VERIFICATION]);

static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::new(Box::new(Rules)));

/// Dialects, in the order in which a file is offered to them; the last one takes what is left.
static DIALECTS: [Dialect; 4] = [CODEX, DOCUMENT, OTHER, CLAUDE_CODE];

/// Numbered migrations, oldest first.
pub const MIGRATIONS: [(&str, &str); 10] = [
    ("0001_ledger", include_str!("../migrations/0001_ledger.sql")),
    ("0002_usage", include_str!("../migrations/0002_usage.sql")),
    ("0003_source_marks", include_str!("../migrations/0003_source_marks.sql")),
    ("0004_verification", include_str!("../migrations/0004_verification.sql")),
    ("0005_network", include_str!("../migrations/0005_network.sql")),
    ("0006_audit", include_str!("../migrations/0006_audit.sql")),
    ("0007_agents", include_str!("../migrations/0007_agents.sql")),
    ("0008_knowledge", include_str!("../migrations/0008_knowledge.sql")),
    ("0009_reasoning", include_str!("../migrations/0009_reasoning.sql")),
    ("0010_forgotten", include_str!("../migrations/0010_forgotten.sql")),
];

/// Columns that quote what people wrote, which snapshots leave empty.
static PRIVATE: [Private; 1] = [Private { table: "verification_claims", column: "user_quote" }];

/// Columns that snapshots leave empty.
pub fn private() -> &'static [Private] {
    &PRIVATE
}

/// The processors of one run, as the configuration wants them.
pub struct Lineup {
    pub processors: Vec<Box<dyn Processor>>,
    pub disabled: Disabled,
}

/// Processors that cannot work as they are configured, and why.
#[derive(Clone, Debug, Default)]
pub struct Disabled(pub Vec<(&'static str, String)>);

impl Disabled {
    /// Why a processor cannot work, if it cannot.
    pub fn why(&self, processor: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == processor).map(|(_, reason)| reason.as_str())
    }
}

impl Lineup {
    /// The processors that the names name; all, if there are none. A secret is read now, from the service
    /// manager's folder where the configuration names none.
    ///
    /// # Errors
    ///
    /// If a name is unknown, or none of the named can work.
    pub fn new(
        names: &[String],
        config: &Config,
        credentials: Option<&Path>,
        database: &Path,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let verification = match config.verification.api() {
            None => Ok(Verification::new(Box::new(Rules))),
            Some(api) => Model::new(api, &config.verification, credentials, database, now)
                .map(|model| Verification::new(Box::new(model))),
        };
        let excluded = &config.verification.exclude_users;
        let verification = verification.map(|processor| processor.excluding(excluded.clone()));
        let all: [std::result::Result<Box<dyn Processor>, String>; 2] =
            [Ok(Box::new(Usage)), verification.map(|processor| Box::new(processor) as Box<dyn Processor>)];
        let wanted: Vec<_> = named(names)?.iter().map(|processor| processor.manifest().name).collect();
        let mut lineup = Self { processors: Vec::new(), disabled: Disabled::default() };
        for (known, processor) in PROCESSORS.iter().zip(all) {
            let name = known.manifest().name;
            match processor {
                _ if !wanted.contains(&name) => {}
                Ok(processor) => lineup.processors.push(processor),
                Err(reason) => lineup.disabled.0.push((name, reason)),
            }
        }
        match lineup.disabled.0.first() {
            Some((name, reason)) if lineup.processors.is_empty() => {
                Err(Error::new(Status::Config, format!("processor `{name}` is disabled: {reason}")))
            }
            _ => Ok(lineup),
        }
    }

    /// The manifests of all processors; those of the disabled ones as they are by default.
    pub fn manifests(&self) -> Vec<&Manifest> {
        let mut manifests: Vec<&Manifest> = Vec::new();
        for default in PROCESSORS.iter().map(|processor| processor.manifest()) {
            let mut own = self.processors.iter().map(|processor| processor.manifest());
            manifests.push(own.find(|own| own.name == default.name).unwrap_or(default));
        }
        manifests
    }

    pub fn processors(&self) -> Vec<&dyn Processor> {
        self.processors.iter().map(|processor| &**processor).collect()
    }
}

/// All processors.
pub fn processors() -> &'static [&'static dyn Processor] {
    &*PROCESSORS
}

/// The processors that the names name; all, if there are none.
///
/// # Errors
///
/// If a name is unknown.
pub fn named(names: &[String]) -> Result<Vec<&'static dyn Processor>> {
    if names.is_empty() {
        return Ok(PROCESSORS.to_vec());
    }
    let mut chosen: Vec<&'static dyn Processor> = Vec::new();
    for name in names {
        let known = || PROCESSORS.iter().map(|processor| processor.manifest().name);
        let Some(processor) = PROCESSORS.iter().find(|processor| processor.manifest().name == name) else {
            return Err(unknown("processor", name, known()));
        };
        if !chosen.iter().any(|chosen| chosen.manifest().name == name) {
            chosen.push(*processor);
        }
    }
    Ok(chosen)
}

/// All dialects.
pub fn dialects() -> &'static [Dialect] {
    &DIALECTS
}

/// The dialect of a file that begins like this.
pub fn dialect_of(head: &[u8]) -> Dialect {
    let [.., last] = DIALECTS;
    DIALECTS.into_iter().find(|dialect| (dialect.recognises)(head)).unwrap_or(last)
}

/// Known names that an error lists.
const LISTED: usize = 20;

/// An error for a name that is none of the known ones.
pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<_> = known.collect();
    let list = known.iter().take(LISTED).map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > LISTED { ", …" } else { "" };
    let error = Error::new(Status::Usage, format!("unknown {what} `{name}`; known: {list}{more}"));
    match nearest(name, known.into_iter()) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error,
    }
}

/// The known name that is so like another one that it may be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.filter(|(likeness, _)| *likeness > 0.7).map(|(_, nearest)| nearest)
}
