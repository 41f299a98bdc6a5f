//! A claim on its way into the database: checked against the turn it was found in, and named.

use crate::{Claim, Role, Turn, View};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, SourceFile, Table};

/// One row per source file and claim.
pub static CLAIMS: Table = Table {
    name: "verification_claims",
    columns: &[
        "domain",
        "claim_id",
        "detection_type",
        "title",
        "content",
        "user_quote",
        "entities",
        "time",
        "session_id",
        "line",
    ],
};

/// A claim with the turn that it was found in.
#[derive(Debug)]
pub struct Found {
    /// `uuid:<record>:<number>`, which a copy of the record in another file repeats, or
    /// `line:<source file>:<line>:<number>`.
    pub claim_id: String,
    pub claim: Claim,
    pub time: Option<DateTime<Utc>>,
    pub session_id: Box<str>,
    pub line: u64,
}

impl Found {
    /// The claim, or nothing for one that is not what a person said in a fresh turn of the window: a
    /// model can make up a quote. `number` counts the claims of a turn.
    pub fn new(file: &SourceFile, view: &View<'_>, mut claim: Claim, number: usize) -> Option<Self> {
        let turn = view.turns.get(claim.turn).filter(|turn| turn.role == Role::Person && claim.turn >= view.fresh)?;
        let is_quoted = !claim.quote.trim().is_empty() && turn.text.contains(&claim.quote);
        let fits = |text: &str, characters: usize| !text.trim().is_empty() && text.chars().count() <= characters;
        if !is_quoted
            || !fits(&claim.quote, Claim::QUOTE)
            || !fits(&claim.content, Claim::CONTENT)
            || !fits(&claim.title, Claim::TITLE)
        {
            return None;
        }
        claim.entities.sort();
        claim.entities.dedup();
        Some(Self {
            claim_id: claim_id(file, turn, number),
            claim,
            time: turn.time,
            session_id: turn.session_id.clone(),
            line: turn.line,
        })
    }

    /// Adds the claim's row.
    pub fn push(&self, rows: &mut Rows) {
        let Self { claim_id, claim, time, session_id, line } = self;
        let entities = serde_json::Value::from(claim.entities.as_slice()).to_string();
        rows.push(
            &CLAIMS,
            [
                claim.domain.name().into(),
                claim_id.as_str().into(),
                claim.detection.name().into(),
                claim.title.as_str().into(),
                claim.content.as_str().into(),
                claim.quote.as_str().into(),
                entities.as_str().into(),
                (*time).into(),
                (&**session_id).into(),
                (*line).into(),
            ],
        );
    }
}

fn claim_id(file: &SourceFile, turn: &Turn, number: usize) -> String {
    match &turn.uuid {
        Some(uuid) => format!("uuid:{uuid}:{number}"),
        None => format!("line:{}:{}:{number}", file.session_file, turn.line),
    }
}
