//! Hexadecimal digits that stand for a text.

use sha2::{Digest, Sha256};

/// The first digits, an even number of them, of the SHA-256 of a text.
pub(crate) fn digest(text: impl AsRef<[u8]>, digits: usize) -> String {
    hex::encode(&Sha256::digest(text)[..digits / 2])
}
