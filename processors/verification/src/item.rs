//! Items: what people state, once, however many of them state it.
//!
//! Statements are taken oldest first, so that what they come to depends on nothing but them. One in
//! the very words of an earlier one joins it. Else, unless it corrects something or people decided about
//! it, it joins the item that says the same in other words; of several the approved one, then the oldest,
//! then the one of the lowest id. What joins no item is one of its own.

use crate::Detection;
use crate::evidence;
use crate::index::Index;
use crate::material::Material;
use crate::memo::Memo;
use crate::review::Standing;
use crate::statement::Statement;
use crate::wording::Stance;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, Table, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One row per item.
pub static ITEMS: Table = Table {
    name: "knowledge_items",
    columns: &[
        "domain",
        "item_id",
        "title",
        "content",
        "detection_type",
        "entities",
        "status",
        "corrections",
        "confirmations",
        "definitions",
        "verifiers",
        "first_verified",
        "last_verified",
        "reviewer",
        "reviewed_at",
    ],
};

/// Items that share so many entities are related.
pub const RELATED: usize = 2;

/// What one or more statements say.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// The statement that it is told in: the oldest one, but for what people merged into it.
    pub founder: usize,
    /// Its statements, oldest first.
    pub statements: Vec<usize>,
}

/// The items of a domain, in the order of their founders.
pub fn items(material: &Material<'_>, memo: &mut Memo<'_>) -> Vec<Item> {
    let mut founded = Standing::ALL.map(|_| Index::new(material, RELATED));
    let id = |number: usize| &*material.statements[number].id;
    // The founder of what each statement joins: by the statement's id, and by its number.
    let mut founders: HashMap<&str, usize> = HashMap::new();
    let mut joined = Vec::with_capacity(material.statements.len());
    for (number, Statement { id, .. }) in material.statements.iter().enumerate() {
        if let Some(founder) = founders.get(&**id) {
            joined.push(*founder);
            continue;
        }
        let founder = match memo.next(material, number) {
            Some(remembered) if remembered == id => number,
            Some(remembered) if founders.contains_key(remembered) => founders[remembered],
            _ => canonical(material, number, &founded).unwrap_or(number),
        };
        if founder == number {
            founded[material.reviews.standing(id) as usize].insert(number);
        }
        memo.remember(founder);
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

/// The founder of the item that a statement joins because both say the same in other words. What was
/// founded so far is there by its standing.
fn canonical(material: &Material<'_>, number: usize, founded: &[Index<'_>]) -> Option<usize> {
    let statement = &material.statements[number];
    let wording = material.wordings[number].as_ref()?;
    let entities = &material.entities[number];
    if statement.detection == Detection::Correction || material.reviews.is_own(&statement.id) {
        return None;
    }
    founded.iter().find_map(|index| index.alike(wording, entities, Stance::Agrees).next())
}

impl Item {
    /// Adds the rows of the item and of its evidence.
    pub fn push(&self, domain: &str, material: &Material<'_>, rows: &mut Rows) {
        let founder = &material.statements[self.founder];
        let evidence = evidence::of(&self.statements, material);
        let verdict = material.reviews.verdict(&founder.id);
        let count =
            |kind: Detection| Value::from(evidence.iter().filter(|piece| piece.detection == kind).count() as u64);
        let verifiers: BTreeSet<_> = evidence.iter().map(|piece| piece.username).collect();
        let times = || evidence.iter().filter_map(|piece| piece.time);
        let (first, last): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = (times().min(), times().max());
        rows.push(
            &ITEMS,
            [
                domain.into(),
                (&*founder.id).into(),
                founder.title.into(),
                founder.content.into(),
                founder.detection.name().into(),
                founder.entities_text.into(),
                material.reviews.standing(&founder.id).name().into(),
                count(Detection::Correction),
                count(Detection::Confirmation),
                count(Detection::UnpromptedDefinition),
                (verifiers.len() as u64).into(),
                first.into(),
                last.into(),
                verdict.map_or(Value::Null, |verdict| verdict.reviewer.clone()),
                verdict.map_or(Value::Null, |verdict| verdict.reviewed_at.clone()),
            ],
        );
        for piece in evidence {
            evidence::push(piece, domain, &founder.id, rows);
        }
    }
}
