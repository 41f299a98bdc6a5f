//! A claim in settling: read from its row, with the id of what it states, and in its order among all claims.

use crate::Detection;
use crate::claim::{CLAIMS, ClaimRow};
use crate::digest::digest;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row as _};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// What one claim states, and where.
#[derive(Debug)]
pub struct Statement<'f> {
    /// The same for all claims that state the same in the same words.
    pub id: String,
    pub claim_id: &'f str,
    pub domain: &'f str,
    pub detection: Detection,
    pub title: &'f str,
    pub content: &'f str,
    pub quote: &'f str,
    /// In lower case, sorted.
    pub entities: Vec<String>,
    pub time: Option<DateTime<Utc>>,
    pub username: &'f str,
    pub session_file: &'f str,
    pub session_id: &'f str,
    pub line: u64,
    /// A JSON list, as in the claim.
    pub entities_text: &'f str,
    pub scope: Option<&'f str>,
    pub project: Option<&'f str>,
    /// In thousandths.
    pub likelihood: Option<i64>,
    /// A JSON list.
    pub signs: Option<&'f str>,
    pub template_id: Option<&'f str>,
}

/// The id of an item with this title and content: `kv_` and 12 hexadecimal digits.
pub fn id(title: &str, content: &str) -> String {
    format!("kv_{}", digest(format!("{title}:{content}"), 12))
}

/// The entities in a JSON list, in lower case and sorted.
pub fn entities(text: &str) -> Option<Vec<String>> {
    let entities: Vec<String> = serde_json::from_str(text).ok()?;
    let mut entities: Vec<_> = entities.iter().map(|entity| entity.to_lowercase()).collect();
    entities.sort();
    entities.dedup();
    Some(entities)
}

impl<'f> Statement<'f> {
    /// The statements of facts, the oldest first. The order depends only on the claims. A long prompt that occurs in
    /// several sessions was written by a tool or a template, so its claims are left out.
    ///
    /// # Errors
    ///
    /// If a row is not a claim.
    pub fn all(facts: &'f [FactRow]) -> Result<Vec<Self>, Failure> {
        let mut all = facts.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
        // A copy of a conversation has the same claims under another session id.
        let mut sessions: HashMap<&str, HashMap<&str, &str>> = HashMap::new();
        for Self { template_id, session_id, claim_id, .. } in &all {
            if let Some(template_id) = template_id {
                let first = sessions.entry(template_id).or_default().entry(session_id).or_insert(claim_id);
                *first = (*first).min(claim_id);
            }
        }
        let is_template = |id: &str| sessions[id].values().collect::<HashSet<_>>().len() > 1;
        all.retain(|statement| statement.template_id.is_none_or(|id| !is_template(id)));
        all.sort_by(Self::order);
        Ok(all)
    }

    fn read(fact: &'f FactRow) -> Result<Self, Failure> {
        let claim = ClaimRow::read(fact.values)?;
        let unreadable = || CLAIMS.unreadable();
        let detection = Detection::ALL.into_iter().find(|kind| claim.detection_type == kind.name());
        Ok(Self {
            id: id(claim.title, claim.content),
            claim_id: claim.claim_id,
            domain: claim.domain,
            detection: detection.ok_or_else(unreadable)?,
            title: claim.title,
            content: claim.content,
            quote: claim.user_quote,
            entities: entities(claim.entities).ok_or_else(unreadable)?,
            time: claim.time,
            username: fact.username,
            session_file: fact.session_file,
            session_id: claim.session_id,
            line: claim.line,
            entities_text: claim.entities,
            scope: claim.scope,
            project: claim.project,
            likelihood: claim.likelihood,
            signs: claim.signs,
            template_id: claim.template_id,
        })
    }

    /// By time, those without a time last; then by id. So of several items with equal times, the first one has the
    /// lowest id.
    fn order(&self, other: &Self) -> Ordering {
        let key = |s: &Self| (s.time.is_none(), s.time);
        let place = |s: &Self| {
            (s.session_file, s.line, s.claim_id, s.username, s.detection, s.domain, s.entities_text, s.session_id)
        };
        key(self).cmp(&key(other)).then_with(|| self.id.cmp(&other.id)).then_with(|| place(self).cmp(&place(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_hash_of_title_and_content() {
        // printf 'ARR:Annual recurring revenue' | sha256sum
        assert_eq!(id("ARR", "Annual recurring revenue"), "kv_fdb65c5b5a7f");
    }
}
