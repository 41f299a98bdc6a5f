//! Knowledge as a person sees it who may see only what some folders state.

use super::knowledge::{Item, rounded, sort};
use crate::base::error::Result;
use crate::base::utc;
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use sessionmill_verification::Detection;
use sessionmill_verification::confidence::{Evidence, Weights};
use sessionmill_verification::review::Standing;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What some folders state of an item.
#[derive(Default)]
struct Own {
    /// Title, content, entities and kind of the newest statement.
    words: (String, String, Vec<String>, String),
    files: HashSet<String>,
    sessions: HashSet<String>,
    projects: BTreeSet<Option<String>>,
    evidence: Evidence,
    first_verified: Option<DateTime<Utc>>,
    /// Of the likeliest statement.
    signs: Vec<String>,
}

impl Own {
    /// Adds a piece of evidence. The pieces come in order of time.
    fn add(&mut self, row: &Row<'_>) -> Result<()> {
        let list = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let kind: String = row.get(5)?;
        self.words = (row.get(2)?, row.get(3)?, list(&row.get::<String>(4)?), kind.clone());
        // One piece of a file counts, as in the item.
        if !self.files.insert(row.get(6)?) {
            return Ok(());
        }
        let Evidence { corrections, confirmations, definitions, instructions, .. } = &mut self.evidence;
        match Detection::ALL.into_iter().find(|known| known.name() == kind) {
            Some(Detection::Correction) => *corrections += 1,
            Some(Detection::Confirmation) => *confirmations += 1,
            Some(Detection::UnpromptedDefinition) => *definitions += 1,
            Some(Detection::Instruction) => *instructions += 1,
            None => {}
        }
        self.sessions.insert(row.get(7)?);
        self.evidence.sessions = self.sessions.len() as u64;
        if let Some(time) = row.time(8)? {
            self.first_verified = self.first_verified.or(Some(time));
            self.evidence.last_verified = Some(time);
        }
        self.projects.insert(row.get(9)?);
        let likelihood: Option<f64> = row.get(10)?;
        if self.files.len() == 1 || likelihood > self.evidence.likelihood {
            self.evidence.likelihood = likelihood;
            self.signs = row.get::<Option<String>>(11)?.map(|signs| list(&signs)).unwrap_or_default();
        }
        Ok(())
    }

    /// Replaces the figures of an item with those of this evidence.
    fn write(self, item: &mut Item, contradictions: (u64, u64), weights: &Weights, now: DateTime<Utc>) {
        let evidence = Evidence { verifiers: 1, contradictions: contradictions.0, ..self.evidence };
        item.confidence = rounded(weights.confidence(&evidence, now));
        item.evidence = self.files.len() as u64;
        item.corrections = evidence.corrections;
        item.confirmations = evidence.confirmations;
        item.definitions = evidence.definitions;
        item.instructions = evidence.instructions;
        item.verifiers = evidence.verifiers;
        item.sessions = evidence.sessions;
        item.first_verified = self.first_verified.map(utc::shortest);
        item.last_verified = evidence.last_verified.map(utc::shortest);
        (item.contradictions, item.contradicted_since) = contradictions;
        item.project = self.projects.first().cloned().flatten().filter(|_| self.projects.len() == 1);
        (item.likelihood, item.signs) = (evidence.likelihood, self.signs);
    }
}

/// Items as a person sees who may see only what some folders state: those with statements there, in the words of the
/// newest of them. If fewer than `min_group` people are behind an item, the figures are those of these statements, too:
/// otherwise they would tell what the others stated, and when.
///
/// # Errors
///
/// If the database cannot be read.
pub fn as_seen_by(
    reader: Reader<'_>,
    items: Vec<Item>,
    is_own: impl Fn(&str) -> bool,
    min_group: u64,
    weights: &Weights,
    now: DateTime<Utc>,
) -> Result<Vec<Item>> {
    const PIECES: &str = "
        SELECT item_id, evidence.username, title, content, entities, evidence.detection_type, session_file,
            evidence.session_id, evidence.time, project, likelihood / 1000, signs
        FROM facts.verification_evidence AS evidence
        JOIN facts.verification_claims AS claims USING (session_file, claim_id)
        ORDER BY evidence.time NULLS FIRST, session_file, evidence.line, claim_id";
    const CONTRADICTED: &str = "SELECT to_item, from_item FROM knowledge_relations WHERE kind = 'contradicts'";
    let mut own: HashMap<String, Own> = HashMap::new();
    reader.each(PIECES, &[], |row| {
        if is_own(&row.get::<String>(1)?) { own.entry(row.get(0)?).or_default().add(row) } else { Ok(()) }
    })?;
    // For each item, when the corrections that contradict it were last stated.
    let mut contradicted: HashMap<String, Vec<Option<DateTime<Utc>>>> = HashMap::new();
    reader.each(CONTRADICTED, &[], |row| {
        if let Some(correction) = own.get(&row.get::<String>(1)?) {
            contradicted.entry(row.get(0)?).or_default().push(correction.evidence.last_verified);
        }
        Ok(())
    })?;
    let mut seen = Vec::new();
    for mut item in items {
        let Some(mut own) = own.remove(&item.item_id) else { continue };
        (item.title, item.content, item.entities, item.kind) = std::mem::take(&mut own.words);
        if item.verifiers < min_group {
            let times = contradicted.remove(&item.item_id).unwrap_or_default();
            let approved = item.reviewed_at.as_ref().filter(|_| item.status == Standing::Approved.name());
            let approved = approved.and_then(|time| time.parse::<DateTime<Utc>>().ok());
            let since = times.iter().flatten().filter(|time| approved.is_some_and(|approved| **time > approved));
            own.write(&mut item, (times.len() as u64, since.count() as u64), weights, now);
        }
        seen.push(item);
    }
    sort(&mut seen);
    Ok(seen)
}
