//! What speaks for an item: each piece counts once.
//!
//! A copy of a conversation is no second piece, whoever has it, and neither is what the same person
//! says of the same thing again in the same source file.

use crate::Detection;
use crate::material::Material;
use crate::statement::Statement;
use sessionmill_contract::{Rows, Table};
use std::collections::{HashMap, HashSet};

/// One row per piece. `statement_id` is of what it says in its own words; the quote is in the claim.
pub static EVIDENCE: Table = Table {
    name: "verification_evidence",
    columns: &[
        "domain",
        "item_id",
        "statement_id",
        "claim_id",
        "detection_type",
        "username",
        "session_file",
        "line",
        "time",
        "session_id",
    ],
};

/// The pieces of evidence in the statements of an item, oldest first. Of what a person says in a source file the
/// strongest counts.
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
pub fn push(piece: &Statement<'_>, domain: &str, item_id: &str, rows: &mut Rows) {
    rows.push(
        &EVIDENCE,
        [
            domain.into(),
            item_id.into(),
            (&*piece.id).into(),
            piece.claim_id.into(),
            piece.detection.name().into(),
            piece.username.into(),
            piece.session_file.into(),
            piece.line.into(),
            piece.time.into(),
            piece.session_id.into(),
        ],
    );
}
