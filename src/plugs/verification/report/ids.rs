//! Ids of knowledge items: what an id refers to, how to complete one, and what a decision about an id is based on.

use crate::base::error::Result;
use crate::base::names;
use crate::store::reader::Reader;
use sessionmill_verification::heir::{self, Ground};

/// What an id refers to, for decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// An item with this status.
    Item {
        status: String,
    },
    /// A statement that is evidence of this item.
    Evidence {
        of: String,
    },
    Nothing,
}

/// # Errors
///
/// If the database cannot be read.
pub fn named(reader: Reader<'_>, id: &str) -> Result<Named> {
    let statuses =
        reader.rows("SELECT status FROM knowledge_items WHERE item_id = ?", &[id.into()], |row| row.get(0))?;
    if let Some(status) = statuses.into_iter().next() {
        return Ok(Named::Item { status });
    }
    Ok(joined(reader, id)?.map_or(Named::Nothing, |of| Named::Evidence { of }))
}

/// The other item that a statement belongs to. A merged statement is not always stored as evidence: if the same source
/// already supports the other item, only the decision says where it belongs.
///
/// # Errors
///
/// If the database cannot be read.
pub fn joined(reader: Reader<'_>, id: &str) -> Result<Option<String>> {
    let sql = format!(
        "(SELECT item_id FROM verification_evidence WHERE statement_id = $1 AND item_id <> $1 LIMIT 1)
         UNION ALL SELECT other FROM (
             SELECT action, coalesce(heir.other_id, review.other_id) AS other FROM {DECISIONS}
             WHERE coalesce(heir.item_id, review.item_id) = $1 AND action IN ('merge', 'split')
             ORDER BY review_id DESC LIMIT 1
         ) WHERE action = 'merge'"
    );
    Ok(reader.rows(&sql, &[id.into()], |row| row.get(0))?.into_iter().next())
}

/// What a decision about an item is based on: claims with the same words first, then claims with other words.
///
/// # Errors
///
/// If the database cannot be read.
pub fn grounds(reader: Reader<'_>, id: &str) -> Result<Option<String>> {
    let sql = format!(
        "WITH said AS (
             SELECT claim_id, user_quote, false AS in_other_words, time, session_file, line
             FROM facts.verification_claims WHERE {STATEMENT_ID} = $1
             UNION ALL
             SELECT claim_id, claims.user_quote, true, claims.time, session_file, claims.line
             FROM facts.verification_evidence AS evidence
             JOIN facts.verification_claims AS claims USING (session_file, claim_id)
             WHERE item_id = $1 AND {STATEMENT_ID} <> $1
         ), first AS (
             FROM said QUALIFY row_number() OVER (
                 PARTITION BY claim_id ORDER BY in_other_words, time NULLS LAST, session_file, line) = 1
         )
         SELECT claim_id, user_quote, in_other_words FROM first
         ORDER BY in_other_words, time NULLS LAST, session_file, line, claim_id LIMIT {}",
        heir::CLAIMS
    );
    let claims: Vec<(String, String, bool)> =
        reader.rows(&sql, &[id.into()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(heir::grounds(claims.iter().map(|(claim_id, quote, in_other_words)| Ground {
        claim_id,
        quote,
        in_other_words: *in_other_words,
    })))
}

/// All ids that decisions can be about.
///
/// # Errors
///
/// If the database cannot be read.
pub fn all(reader: Reader<'_>) -> Result<Vec<String>> {
    let sql = "SELECT item_id FROM knowledge_items UNION SELECT statement_id FROM verification_evidence ORDER BY ALL";
    reader.rows(sql, &[], |row| row.get(0))
}

/// The full id, given its beginning, with or without `kv_`. If there is a decision about the id and the rules now give
/// the item another id, that id is returned. If nothing matches, the beginning is returned unchanged.
///
/// # Errors
///
/// If it is the beginning of several ids, or the database cannot be read.
pub fn whole_id(reader: Reader<'_>, beginning: &str) -> Result<String> {
    whole_id_among(reader, &all(reader)?, beginning)
}

/// As [`whole_id`], with only these ids known.
///
/// # Errors
///
/// As [`whole_id`].
pub fn whole_id_among(reader: Reader<'_>, known: &[String], beginning: &str) -> Result<String> {
    let digits = beginning.strip_prefix("kv_").unwrap_or(beginning);
    let begins =
        |id: &&String| id.strip_prefix("kv_").is_some_and(|rest| !digits.is_empty() && rest.starts_with(digits));
    let meant = known.iter().filter(begins).cloned().collect();
    if let Some(id) = names::whole("id", beginning, meant)? {
        return Ok(id);
    }
    let sql = format!(
        "SELECT heir.item_id FROM {DECISIONS} WHERE review.item_id = ? AND heir.item_id IS NOT NULL
         ORDER BY review_id DESC LIMIT 1"
    );
    let heirs: Vec<String> = reader.rows(&sql, &[beginning.into()], |row| row.get(0))?;
    Ok(heirs.into_iter().next().unwrap_or_else(|| beginning.to_owned()))
}

/// SQL for `statement::id` of the verification processor, over a row of claims.
pub(super) const STATEMENT_ID: &str = "'kv_' || left(sha256(title || ':' || content), 12)";

/// Decisions, each with the current ids of its items if these have changed.
pub(super) const DECISIONS: &str =
    "knowledge_reviews AS review LEFT JOIN facts.verification_heirs AS heir USING (review_id)";
