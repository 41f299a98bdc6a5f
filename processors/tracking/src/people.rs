//! Which of the ids that are settled together are one person: those that identity links join.
//!
//! A client session that two people share also brings their ids together, but they stay two people. For example, given
//! the edges
//!
//! ```text
//! identity  shop/web/ada   shop/web/anon-1
//! client    shop/web/ada   shop/web/bob
//! ```
//!
//! `ada` and `anon-1` are one person, `ada`, and `bob` is another person.

use crate::edge::EdgeRow;
use crate::line::distinct_id;
use sessionmill_contract::sets::Sets;
use sessionmill_contract::{Failure, Row, Value};
use std::collections::{BTreeMap, HashMap};

/// The people among some ids.
#[derive(Debug, Default)]
pub(crate) struct People<'e> {
    /// The person's id, for each id that is linked to another one.
    by_id: HashMap<&'e str, &'e str>,
}

impl<'e> People<'e> {
    /// Reads the people from edges.
    ///
    /// # Errors
    ///
    /// If a row is not an edge.
    pub(crate) fn of(edges: &'e [Vec<Value>]) -> Result<Self, Failure> {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut sets = Sets::default();
        let mut users = Vec::new();
        for edge in edges {
            let edge = EdgeRow::read(edge)?;
            if edge.kind != "identity" {
                continue;
            }
            let ends = [edge.id, edge.other].map(|id| *numbers.entry(id).or_insert_with(|| sets.add()));
            sets.join(ends[0], ends[1]);
            users.push(edge.id);
        }
        // The smallest user of each set.
        let mut persons: BTreeMap<usize, &str> = BTreeMap::new();
        for user in users {
            let smallest = persons.entry(sets.of(numbers[user])).or_insert(user);
            *smallest = (*smallest).min(user);
        }
        let by_id = numbers.iter().map(|(id, number)| (*id, persons[&sets.of(*number)]));
        Ok(Self { by_id: by_id.collect() })
    }

    /// The id of the person that this id belongs to, as in the column `person_id`.
    pub(crate) fn person_id<'p>(&self, person: &'p str) -> &'p str
    where
        'e: 'p,
    {
        distinct_id(self.by_id.get(person).copied().unwrap_or(person))
    }
}
