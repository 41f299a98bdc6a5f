//! Secrets that let somebody in, and what the store keeps of them.
//!
//! The store never sees a secret: it keeps its SHA-256, and looks for that. So a copy of the store lets nobody in,
//! and how long a look-up takes says nothing about a secret.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// What a cookie or a program presents: 256 random bits as 64 hexadecimal digits, with a prefix or without one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// SHA-256 of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

/// In front of tokens of programs, so that people and scanners recognise them.
pub const TOKEN_PREFIX: &str = "sm_";

/// A longer one was not made here, nor by an older store.
const LONGEST: usize = 512;

impl Secret {
    /// A new one.
    pub fn new(prefix: &str) -> Self {
        Self(format!("{prefix}{}", hex::encode(random::<32>())))
    }

    /// One that was presented, if it can be one at all.
    pub fn presented(text: &str) -> Option<Self> {
        (1..=LONGEST).contains(&text.len()).then(|| Self(text.to_owned()))
    }

    /// What is handed to whoever it is for. Nothing else may see it.
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

/// A name that lists can show: 128 random bits, which have nothing to do with the secret.
pub fn public_id() -> String {
    hex::encode(random::<16>())
}

/// Whether a text can be a public id.
pub fn is_public_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Random bytes of the operating system.
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
    fn what_cannot_be_a_secret_is_not_looked_up() {
        assert_eq!(Secret::presented(""), None);
        assert_eq!(Secret::presented(&"a".repeat(513)), None);
        assert!(is_public_id(&public_id()));
        for wrong in ["", "0123456789ABCDEF0123456789ABCDEF", "../0123456789abcdef0123456789abc"] {
            assert!(!is_public_id(wrong), "{wrong}");
        }
    }
}
