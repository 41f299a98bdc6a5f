//! What a curator should look at: items that are likely the same, and corrections that contradict an
//! item. Items that were rejected have no relations.

use crate::bag::Bag;
use crate::index::Index;
use crate::item::{Item, LIKE, LIKE_IF_RELATED, RELATED};
use crate::material::Material;
use crate::review::Standing;
use sessionmill_contract::{Detection, Rows, Table};
use std::ops::ControlFlow;

/// One row per pair of items and kind; `from_item` is the later one, or the correction.
pub static RELATIONS: Table = Table {
    name: "knowledge_relations",
    columns: &["domain", "kind", "from_item", "to_item", "score", "shared_entities"],
};

/// Relations of one kind that an item can begin: of more, nobody would look at the rest.
const MOST: usize = 5;

/// Adds the rows of all relations between the items of a domain.
pub fn push(items: &[Item], domain: &str, material: &Material<'_>, rows: &mut Rows) {
    let stands = |item: &&Item| material.reviews.standing(&material.statements[item.founder].id) != Standing::Rejected;
    let founders: Vec<_> = items.iter().filter(stands).map(|item| item.founder).collect();
    let id = |number: usize| &*material.statements[number].id;
    let mut push = |kind: &str, from: usize, to: usize, score: u64| {
        let common = material.entities[from].shared(&material.entities[to]) as u64;
        rows.push(
            &RELATIONS,
            [domain.into(), kind.into(), id(from).into(), id(to).into(), score.into(), common.into()],
        );
    };
    for (later, earlier, score) in duplicates(&founders, material) {
        push("likely_duplicate", later, earlier, score);
    }
    for (correction, item, likeness) in contradictions(&founders, material) {
        push("contradicts", correction, item, likeness);
    }
}

/// Shared entities over all entities of two items, in thousandths.
fn jaccard(a: &Bag, b: &Bag, common: usize) -> u64 {
    (1000 * common / (a.len() + b.len() - common)) as u64
}

/// An item that has an entity.
struct Holder {
    number: usize,
    /// Of its entities.
    count: usize,
    mask: u64,
}

/// Items, and the earlier ones that each is likeliest the same as: those with which it shares most.
fn duplicates(founders: &[usize], material: &Material<'_>) -> Vec<(usize, usize, u64)> {
    let mut by_entity: Vec<Vec<Holder>> = Vec::new();
    let mut met = vec![usize::MAX; material.statements.len()];
    let is_apart =
        |a: usize, b: usize| material.reviews.are_apart(&material.statements[a].id, &material.statements[b].id);
    let mut all = Vec::new();
    for &later in founders {
        let entities = &material.entities[later];
        let mut nearest: Vec<(u64, usize)> = Vec::new();
        // The score below which nobody is near enough any more.
        let mut least = 0;
        // Two sets that share two entities share one that is not the most frequent of either.
        let prefix = &entities.sorted()[..entities.len().saturating_sub(RELATED - 1)];
        for (position, &entity) in prefix.iter().enumerate() {
            // Who shares no rarer entity shares these at most.
            let rest = entities.len() - position;
            if 1000 * rest < least * entities.len() {
                break;
            }
            for holder in by_entity.get(entity as usize).into_iter().flatten() {
                // Most share this one entity and no other, which is cheap to see.
                let most = entities.shared_by_mask(holder.mask).min(rest);
                if most < RELATED
                    || 1000 * most < least * (entities.len() + holder.count - most)
                    || std::mem::replace(&mut met[holder.number], later) == later
                {
                    continue;
                }
                let earlier = holder.number;
                let others = &material.entities[earlier];
                let place = |common: usize| {
                    let score = jaccard(entities, others, common);
                    (score, nearest.partition_point(|known| (score, known.1) < (known.0, earlier)))
                };
                let most = entities.shared_at_most(others);
                if most < RELATED || place(most).1 == MOST || is_apart(later, earlier) {
                    continue;
                }
                let common = entities.shared(others);
                if common >= RELATED {
                    let (score, place) = place(common);
                    nearest.insert(place, (score, earlier));
                    nearest.truncate(MOST);
                    least = nearest.get(MOST - 1).map_or(0, |worst| worst.0 as usize);
                }
            }
        }
        for &entity in prefix {
            let entity = entity as usize;
            if by_entity.len() <= entity {
                by_entity.resize_with(entity + 1, Vec::new);
            }
            by_entity[entity].push(Holder { number: later, count: entities.len(), mask: entities.mask() });
        }
        all.extend(nearest.into_iter().map(|(score, earlier)| (later, earlier, score)));
    }
    all
}

/// Corrections, the items that they contradict, and the likeness of their texts. A correction would
/// say the same as the item, were it not for a number or a negation.
fn contradictions(founders: &[usize], material: &Material<'_>) -> Vec<(usize, usize, u64)> {
    let mut index = Index::new(&material.wordings, LIKE_IF_RELATED);
    founders.iter().for_each(|founder| index.insert(*founder));
    let is_correction = |number: usize| material.statements[number].detection == Detection::Correction;
    let mut all = Vec::new();
    for &correction in founders.iter().filter(|founder| is_correction(**founder)) {
        let Some(wording) = &material.wordings[correction] else { continue };
        let entities = &material.entities[correction];
        let percent = if entities.is_empty() { LIKE } else { LIKE_IF_RELATED };
        let before = all.len();
        index.search(wording, percent, |item, other| {
            if (item < correction || !is_correction(item))
                && wording.may_be_like(other, percent)
                && wording.contradicts(other)
                && wording
                    .is_like(other, if entities.share(&material.entities[item], 1) { LIKE_IF_RELATED } else { LIKE })
            {
                all.push((correction, item, wording.likeness(other)));
            }
            if all.len() - before < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    }
    all
}
