//! What a curator should look at: items that are likely the same, and corrections that contradict an
//! item, as their words show or a model has said. Items that were rejected have no relations.

use crate::Detection;
use crate::bag::{self, Bag};
use crate::index::Index;
use crate::item::{Item, RELATED};
use crate::material::Material;
use crate::review::Standing;
use crate::wording::Stance;
use sessionmill_contract::{Rows, table};
use std::collections::{BTreeMap, HashMap, HashSet};

table! {
    /// one row per pair of items of a domain that a curator should look at
    pub static RELATIONS: Table = "knowledge_relations", Viewed;

    /// A pair of items; `from_item` is the later one, or the correction. What only a model says has no score.
    #[derive(Clone, Debug)]
    pub struct RelationRow<'a> {
        /// that both items are of
        domain: &'a str,
        /// likely_duplicate, or contradicts: a correction and what it corrects
        kind: &'a str,
        /// item_id
        from_item: &'a str,
        /// item_id
        to_item: &'a str,
        /// shared entities over all entities of a likely duplicate; likeness of the texts of a contradiction; null if
        /// only a model sees one
        score: Option<u64>,
        /// entities that both name
        shared_entities: u64,
        /// <detector>:<model> that says so; null if only the texts were compared
        judge: Option<&'a str>,
    }
}

/// Relations of one kind that an item can begin: of more, nobody would look at the rest.
const MOST: usize = 5;

/// Adds the rows of all relations between the items of a domain.
pub fn push(items: &[Item], domain: &str, material: &Material<'_>, rows: &mut Rows) {
    let stands = |item: &&Item| material.reviews.standing(&material.statements[item.founder].id) != Standing::Rejected;
    let founders: Vec<_> = items.iter().filter(stands).map(|item| item.founder).collect();
    let id = |number: usize| &*material.statements[number].id;
    let mut push = |kind: &str, from: usize, to: usize, score: Option<u64>, judge: Option<&str>| {
        let shared_entities = material.entities[from].shared(&material.entities[to]) as u64;
        rows.push(RelationRow { domain, kind, from_item: id(from), to_item: id(to), score, shared_entities, judge });
    };
    for (later, earlier, score) in duplicates(&founders, material) {
        push("likely_duplicate", later, earlier, Some(score), None);
    }
    let mut judged = judged(items, &founders, material);
    for (correction, item, likeness) in contradictions(&founders, material) {
        let judge = judged.remove(&(correction, item)).or_else(|| judged.remove(&(item, correction)));
        push("contradicts", correction, item, Some(likeness), judge);
    }
    for ((correction, item), judge) in judged {
        push("contradicts", correction, item, None, Some(judge));
    }
}

/// Pairs of a correction and an item that it contradicts, as somebody judged, and who did. What was said
/// of a statement holds for the item that it is evidence of.
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

/// Shared entities over all entities of two items, in thousandths.
fn jaccard(a: usize, b: usize, common: usize) -> u64 {
    (1000 * common / (a + b - common)) as u64
}

/// The earlier items that one is likeliest the same as: the highest score first, then the oldest.
#[derive(Default)]
struct Nearest(Vec<(u64, usize)>);

impl Nearest {
    /// The score below which nobody is near enough any more.
    fn least(&self) -> usize {
        self.0.get(MOST - 1).map_or(0, |worst| worst.0 as usize)
    }

    /// The place of an item, if it has one.
    fn place(&self, score: u64, earlier: usize) -> Option<usize> {
        let place = self.0.partition_point(|known| (score, known.1) < (known.0, earlier));
        (place < MOST).then_some(place)
    }

    /// Takes in those of some items, in order, that are near enough and may be.
    fn take(&mut self, score: u64, items: &[usize], may: impl Fn(usize) -> bool) {
        for &earlier in items {
            let Some(place) = self.place(score, earlier) else { return };
            if may(earlier) {
                self.0.insert(place, (score, earlier));
                self.0.truncate(MOST);
            }
        }
    }
}

/// Items with the same entities, in order.
struct Group<'m> {
    entities: &'m Bag,
    items: Vec<usize>,
    /// The last item that was compared with these.
    met: usize,
}

/// A group whose items have an entity.
struct Holder {
    group: usize,
    /// Its oldest item.
    oldest: usize,
    /// Of its entities.
    count: usize,
    mask: u64,
}

/// Items, and the earlier ones that each is likeliest the same as: those with which it shares most.
fn duplicates(founders: &[usize], material: &Material<'_>) -> Vec<(usize, usize, u64)> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut by_entities: HashMap<&[u32], usize> = HashMap::new();
    let mut by_entity: Vec<Vec<Holder>> = Vec::new();
    let mut all = Vec::new();
    for &later in founders {
        let entities = &material.entities[later];
        let count = entities.len();
        if count < RELATED {
            continue;
        }
        let id = |number: usize| &*material.statements[number].id;
        let may = |earlier: usize| !material.reviews.are_apart(id(later), id(earlier));
        let mut nearest = Nearest::default();
        let own = by_entities.get(entities.sorted()).copied();
        if let Some(own) = own {
            groups[own].met = later;
            nearest.take(jaccard(count, count, count), &groups[own].items, may);
        }
        // Two sets that share two entities share one that is not the most frequent of either.
        let prefix = &entities.sorted()[..=count - RELATED];
        for (position, &entity) in prefix.iter().enumerate() {
            // Who shares no rarer entity shares these at most.
            let rest = count - position;
            if 1000 * rest < nearest.least() * count {
                break;
            }
            let others = bag::mask(&entities.sorted()[position + 1..]);
            for holder in by_entity.get(entity as usize).into_iter().flatten() {
                // Most share this one entity and no other, which is cheap to see.
                if holder.mask & others == 0 {
                    continue;
                }
                let most = entities.shared_by_mask(holder.mask).min(rest);
                if nearest.place(jaccard(count, holder.count, most), holder.oldest).is_none() {
                    continue;
                }
                let group = &mut groups[holder.group];
                if std::mem::replace(&mut group.met, later) == later {
                    continue;
                }
                let common = entities.shared(group.entities);
                if common >= RELATED {
                    nearest.take(jaccard(count, holder.count, common), &group.items, may);
                }
            }
        }
        let own = own.unwrap_or_else(|| {
            let group = groups.len();
            by_entities.insert(entities.sorted(), group);
            for entity in prefix.iter().map(|entity| *entity as usize) {
                if by_entity.len() <= entity {
                    by_entity.resize_with(entity + 1, Vec::new);
                }
                by_entity[entity].push(Holder { group, oldest: later, count, mask: bag::mask(entities.sorted()) });
            }
            groups.push(Group { entities, items: Vec::new(), met: later });
            group
        });
        groups[own].items.push(later);
        all.extend(nearest.0.into_iter().map(|(score, earlier)| (later, earlier, score)));
    }
    all
}

/// Corrections, the items that they contradict, and the likeness of their texts. A correction would
/// say the same as the item, were it not for a number or a negation.
fn contradictions(founders: &[usize], material: &Material<'_>) -> Vec<(usize, usize, u64)> {
    let mut index = Index::new(material, 1);
    founders.iter().for_each(|founder| index.insert(*founder));
    let is_correction = |number: usize| material.statements[number].detection == Detection::Correction;
    let mut all = Vec::new();
    for &correction in founders.iter().filter(|founder| is_correction(**founder)) {
        let Some(wording) = &material.wordings[correction] else { continue };
        let alike = index.alike(wording, &material.entities[correction], Stance::Contradicts);
        let contradicted = alike.filter(|item| *item < correction || !is_correction(*item)).take(MOST);
        let likeness = |item: usize| material.wordings[item].as_ref().map_or(0, |other| wording.likeness(other));
        all.extend(contradicted.map(|item| (correction, item, likeness(item))));
    }
    all
}
