//! The input for making items: statements with their wordings and entities, and the decisions of people.

use crate::bag::Bag;
use crate::review::Reviews;
use crate::statement::Statement;
use crate::wording::{Wording, wordings};
use sessionmill_contract::{Failure, Value};
use std::collections::HashMap;

/// Statements by number, the oldest first. Everything is derived from the claims and the reviews.
#[derive(Debug)]
pub struct Material<'f> {
    pub statements: Vec<Statement<'f>>,
    pub wordings: Vec<Option<Wording>>,
    /// The entities of each statement, as numbers; a rarer entity has a lower number.
    pub entities: Vec<Bag>,
    pub reviews: Reviews<'f>,
}

impl<'f> Material<'f> {
    /// # Errors
    ///
    /// If a row is not a review.
    pub fn new(statements: Vec<Statement<'f>>, reviews: &'f [Vec<Value>]) -> Result<Self, Failure> {
        let wordings = wordings(statements.iter().map(|statement| statement.content));
        let entities = numbered(statements.iter().map(|statement| &*statement.entities));
        Ok(Self { statements, wordings, entities, reviews: Reviews::new(reviews)? })
    }
}

/// The entities of texts, as numbers.
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
