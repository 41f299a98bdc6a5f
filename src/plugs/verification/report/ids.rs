//! Ids of knowledge items: what one names, which one its beginning means, and what a decision about it stands on.

use crate::base::error::Result;
use crate::base::names;
use crate::store::reader::Reader;
use sessionmill_verification::heir::{self, Ground};

/// What an id names, for somebody who decides about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// An item of this status.
    Item {
        status: String,
    },
    /// The item that it is evidence of.
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

/// The other item that a statement belongs to. One that was merged is no evidence where its source speaks for the other
/// already.
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

/// What a decision about an item is taken on: the claims in its own words first, then those in others.
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

/// All ids that can be decided about.
///
/// # Errors
///
/// If the database cannot be read.
pub fn all(reader: Reader<'_>) -> Result<Vec<String>> {
    let sql = "SELECT item_id FROM knowledge_items UNION SELECT statement_id FROM verification_evidence ORDER BY ALL";
    reader.rows(sql, &[], |row| row.get(0))
}

/// The id that is meant by the beginning of one, with or without its `kv_`. An id that was decided about, and that
/// rules word otherwise now, means what the decision holds for. What is the beginning of none is left as it is.
///
/// # Errors
///
/// If it is the beginning of several ids, or the database cannot be read.
pub fn whole_id(reader: Reader<'_>, beginning: &str) -> Result<String> {
    let known = all(reader)?;
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

/// `statement::id` of the verification processor, of a row of claims.
pub(super) const STATEMENT_ID: &str = "'kv_' || left(sha256(title || ':' || content), 12)";

/// Reviews, each with what it holds for where that is worded otherwise now.
pub(super) const DECISIONS: &str =
    "knowledge_reviews AS review LEFT JOIN facts.verification_heirs AS heir USING (review_id)";
