//! A claim as it takes part in settling: read back from its row, named by what it states, and in its
//! place among all claims of the domain.

use crate::Detection;
use crate::claim::CLAIMS;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

/// What one claim states, and where.
#[derive(Debug)]
pub struct Statement<'f> {
    /// Of all claims that state the same in the same words.
    pub id: String,
    pub claim_id: &'f str,
    pub detection: Detection,
    pub title: &'f str,
    pub content: &'f str,
    /// In lower case, in order.
    pub entities: Vec<String>,
    pub time: Option<DateTime<Utc>>,
    pub username: &'f str,
    pub session_file: &'f str,
    pub session_id: &'f str,
    pub line: i64,
    /// A JSON list, as the claim has it.
    pub entities_text: &'f str,
}

/// The id of an item that says this: `kv_` and 12 hexadecimal digits.
pub fn id(title: &str, content: &str) -> String {
    let hash = Sha256::digest(format!("{title}:{content}"));
    let number = hash.iter().take(6).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    format!("kv_{number:012x}")
}

impl<'f> Statement<'f> {
    /// The statements of facts, oldest first. The order depends on the claims alone.
    ///
    /// # Errors
    ///
    /// If a row is none of a claim.
    pub fn all(facts: &'f [FactRow]) -> Result<Vec<Self>, Failure> {
        let wrong = || CLAIMS.unreadable();
        let mut all = facts.iter().map(|fact| Self::read(fact).ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(Self::order);
        Ok(all)
    }

    fn read(fact: &'f FactRow) -> Option<Self> {
        let [_, claim_id, detection, title, content, _, entities, time, session_id, line] = &*fact.values else {
            return None;
        };
        let (title, content, entities_text) = (title.as_str()?, content.as_str()?, entities.as_str()?);
        let detection = detection.as_str()?;
        let entities: Vec<String> = serde_json::from_str(entities_text).ok()?;
        let mut entities: Vec<_> = entities.iter().map(|entity| entity.to_lowercase()).collect();
        entities.sort();
        entities.dedup();
        Some(Self {
            id: id(title, content),
            claim_id: claim_id.as_str()?,
            detection: Detection::ALL.into_iter().find(|kind| detection == kind.name())?,
            title,
            content,
            entities,
            time: time.as_time(),
            username: &fact.username,
            session_file: &fact.session_file,
            session_id: session_id.as_str()?,
            line: line.as_int()?,
            entities_text,
        })
    }

    /// By time, those without one last; then by id, so that of items of one moment the first made is
    /// the one of the lowest id.
    fn order(&self, other: &Self) -> Ordering {
        let key = |s: &Self| (s.time.is_none(), s.time);
        let place =
            |s: &Self| (s.session_file, s.line, s.claim_id, s.username, s.detection, s.entities_text, s.session_id);
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
