//! The evidence of an item. Each piece counts once.
//!
//! A copy of a conversation is not a second piece, whoever has the copy. Neither is a repetition of the same fact by
//! the same person in the same source file.

use crate::Detection;
use crate::material::Material;
use crate::statement::Statement;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, table};
use std::collections::{HashMap, HashSet};

table! {
    /// one row per item and piece of evidence: a person and a source file, once
    pub static EVIDENCE: Table = "verification_evidence", Viewed;

    /// A piece of evidence. `statement_id` is the id of its own wording; the quote is in the claim.
    #[derive(Clone, Debug)]
    pub struct EvidenceRow<'a> {
        /// of knowledge_items
        item_id: &'a str,
        /// id of what the claim says in its own words; other than item_id where it says the same in others
        statement_id: &'a str,
        /// of verification_claims
        claim_id: &'a str,
        /// correction, confirmation, unprompted_definition or instruction
        detection_type: &'a str,
        /// who said it
        username: &'a str,
        /// <user>/<path below the user>
        session_file: &'a str,
        /// of session_file
        line: u64,
        /// UTC
        time: Option<DateTime<Utc>>,
        /// session id of the transcript
        session_id: &'a str,
    }
}

/// The pieces of evidence in the statements of an item, the oldest first. Of several by one person in one source file,
/// only the strongest counts.
pub fn of<'m, 'f>(statements: &[usize], material: &'m Material<'f>) -> Vec<&'m Statement<'f>> {
    let mut told = HashSet::new();
    let mut pieces: Vec<&Statement<'_>> = Vec::new();
    let mut piece_of = HashMap::new();
    let is_weak = |statement: &Statement<'_>| statement.detection == Detection::Confirmation;
    for statement in statements.iter().map(|number| &material.statements[*number]) {
        if !told.insert(statement.claim_id) {
            continue;
        }
        let piece = *piece_of.entry((statement.username, statement.session_file)).or_insert(pieces.len());
        match pieces.get_mut(piece) {
            None => pieces.push(statement),
            Some(known) if is_weak(known) && !is_weak(statement) => *known = statement,
            Some(_) => {}
        }
    }
    pieces
}

/// Adds the row of a piece.
pub fn push(piece: &Statement<'_>, item_id: &str, rows: &mut Rows) {
    rows.push(EvidenceRow {
        item_id,
        statement_id: &piece.id,
        claim_id: piece.claim_id,
        detection_type: piece.detection.name(),
        username: piece.username,
        session_file: piece.session_file,
        line: piece.line,
        time: piece.time,
        session_id: piece.session_id,
    });
}
