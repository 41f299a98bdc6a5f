//! Short hashes of texts, in hexadecimal digits.

use sha2::{Digest, Sha256};

/// The first digits of the SHA-256 of a text. Their number must be even.
pub(crate) fn digest(text: impl AsRef<[u8]>, digits: usize) -> String {
    hex::encode(&Sha256::digest(text)[..digits / 2])
}
