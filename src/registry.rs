//! What is plugged in: processors and dialects. Adding one is a line here and a file of its own.

use crate::dialect::Dialect;
use crate::dialect::claude_code::CLAUDE_CODE;
use crate::dialect::codex::CODEX;
use crate::dialect::foreign::{DOCUMENT, OTHER};
use crate::error::{Error, Result, Status};
use sessionmill_contract::Processor;
use sessionmill_usage::Usage;
use sessionmill_verification::Verification;
use sessionmill_verification::rules::Rules;
use std::sync::LazyLock;

/// Processors, by name.
static PROCESSORS: LazyLock<[&dyn Processor; 2]> = LazyLock::new(|| [&Usage, &*VERIFICATION]);

static VERIFICATION: LazyLock<Verification> = LazyLock::new(|| Verification::new(Box::new(Rules)));

/// Dialects, in the order in which a file is offered to them; the last one takes what is left.
static DIALECTS: [Dialect; 4] = [CODEX, DOCUMENT, OTHER, CLAUDE_CODE];

/// Numbered migrations, oldest first.
pub const MIGRATIONS: [(&str, &str); 23] = [
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
    ("0011_whereabouts", include_str!("../migrations/0011_whereabouts.sql")),
    ("0012_dropped", include_str!("../migrations/0012_dropped.sql")),
    ("0013_comments", include_str!("../migrations/0013_comments.sql")),
    ("0014_judgements", include_str!("../migrations/0014_judgements.sql")),
    ("0015_founders", include_str!("../migrations/0015_founders.sql")),
    ("0016_waiting", include_str!("../migrations/0016_waiting.sql")),
    ("0017_call_keys", include_str!("../migrations/0017_call_keys.sql")),
    ("0018_terms", include_str!("../migrations/0018_terms.sql")),
    ("0019_declined", include_str!("../migrations/0019_declined.sql")),
    ("0020_sources", include_str!("../migrations/0020_sources.sql")),
    ("0021_bans", include_str!("../migrations/0021_bans.sql")),
    ("0022_settling", include_str!("../migrations/0022_settling.sql")),
    ("0023_settlements", include_str!("../migrations/0023_settlements.sql")),
];

/// A text column that snapshots leave empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Private {
    /// Of a table in schema `facts`.
    pub table: &'static str,
    pub column: &'static str,
}

/// Columns that quote what people wrote, which snapshots leave empty.
static PRIVATE: [Private; 1] = [Private { table: "verification_claims", column: "user_quote" }];

/// Columns that snapshots leave empty.
pub fn private() -> &'static [Private] {
    &PRIVATE
}

/// Tables that neither snapshots nor their Parquet files have.
pub const UNPUBLISHED: [&str; 1] = ["forgotten_users"];

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
    if known.is_empty() {
        return Error::new(Status::Usage, format!("unknown {what} `{name}`; there are none yet"));
    }
    let list = known.iter().take(LISTED).map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
    let more = if known.len() > LISTED { ", …" } else { "" };
    let error = Error::new(Status::Usage, format!("unknown {what} `{name}`; known: {list}{more}"));
    match nearest(name, known.into_iter()) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`?")),
        None => error,
    }
}

/// Names that [`likely`] returns.
const LIKELY: usize = 3;

/// The known names that may be meant by another one, the likeliest first. The case of letters does not count.
pub fn likely<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    // Of a short name with one letter wrong, too little is left to be like it.
    let likeness = |known: &str| match strsim::osa_distance(known, &name) {
        0 => 2.0,
        1 if name.len() > 2 => 1.0,
        _ => strsim::jaro_winkler(known, &name),
    };
    let mut likely: Vec<_> = known.map(|known| (likeness(&known.to_lowercase()), known)).collect();
    likely.retain(|(likeness, _)| *likeness > 0.7);
    likely.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    likely.dedup();
    likely.into_iter().map(|(_, known)| known).take(LIKELY).collect()
}

/// The known name that is so like another one that it may be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = nearest.max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.filter(|(likeness, _)| *likeness > 0.7).map(|(_, nearest)| nearest)
}
