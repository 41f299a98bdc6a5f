//! A claim as it is stored: checked against the turn in which it was found, and with an id.

use crate::prompt;
use crate::{Claim, Role, Turn, View};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, SourceFile, table};

table! {
    /// one row per source file and fact that a person stated in a conversation; a copy of the conversation repeats
    /// its claim_id
    pub static CLAIMS: Table = "verification_claims", Viewed;

    /// A claim in one source file.
    #[derive(Clone, Debug)]
    pub struct ClaimRow<'a> {
        /// finance, engineering, product, data, operations, infrastructure or general
        domain: &'a str,
        /// uuid:<record>:<number>, or line:… where the log gives no uuid
        claim_id: &'a str,
        /// correction, confirmation, unprompted_definition or instruction
        detection_type: &'a str,
        /// 60 characters at most
        title: &'a str,
        /// the fact, to be understood without the conversation
        content: &'a str,
        /// what the person wrote, letter by letter
        user_quote: &'a str as quote,
        /// what the fact is about: a JSON list of texts, in order
        entities: &'a str,
        /// UTC; of a neighbouring record where the line has none
        time: Option<DateTime<Utc>>,
        /// session id of the transcript
        session_id: &'a str,
        /// line of the source file that holds the quote
        line: u64,
        /// for whom it holds: person, project or domain
        scope: Option<&'a str>,
        /// working directory of the conversation
        project: Option<&'a str>,
        /// how likely the detector finds it that somebody would write this down, from 0 to 1; null if it does not say
        likelihood: Option<i64>,
        /// what the detector saw in it, the weightiest first: a JSON list of texts
        signs: Option<&'a str>,
        /// of a long prompt: in several sessions, a tool or a template wrote it, and it is nobody's evidence
        template_id: Option<&'a str>,
    }
}

/// The bytes of a prompt that is too long for a person to type twice.
const LONG: usize = 600;

/// A claim, with the turn in which it was found.
#[derive(Debug)]
pub struct Found {
    /// `uuid:<record>:<number>`, which is the same in a copy of the record in another file; or `line:<source
    /// file>:<line>:<number>`.
    pub claim_id: String,
    pub claim: Claim,
    pub time: Option<DateTime<Utc>>,
    pub session_id: Box<str>,
    pub line: u64,
    pub project: Option<Box<str>>,
    pub template_id: Option<String>,
}

impl Found {
    /// Makes a claim, unless its quote is not text that a person wrote in a fresh turn of the window: a model can
    /// invent a quote, and a person can paste what a tool printed. `number` counts the claims of a turn.
    pub fn new(file: &SourceFile, view: &View<'_>, mut claim: Claim, number: usize) -> Option<Self> {
        let turn = view.turns.get(claim.turn).filter(|turn| turn.role == Role::Person && claim.turn >= view.fresh)?;
        let start = turn.text.find(&claim.quote)?;
        let end = start + claim.quote.len();
        let is_printed = turn.printed.iter().any(|line| line.start < end && start < line.end);
        let fits = |text: &str, characters: usize| !text.trim().is_empty() && text.chars().count() <= characters;
        if is_printed
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
            project: turn.project.clone(),
            template_id: (turn.text.len() >= LONG).then(|| prompt::id(&turn.text)).flatten(),
        })
    }

    /// Adds the row of the claim.
    pub fn push(&self, rows: &mut Rows) {
        let Self { claim_id, claim, time, session_id, line, project, template_id } = self;
        let entities = serde_json::Value::from(claim.entities.as_slice()).to_string();
        let signs = serde_json::Value::from(claim.signs.as_slice()).to_string();
        let likelihood = claim.likelihood.map(|likelihood| (likelihood.clamp(0.0, 1.0) * 1e3).round() as i64);
        rows.push(ClaimRow {
            domain: claim.domain.name(),
            claim_id,
            detection_type: claim.detection.name(),
            title: &claim.title,
            content: &claim.content,
            user_quote: &claim.quote,
            entities: &entities,
            time: *time,
            session_id,
            line: *line,
            scope: Some(claim.scope.name()),
            project: project.as_deref(),
            likelihood,
            signs: Some(&signs),
            template_id: template_id.as_deref(),
        });
    }
}

fn claim_id(file: &SourceFile, turn: &Turn, number: usize) -> String {
    match &turn.uuid {
        Some(uuid) => format!("uuid:{uuid}:{number}"),
        None => format!("line:{}:{}:{number}", file.session_file, turn.line),
    }
}
