//! What items are made of: statements, compared word by word, and what
//! people decided.

use crate::bag::Bag;
use crate::review::Reviews;
use crate::statement::Statement;
use crate::wording::{Wording, wordings};
use sessionmill_contract::{Failure, Value};
use std::collections::HashMap;

/// Statements by number, oldest first. All of it follows from the claims and the reviews alone.
#[derive(Debug)]
pub struct Material<'f> {
    pub statements: Vec<Statement<'f>>,
    pub wordings: Vec<Option<Wording>>,
    /// What each is about, by number; the rarer of two entities has the lower one.
    pub entities: Vec<Bag>,
    pub reviews: Reviews<'f>,
}

impl<'f> Material<'f> {
    /// # Errors
    ///
    /// If a row is none of a review.
    pub fn new(statements: Vec<Statement<'f>>, reviews: &'f [Vec<Value>]) -> Result<Self, Failure> {
        let wordings = wordings(statements.iter().map(|statement| statement.content));
        let entities = numbered(statements.iter().map(|statement| &*statement.entities));
        Ok(Self { statements, wordings, entities, reviews: Reviews::new(reviews)? })
    }
}

/// What texts are about, in numbers.
pub fn numbered<'e>(entities: impl Iterator<Item = &'e [String]> + Clone) -> Vec<Bag> {
    let mut count: HashMap<&str, u32> = HashMap::new();
    for entity in entities.clone().flatten() {
        *count.entry(entity).or_default() += 1;
    }
    let mut by_rarity: Vec<_> = count.into_iter().collect();
    by_rarity.sort_by_key(|(entity, count)| (*count, *entity));
    let numbers: HashMap<_, _> = by_rarity.into_iter().map(|(entity, _)| entity).zip(0..).collect();
    let of =
        |entities: &[String]| Bag::new(entities.iter().filter_map(|entity| numbers.get(&**entity).copied()).collect());
    entities.map(of).collect()
}
