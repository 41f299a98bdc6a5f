//! Which founder a statement joins, remembered by all that decides it.
//!
//! That follows from the statements before it in their order, and from what people decided about these: a
//! digest of them names the outcome. So where a domain grows at its end, which is what domains do, only the
//! statements that are new are held against others. Where something earlier changes, the digests of all
//! that comes after it do, too.

use crate::Detection;
use crate::index;
use crate::material::Material;
use crate::statement::Statement;
use sessionmill_contract::{Failure, Row as _, Rows, Value, table};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

table! {
    pub static FOUNDERS: Table = "verification_founders", Hidden;

    /// What a statement joined, in whatever words it was told first.
    #[derive(Clone, Debug)]
    pub struct FounderRow<'a> {
        domain: &'a str,
        history: i64,
        founder_id: &'a str,
    }
}

/// What was found earlier, and what is to be remembered now.
#[derive(Debug)]
pub struct Memo<'m> {
    /// Ids of founders, by history.
    known: HashMap<i64, &'m str>,
    history: [u8; 32],
    found: Vec<(i64, usize)>,
}

impl<'m> Memo<'m> {
    /// Reads rows of [`FOUNDERS`].
    ///
    /// # Errors
    ///
    /// If a row is none of a founder.
    pub fn new(rows: &'m [Vec<Value>]) -> Result<Self, Failure> {
        let read = |row: &'m Vec<Value>| FounderRow::read(row).map(|row| (row.history, row.founder_id));
        let known = rows.iter().map(read).collect::<Result<_, _>>()?;
        // Another release can compare in another way, too.
        let seed = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
        let history = seed.chain_update([index::VERSION]).finalize().into();
        Ok(Self { known, history, found: Vec::new() })
    }

    /// Goes on to the next statement of an id that is new. Returns the id of the founder that it joined in
    /// the same history.
    pub fn next(&mut self, material: &Material<'_>, number: usize) -> Option<&'m str> {
        let Statement { id, detection, entities, .. } = &material.statements[number];
        let reviews = &material.reviews;
        let is_correction = *detection == Detection::Correction;
        let mut hasher = Sha256::new_with_prefix(self.history);
        hasher.update(id);
        hasher.update([reviews.standing(id) as u8, is_correction.into(), reviews.is_own(id).into()]);
        for entity in entities {
            hasher.update((entity.len() as u64).to_le_bytes());
            hasher.update(entity);
        }
        self.history = hasher.finalize().into();
        self.known.get(&self.key()).copied()
    }

    /// Remembers the founder that the statement joins.
    pub fn remember(&mut self, founder: usize) {
        self.found.push((self.key(), founder));
    }

    fn key(&self) -> i64 {
        self.history.iter().take(8).fold(0, |key, byte| key << 8 | i64::from(*byte))
    }

    /// Adds the rows of all that is to be remembered.
    pub fn push(&self, domain: &str, material: &Material<'_>, rows: &mut Rows) {
        for (history, founder) in &self.found {
            let founder_id = &material.statements[*founder].id;
            rows.push(FounderRow { domain, history: *history, founder_id });
        }
    }
}
