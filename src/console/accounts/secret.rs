//! Secrets of cookies and tokens, and what the store keeps of them.
//!
//! The store keeps only the SHA-256 hash of a secret and finds rows by that hash. So a copy of the store lets nobody
//! in, and the time of a look-up reveals nothing about a secret.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A secret of a cookie or a token: 256 random bits as 64 hexadecimal digits, with or without a prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The SHA-256 hash of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

/// The prefix of API tokens, by which people and secret scanners recognise them.
pub const TOKEN_PREFIX: &str = "sm_";

/// The most bytes of a secret. Neither this program nor an older store makes longer ones.
const LONGEST: usize = 512;

impl Secret {
    /// Makes a new random secret.
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}{}", hex::encode(random::<32>())))
    }

    /// A secret that a request presents, unless its length is impossible.
    pub fn presented(text: &str) -> Option<Self> {
        (1..=LONGEST).contains(&text.len()).then(|| Self(text.to_owned()))
    }

    /// The secret itself, for its owner only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(&self.0).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A new public id: 128 random bits, independent of the secret. Lists can show it.
pub fn public_id() -> String {
    hex::encode(random::<16>())
}

/// Whether a text has the form of a public id.
pub fn is_public_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Random bytes from the operating system.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_random_and_never_printed() {
        let secret = Secret::new(TOKEN_PREFIX);
        assert_eq!(secret.reveal().len(), 3 + 64);
        assert_ne!(secret, Secret::new(TOKEN_PREFIX));
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(
            hex::encode(Secret("abc".into()).hash().0),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "the example of FIPS 180"
        );
    }

    #[test]
    fn text_that_cannot_be_a_secret_is_not_looked_up() {
        assert_eq!(Secret::presented(""), None);
        assert_eq!(Secret::presented(&"a".repeat(513)), None);
        assert!(is_public_id(&public_id()));
        for wrong in ["", "0123456789ABCDEF0123456789ABCDEF", "../0123456789abcdef0123456789abc"] {
            assert!(!is_public_id(wrong), "{wrong}");
        }
    }
}
