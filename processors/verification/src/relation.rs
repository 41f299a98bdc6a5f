//! Relations that a curator should look at: corrections that contradict an item, according to their words or to a
//! model. Rejected items have no relations.

use crate::Detection;
use crate::index::Index;
use crate::item::Item;
use crate::material::Material;
use crate::review::Standing;
use crate::wording::Stance;
use sessionmill_contract::{Rows, table};
use std::collections::{BTreeMap, HashMap, HashSet};

table! {
    /// one row per correction and item that it contradicts
    pub static RELATIONS: Table = "knowledge_relations", Viewed;

    /// A pair of items. A contradiction that only a model found has no score.
    #[derive(Clone, Debug)]
    pub struct RelationRow<'a> {
        /// contradicts
        kind: &'a str,
        /// item_id of the correction
        from_item: &'a str,
        /// item_id of what it contradicts
        to_item: &'a str,
        /// likeness of the texts, from 0 to 1; null if only a model sees the contradiction
        score: Option<u64>,
        /// entities that both name
        shared_entities: u64,
        /// <detector>:<model> that says so; null if only the texts were compared
        judge: Option<&'a str>,
    }
}

/// The most items that a correction contradicts according to its words. Nobody would look at more.
const MOST: usize = 5;

/// Adds the rows of all relations between items.
pub fn push(items: &[Item], material: &Material<'_>, rows: &mut Rows) {
    let stands = |item: &&Item| material.reviews.standing(&material.statements[item.founder].id) != Standing::Rejected;
    let founders: Vec<_> = items.iter().filter(stands).map(|item| item.founder).collect();
    let id = |number: usize| &*material.statements[number].id;
    let mut push = |from: usize, to: usize, score: Option<u64>, judge: Option<&str>| {
        let (kind, shared_entities) = ("contradicts", material.entities[from].shared(&material.entities[to]) as u64);
        rows.push(RelationRow { kind, from_item: id(from), to_item: id(to), score, shared_entities, judge });
    };
    let mut judged = judged(items, &founders, material);
    for (correction, item, likeness) in contradictions(&founders, material) {
        let judge = judged.remove(&(correction, item)).or_else(|| judged.remove(&(item, correction)));
        push(correction, item, Some(likeness), judge);
    }
    for ((correction, item), judge) in judged {
        push(correction, item, None, Some(judge));
    }
}

/// Pairs of a correction and an item that it contradicts according to a judge, with the judge. A finding about a
/// statement applies to the item of which the statement is evidence.
fn judged<'m>(items: &[Item], founders: &[usize], material: &'m Material<'_>) -> BTreeMap<(usize, usize), &'m str> {
    let mut pairs = BTreeMap::new();
    let judgements = material.reviews.judgements();
    if judgements.is_empty() {
        return pairs;
    }
    let founders: HashSet<_> = founders.iter().collect();
    let standing = items.iter().filter(|item| founders.contains(&item.founder));
    let id = |number: &usize| &*material.statements[*number].id;
    let item_of: HashMap<&str, usize> =
        standing.flat_map(|item| item.statements.iter().map(|number| (id(number), item.founder))).collect();
    for (correction, judgement) in judgements {
        for other in &judgement.contradicted {
            let (Some(&correction), Some(&item)) = (item_of.get(correction), item_of.get(other)) else { continue };
            if correction != item && !pairs.contains_key(&(item, correction)) {
                pairs.insert((correction, item), judgement.judge);
            }
        }
    }
    pairs
}

/// Corrections, the items that they contradict, and the similarity of their texts. The correction would say the same as
/// the item if it were not for a number or a negation.
fn contradictions(founders: &[usize], material: &Material<'_>) -> Vec<(usize, usize, u64)> {
    let mut index = Index::new(&material.wordings, &material.entities, 1);
    founders.iter().for_each(|founder| index.insert(*founder));
    let is_correction = |number: usize| material.statements[number].detection == Detection::Correction;
    let mut all = Vec::new();
    for &correction in founders.iter().filter(|founder| is_correction(**founder)) {
        let Some(wording) = &material.wordings[correction] else { continue };
        let alike = index.alike(correction, Stance::Contradicts, |_| true);
        let contradicted = alike.filter(|item| *item < correction || !is_correction(*item)).take(MOST);
        let likeness = |item: usize| material.wordings[item].as_ref().map_or(0, |other| wording.likeness(other));
        all.extend(contradicted.map(|item| (correction, item, likeness(item))));
    }
    all
}
