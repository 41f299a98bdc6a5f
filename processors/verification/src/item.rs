//! Items: facts that people state, each stored once, however many people state it.
//!
//! Statements are processed from the oldest on, so that the result depends only on the statements. A statement in the
//! same words as an earlier one joins its item. Otherwise it joins the item that says the same in other words, unless
//! it is a correction or people decided about it. If there are several such items, an approved one is preferred, then
//! the oldest, then the one with the lowest id. A statement that joins no item founds a new one.

use crate::evidence;
use crate::index::Index;
use crate::material::Material;
use crate::review::Standing;
use crate::statement::Statement;
use crate::wording::Stance;
use crate::{Detection, Domain};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, table};
use std::collections::{BTreeMap, BTreeSet, HashMap};

table! {
    /// one row per fact that people stated, however many of them
    pub static ITEMS: Table = "knowledge_items", Viewed;

    /// An item.
    #[derive(Clone, Debug)]
    pub struct ItemRow<'a> {
        /// finance, engineering, product, data, operations, infrastructure or general: the one that most of its evidence
        /// is of
        domain: &'a str,
        /// kv_ and 12 hexadecimal digits of the SHA-256 of <title>:<content>
        item_id: &'a str,
        /// of its canonical claim, 60 characters at most
        title: &'a str,
        /// the fact, in the words of its canonical claim
        content: &'a str,
        /// of the claim that it is told in: correction, confirmation, unprompted_definition or instruction
        detection_type: &'a str,
        /// what it is about: a JSON list of texts
        entities: &'a str,
        /// pending, approved or rejected
        status: &'a str,
        /// pieces of evidence that corrected the assistant
        corrections: u64,
        /// pieces of evidence that confirm it
        confirmations: u64,
        /// pieces of evidence that define it
        definitions: u64,
        /// people that the evidence is from
        verifiers: u64,
        /// time of the oldest evidence
        first_verified: Option<DateTime<Utc>>,
        /// UTC; confidence decays from here on
        last_verified: Option<DateTime<Utc>>,
        /// who approved or rejected it last
        reviewer: Option<&'a str>,
        /// time of the last decision; null if there is none
        reviewed_at: Option<DateTime<Utc>>,
        /// pieces of evidence that say to work so
        instructions: u64 = 0,
        /// sessions that the evidence is from
        sessions: u64 = 0,
        /// for whom it holds: person, project or domain
        scope: Option<&'a str>,
        /// working directory of all its evidence; null if it is from several
        project: Option<&'a str>,
        /// of its likeliest evidence; null if the detector does not say
        likelihood: Option<i64>,
        /// what the detector saw in its likeliest evidence: a JSON list of texts
        signs: Option<&'a str>,
    }
}

/// The number of shared entities from which on items are related.
pub const RELATED: usize = 2;

/// What one or more statements say.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// The statement whose words the item has: the oldest, not counting statements that people merged into it.
    pub founder: usize,
    /// Its statements, the oldest first.
    pub statements: Vec<usize>,
}

/// The items of statements, in the order of their founders.
pub fn items(material: &Material<'_>) -> Vec<Item> {
    let mut founded = Standing::ALL.map(|_| Index::new(&material.wordings, &material.entities, RELATED));
    let id = |number: usize| &*material.statements[number].id;
    // The founder of the item that each statement joins: by the statement's id, and by its number.
    let mut founders: HashMap<&str, usize> = HashMap::new();
    let mut joined = Vec::with_capacity(material.statements.len());
    for (number, Statement { id, .. }) in material.statements.iter().enumerate() {
        if let Some(founder) = founders.get(&**id) {
            joined.push(*founder);
            continue;
        }
        let founder = canonical(material, number, &founded).unwrap_or(number);
        if founder == number {
            founded[material.reviews.standing(id) as usize].insert(number);
        }
        founders.insert(id, founder);
        joined.push(founder);
    }
    let is_item = |other: &str| founders.get(other).is_some_and(|founder| id(*founder) == other);
    let target = |founder: usize| material.reviews.target(id(founder), is_item).map_or(founder, |into| founders[into]);
    let mut items: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, founder) in joined.into_iter().enumerate() {
        items.entry(target(founder)).or_default().push(number);
    }
    items.into_iter().map(|(founder, statements)| Item { founder, statements }).collect()
}

/// The founder of the item that a statement joins because both say the same in other words. `founded` contains the
/// founders so far, by standing.
fn canonical(material: &Material<'_>, number: usize, founded: &[Index<'_>]) -> Option<usize> {
    let statement = &material.statements[number];
    if statement.detection == Detection::Correction || material.reviews.is_own(&statement.id) {
        return None;
    }
    founded.iter().find_map(|index| index.alike(number, Stance::Agrees, |_| true).next())
}

/// The domain of most of the evidence. If several have equally many pieces, the first in the list of domains counts;
/// the general domain is the last in that list.
fn domain(evidence: &[&Statement<'_>]) -> &'static str {
    let count = |domain: &Domain| evidence.iter().filter(|piece| piece.domain == domain.name()).count();
    // `max_by_key` returns the last maximum, hence the reversed order.
    Domain::ALL.into_iter().rev().max_by_key(count).unwrap_or(Domain::General).name()
}

impl Item {
    /// Adds the rows of the item and of its evidence.
    pub fn push(&self, material: &Material<'_>, rows: &mut Rows) {
        let founder = &material.statements[self.founder];
        let evidence = evidence::of(&self.statements, material);
        let verdict = material.reviews.verdict(&founder.id);
        let count = |kind: Detection| evidence.iter().filter(|piece| piece.detection == kind).count() as u64;
        let verifiers: BTreeSet<_> = evidence.iter().map(|piece| piece.username).collect();
        let sessions: BTreeSet<_> = evidence.iter().map(|piece| piece.session_id).collect();
        let projects: BTreeSet<_> = evidence.iter().map(|piece| piece.project).collect();
        let project = projects.first().copied().flatten().filter(|_| projects.len() == 1);
        // The first of the maxima, because evidence is in order.
        let likeliest = evidence.iter().rev().max_by_key(|piece| piece.likelihood);
        let times = || evidence.iter().filter_map(|piece| piece.time);
        rows.push(ItemRow {
            domain: domain(&evidence),
            item_id: &founder.id,
            title: founder.title,
            content: founder.content,
            detection_type: founder.detection.name(),
            entities: founder.entities_text,
            status: material.reviews.standing(&founder.id).name(),
            corrections: count(Detection::Correction),
            confirmations: count(Detection::Confirmation),
            definitions: count(Detection::UnpromptedDefinition),
            verifiers: verifiers.len() as u64,
            first_verified: times().min(),
            last_verified: times().max(),
            reviewer: verdict.map(|verdict| verdict.reviewer),
            reviewed_at: verdict.map(|verdict| verdict.reviewed_at),
            instructions: count(Detection::Instruction),
            sessions: sessions.len() as u64,
            scope: founder.scope,
            project,
            likelihood: likeliest.and_then(|piece| piece.likelihood),
            signs: likeliest.and_then(|piece| piece.signs),
        });
        for piece in evidence {
            evidence::push(piece, &founder.id, rows);
        }
    }
}
