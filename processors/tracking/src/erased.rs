//! People of a site who are erased: their events and their links are passed over, wherever they are read.
//!
//! Their ids are not in clear text: an id is known by its hash, which a secret key goes into, so that nobody who
//! lacks the key can try ids.

use crate::fold::KIND;
use crate::line;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// A hash, or the key that goes into it.
pub type Bytes = [u8; 32];

/// Ids that are passed over.
#[derive(Clone, Default, PartialEq)]
pub struct Erased {
    /// Random, and secret.
    pub key: Bytes,
    /// The hash of each id.
    pub hashes: BTreeSet<Bytes>,
}

impl Erased {
    /// The hash of a person, as [`person`] writes them: SHA-256 of the key and that text.
    pub fn hash(&self, person: &str) -> Bytes {
        Sha256::new().chain_update(self.key).chain_update(person).finalize().into()
    }

    /// Whether a person is one of them.
    pub fn has(&self, person: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&self.hash(person))
    }
}

impl fmt::Debug for Erased {
    /// The key is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids", self.hashes.len())
    }
}

/// The person that an id of a site's web events means, as in the tables: `<user folder>/web/<distinct id>`.
pub fn person(username: &str, distinct_id: &str) -> String {
    line::person(username, KIND, distinct_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_hash_with_the_key() {
        let mut erased = Erased { key: [7; 32], hashes: BTreeSet::new() };
        assert!(!erased.has("oil/web/zoe"));
        erased.hashes.insert(erased.hash(&person("oil", "zoe")));
        assert!(erased.has("oil/web/zoe"));
        assert!(!erased.has("gas/web/zoe") && !erased.has("oil/web/zo"));
        assert!(!Erased { key: [8; 32], ..erased.clone() }.has("oil/web/zoe"), "the key is part of it");
        assert_eq!(format!("{erased:?}"), "1 ids");
    }
}
