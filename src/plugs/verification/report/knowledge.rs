//! Knowledge items as shown to readers: with their current confidence, evidence, related items, and decisions.

use crate::base::error::Result;
use crate::base::utc;
use crate::identities::Identities;
use crate::plugs::usage::report::filter::Only;
use crate::plugs::verification::report::ids::{DECISIONS, STATEMENT_ID};
use crate::store::reader::{Param, Reader, Row};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sessionmill_verification::confidence::{Evidence, Weights};
use sessionmill_verification::review::Action;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// An item.
#[derive(Clone, Debug, Serialize)]
pub struct Item {
    pub item_id: String,
    pub domain: String,
    pub title: String,
    pub content: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub entities: Vec<String>,
    pub status: String,
    /// From 0 to 1.
    pub confidence: f64,
    pub evidence: u64,
    pub corrections: u64,
    pub confirmations: u64,
    pub definitions: u64,
    /// The number of people who stated it.
    pub verifiers: u64,
    /// All times are in UTC.
    pub first_verified: Option<String>,
    pub last_verified: Option<String>,
    pub reviewer: Option<String>,
    pub reviewed_at: Option<String>,
    pub instructions: u64,
    pub sessions: u64,
    /// The number of corrections that contradict it.
    pub contradictions: u64,
    /// The number of these since it was approved.
    pub contradicted_since: u64,
    pub scope: Option<String>,
    /// The working directory, if all its evidence has the same one.
    pub project: Option<String>,
    /// The highest likelihood of its evidence, from the detector, and the signs of that evidence.
    pub likelihood: Option<f64>,
    pub signs: Vec<String>,
}

/// A piece of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Piece {
    /// The id of the statement in its own words.
    pub statement_id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub user: String,
    pub session: String,
    pub line: u64,
    pub time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// Working directory of the conversation.
    pub project: Option<String>,
}

/// A relation that a curator should look at.
#[derive(Clone, Debug, Serialize)]
pub struct Relation {
    pub kind: String,
    pub from: String,
    pub to: String,
    /// `None` if only a model found the contradiction.
    pub score: Option<f64>,
    /// The model that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// The title of the other item.
    pub title: String,
}

/// A decision of a person, or a finding of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Review {
    pub review_id: u64,
    pub item_id: String,
    pub action: String,
    pub other_id: Option<String>,
    pub reviewer: String,
    pub reviewed_at: Option<String>,
    /// Whether anybody states the item now, in any words.
    pub stated: bool,
    /// The current id of the item, if the rules now word it differently than when the decision was made.
    pub item_now: Option<String>,
    /// The same for the other item.
    pub other_now: Option<String>,
}

impl Review {
    /// The action of a person; `None` for a finding of a model.
    fn decision(&self) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == self.action)
    }

    /// The current id of the item.
    fn item(&self) -> &str {
        self.item_now.as_ref().unwrap_or(&self.item_id)
    }

    /// The current id of the other item.
    fn other(&self) -> Option<&str> {
        self.other_now.as_ref().or(self.other_id.as_ref()).map(String::as_str)
    }
}

impl Item {
    /// Whether the title, the content or the entities contain a text, ignoring case.
    pub fn has(&self, text: &str) -> bool {
        let words = [&self.title, &self.content].into_iter().chain(&self.entities);
        words.map(|words| words.to_lowercase()).collect::<Vec<_>>().join(" ").contains(&text.to_lowercase())
    }
}

/// Restricts the items.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub id: Option<String>,
    pub domain: Option<String>,
    /// The person who stated it, or a folder.
    pub user: Option<Only>,
    pub kind: Option<String>,
    pub status: Option<String>,
    /// A text in the title, the content or the entities, ignoring case.
    pub text: Option<String>,
    pub min_confidence: Option<f64>,
    /// Which folder belongs to which person.
    pub identities: Arc<Identities>,
}

impl Filter {
    /// Whether an item has the kind, the text and the confidence.
    pub fn fits(&self, item: &Item) -> bool {
        self.kind.as_ref().is_none_or(|kind| item.kind == *kind)
            && self.text.as_ref().is_none_or(|text| item.has(text))
            && self.min_confidence.is_none_or(|least| item.confidence >= least)
    }
}

/// The items of a filter, sorted by confidence, then by the number of people, then by the number of sessions.
///
/// # Errors
///
/// If the database cannot be read.
pub fn items(reader: Reader<'_>, filter: &Filter, weights: &Weights, now: DateTime<Utc>) -> Result<Vec<Item>> {
    const SQL: &str = "
        SELECT item_id, domain, title, content, detection_type, entities, status, evidence, corrections, confirmations,
            definitions, last_verified, first_verified, reviewer, reviewed_at, instructions, sessions, scope, project, likelihood,
            signs, (SELECT count(*) FROM knowledge_relations AS relation WHERE kind = 'contradicts'
                AND relation.to_item = knowledge_items.item_id),
            (SELECT count(*) FROM knowledge_relations AS relation JOIN knowledge_items AS correction
                ON correction.item_id = relation.from_item
                WHERE kind = 'contradicts' AND relation.to_item = knowledge_items.item_id AND knowledge_items.status = 'approved'
                AND correction.last_verified > knowledge_items.reviewed_at)
        FROM knowledge_items
        WHERE item_id = coalesce($1, item_id) AND domain = coalesce($2, domain)
            AND detection_type = coalesce($3, detection_type) AND status = coalesce($4, status)";
    let Filter { id, domain, user, kind, status, identities, .. } = filter;
    let folders = folders(reader, id.as_deref())?;
    let params = [id, domain, kind, status].map(|name| Param::from(name.as_deref()));
    let mut items: Vec<_> = reader.rows(SQL, &params, |row| {
        let count = |column: usize| row.count(column);
        let entities: String = row.get(5)?;
        let signs: Option<String> = row.get(20)?;
        let last_verified = time(row, 11)?;
        let item_id: String = row.get(0)?;
        let people = folders.get(&item_id).into_iter().flatten().map(|folder| identities.label(folder));
        let evidence = Evidence {
            corrections: count(8)?,
            confirmations: count(9)?,
            definitions: count(10)?,
            instructions: count(15)?,
            sessions: count(16)?,
            contradictions: count(21)?,
            likelihood: row.get(19)?,
            verifiers: people.collect::<BTreeSet<_>>().len() as u64,
            last_verified: last_verified.as_deref().and_then(|time| time.parse().ok()),
        };
        Ok(Item {
            item_id,
            domain: row.get(1)?,
            title: row.get(2)?,
            content: row.get(3)?,
            kind: row.get(4)?,
            entities: serde_json::from_str(&entities).unwrap_or_default(),
            status: row.get(6)?,
            confidence: rounded(weights.confidence(&evidence, now)),
            evidence: count(7)?,
            corrections: evidence.corrections,
            confirmations: evidence.confirmations,
            definitions: evidence.definitions,
            verifiers: evidence.verifiers,
            first_verified: time(row, 12)?,
            last_verified,
            reviewer: row.get(13)?,
            reviewed_at: time(row, 14)?,
            instructions: evidence.instructions,
            sessions: evidence.sessions,
            contradictions: evidence.contradictions,
            contradicted_since: count(22)?,
            scope: row.get(17)?,
            project: row.get(18)?,
            likelihood: evidence.likelihood,
            signs: signs.and_then(|signs| serde_json::from_str(&signs).ok()).unwrap_or_default(),
        })
    })?;
    if let Some(user) = user {
        let meant = user.folders(identities, &users(reader)?)?;
        let is_of = |folder: &String| meant.contains(folder);
        items.retain(|item| folders.get(&item.item_id).is_some_and(|folders| folders.iter().any(is_of)));
    }
    items.retain(|item| filter.fits(item));
    sort(&mut items);
    Ok(items)
}

pub(super) fn sort(items: &mut [Item]) {
    items.sort_by(|a, b| {
        let said = |item: &Item| (item.verifiers, item.sessions, item.evidence);
        let by_confidence = b.confidence.total_cmp(&a.confidence);
        by_confidence.then_with(|| said(b).cmp(&said(a))).then_with(|| a.item_id.cmp(&b.item_id))
    });
}

pub(super) fn rounded(confidence: f64) -> f64 {
    (confidence * 1e4).round() / 1e4
}

/// The folders with statements of an item, or of all items, by item.
///
/// # Errors
///
/// If the database cannot be read.
pub fn folders(reader: Reader<'_>, id: Option<&str>) -> Result<HashMap<String, Vec<String>>> {
    const SQL: &str =
        "SELECT DISTINCT item_id, username FROM facts.verification_evidence WHERE item_id = coalesce(?, item_id)";
    let mut folders: HashMap<_, Vec<String>> = HashMap::new();
    reader.each(SQL, &[id.into()], |row| {
        folders.entry(row.get(0)?).or_default().push(row.get(1)?);
        Ok(())
    })?;
    Ok(folders)
}

/// Evidence by item.
pub type Pieces = HashMap<String, Vec<Piece>>;

/// The evidence of an item, or of all items, oldest first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn evidence(reader: Reader<'_>, id: Option<&str>, identities: &Identities) -> Result<Pieces> {
    const SQL: &str = "
        SELECT item_id, statement_id, detection_type, username, session_file, line, time, user_quote, project
        FROM verification_evidence LEFT JOIN (
            SELECT session_file, claim_id, min(project) AS project FROM facts.verification_claims GROUP BY ALL
        ) USING (session_file, claim_id) WHERE item_id = coalesce($1, item_id)
        ORDER BY time NULLS LAST, session_file, line, claim_id";
    let mut pieces = Pieces::new();
    reader.each(SQL, &[id.into()], |row| {
        let piece = Piece {
            statement_id: row.get(1)?,
            kind: row.get(2)?,
            user: identities.label(&row.get::<String>(3)?).to_owned(),
            session: row.get(4)?,
            line: row.count(5)?,
            time: time(row, 6)?,
            quote: row.get::<Option<String>>(7)?.filter(|quote| !quote.is_empty()),
            project: row.get(8)?,
        };
        pieces.entry(row.get(0)?).or_default().push(piece);
        Ok(())
    })?;
    Ok(pieces)
}

/// The relations of an item: contradictions, and items that are probably the same, the closest first. The latter share
/// at least two entities with the item and were not split from it.
///
/// # Errors
///
/// If the database cannot be read.
pub fn relations(reader: Reader<'_>, id: &str) -> Result<Vec<Relation>> {
    const SQL: &str = r#"
        WITH item AS (
            SELECT item_id, title, (first_verified IS NULL, first_verified, item_id) AS place,
                list_distinct(from_json(lower(entities), '["VARCHAR"]')) AS names
            FROM knowledge_items WHERE status <> 'rejected'
        ),
        split AS (
            SELECT item_id, arg_max(other_id, review_id) AS other_id FROM knowledge_reviews
            WHERE action IN ('merge', 'split') GROUP BY item_id HAVING arg_max(action, review_id) = 'split'
        ),
        near AS (
            SELECT other.*, other.place > own.place AS is_later, len(list_intersect(own.names, other.names)) AS shared,
                1000 * shared // (len(own.names) + len(other.names) - shared) / 1000 AS score
            FROM item AS own JOIN item AS other ON own.item_id = $1 AND other.item_id <> $1
            WHERE len(list_intersect(own.names, other.names)) >= 2 AND NOT EXISTS (
                FROM split WHERE (split.item_id, split.other_id) IN (($1, other.item_id), (other.item_id, $1)))
            ORDER BY score DESC, other.place LIMIT 5
        )
        SELECT kind, from_item, to_item, relation.score, relation.judge, other.title
        FROM knowledge_relations AS relation JOIN knowledge_items AS other
            ON other.item_id = if(from_item = $1, to_item, from_item)
        WHERE $1 IN (from_item, to_item)
        UNION ALL
        SELECT 'likely_duplicate', if(is_later, item_id, $1), if(is_later, $1, item_id), score, NULL, title FROM near
        ORDER BY kind, score DESC NULLS LAST, from_item, to_item"#;
    reader.rows(SQL, &[id.into()], |row| {
        Ok(Relation {
            kind: row.get(0)?,
            from: row.get(1)?,
            to: row.get(2)?,
            score: row.get(3)?,
            judge: row.get(4)?,
            title: row.get(5)?,
        })
    })
}

/// The decisions and findings that apply to an item, or all of them, in order.
///
/// For an item, these are the findings about it, and the last decisions about it and about all items that were merged
/// into it, directly or indirectly.
///
/// # Errors
///
/// If the database cannot be read.
pub fn reviews(reader: Reader<'_>, id: Option<&str>) -> Result<Vec<Review>> {
    let sql = format!(
        "WITH stated AS MATERIALIZED (SELECT DISTINCT {STATEMENT_ID} AS id FROM facts.verification_claims)
         SELECT review_id, review.item_id, action, review.other_id, reviewer, reviewed_at,
             review.item_id IN (FROM stated) OR heir.item_id IS NOT NULL,
             if(review.item_id IN (FROM stated), NULL, heir.item_id),
             if(review.other_id IN (FROM stated), NULL, heir.other_id)
         FROM {DECISIONS} ORDER BY review_id"
    );
    let mut reviews: Vec<_> = reader.rows(&sql, &[], |row| {
        Ok(Review {
            review_id: row.count(0)?,
            item_id: row.get(1)?,
            action: row.get(2)?,
            other_id: row.get(3)?,
            reviewer: row.get(4)?,
            reviewed_at: time(row, 5)?,
            stated: row.get(6)?,
            item_now: row.get(7)?,
            other_now: row.get(8)?,
        })
    })?;
    match id {
        Some(id) => retain(&mut reviews, id),
        None => reviews.retain(|review| review.decision().is_some()),
    }
    Ok(reviews)
}

/// Keeps only what applies to an item.
fn retain(reviews: &mut Vec<Review>, id: &str) {
    // The last approval or rejection of an item counts, and independently the last merge or split.
    let mut last = HashMap::new();
    for review in reviews.iter() {
        if let Some(action) = review.decision() {
            last.insert((review.item(), matches!(action, Action::Merge | Action::Split)), review);
        }
    }
    let mut parts = BTreeSet::from([id]);
    let is_of = |review: &Review, parts: &BTreeSet<&str>| review.other().is_some_and(|id| parts.contains(id));
    loop {
        let merged = last.values().filter(|review| review.decision() == Some(Action::Merge) && is_of(review, &parts));
        let merged: Vec<_> = merged.map(|review| review.item()).filter(|item| !parts.contains(item)).collect();
        if merged.is_empty() {
            break;
        }
        parts.extend(merged);
    }
    let holding = last.values().filter(|review| parts.contains(review.item()) || is_of(review, &parts));
    let holding: BTreeSet<u64> = holding.map(|review| review.review_id).collect();
    reviews.retain(|review| match review.decision() {
        Some(_) => holding.contains(&review.review_id),
        None => review.item() == id || review.other() == Some(id),
    });
}

/// The folders of all people with evidence.
///
/// # Errors
///
/// If the database cannot be read.
pub fn users(reader: Reader<'_>) -> Result<Vec<String>> {
    reader.rows("SELECT DISTINCT username FROM verification_evidence ORDER BY ALL", &[], |row| row.get(0))
}

fn time(row: &Row<'_>, column: usize) -> Result<Option<String>> {
    Ok(row.time(column)?.map(utc::shortest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_of_an_item_is_the_last_word_over_all_steps() {
        let said = [
            ("b", "merge", "a"),
            ("b", "reject", ""),
            ("b", "approve", ""),
            ("b", "split", "a"),
            ("b", "merge", "c"),
            ("c", "merge", "a"),
            ("d", "split", "b"),
            ("e", "merge", "x"),
            ("a", "approve", ""),
            ("a", "contradicts", "x"),
            ("b", "contradicts", "x"),
            ("y", "merge", "z"),
            ("z", "merge", "y"),
        ];
        let review = |(number, (item, action, other)): (u64, &(&str, &str, &str))| Review {
            review_id: number,
            item_id: (*item).to_owned(),
            action: (*action).to_owned(),
            other_id: Some((*other).to_owned()).filter(|other| !other.is_empty()),
            reviewer: String::new(),
            reviewed_at: None,
            stated: true,
            item_now: None,
            other_now: None,
        };
        let holds = |id: &str| {
            let mut reviews: Vec<_> = (0..).zip(&said).map(review).collect();
            retain(&mut reviews, id);
            reviews.iter().map(|review| review.review_id).collect::<Vec<_>>()
        };
        assert_eq!(holds("a"), [2, 4, 5, 6, 8, 9]);
        assert_eq!(holds("x"), [7, 9, 10]);
        assert_eq!(holds("y"), [11, 12], "in a circle");
    }
}
