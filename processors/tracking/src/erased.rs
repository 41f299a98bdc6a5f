//! Erased people of a site. Their events and links are ignored wherever they are read.
//!
//! Their ids are not stored in clear text but as hashes with a secret key. Without the key, nobody can test whether a
//! certain id is among them.

use crate::line;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// A hash, or the key for hashing.
pub type Bytes = [u8; 32];

/// Ids that are ignored.
#[derive(Clone, Default, PartialEq)]
pub struct Erased {
    /// Random and secret.
    pub key: Bytes,
    /// The hashes of the ids.
    pub hashes: BTreeSet<Bytes>,
}

impl Erased {
    /// The hash of a person, given as [`person`] writes it: SHA-256 of the key and that text.
    pub fn hash(&self, person: &str) -> Bytes {
        Sha256::new().chain_update(self.key).chain_update(person).finalize().into()
    }

    /// Whether a person is among them.
    pub fn has(&self, person: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&self.hash(person))
    }
}

impl fmt::Debug for Erased {
    /// Does not show the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ids", self.hashes.len())
    }
}

/// The person with an id in a site's web events, as in the tables: `<user folder>/web/<distinct id>`.
pub fn person(username: &str, distinct_id: &str) -> String {
    line::person(username, line::WEB, distinct_id)
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
