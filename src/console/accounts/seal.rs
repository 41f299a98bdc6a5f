//! Encrypts the data of login sessions (AES-256-GCM, key from a file), for stores that other people can read.
//!
//! The encrypted form is JSON, `{"sealed": "…"}`, because the column of some back ends accepts only JSON. The
//! ciphertext is bound to the session's public id: copied to another session, it cannot be decrypted. Data written
//! before a key was configured is still readable.

use super::StoreError;
use super::secret::random;
use crate::base::error::cause;
use crate::base::hash::from_hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The key.
#[derive(Debug)]
pub(super) struct Seal(LessSafeKey);

/// The stored form: Base64 of a random nonce and the ciphertext.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sealed: String,
}

impl Seal {
    /// Reads the key from a file with 64 hexadecimal digits.
    #[expect(clippy::disallowed_methods, reason = "a key, not the database")]
    pub(super) fn of_file(path: &Path) -> Result<Self, StoreError> {
        let cannot = |why: &str| StoreError::Invalid(format!("cannot read the key in `{}`: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| cannot(&cause(&error)))?;
        let key = from_hex::<32>(text.trim()).and_then(|key| Self::of(&key));
        key.ok_or_else(|| cannot("it is not 64 hexadecimal digits, such as `openssl rand -hex 32` prints"))
    }

    fn of(key: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts the data of the session with this public id.
    pub(super) fn seal(&self, data: &str, public_id: &str) -> Result<String, StoreError> {
        let nonce = random::<NONCE_LEN>();
        let mut bytes = data.as_bytes().to_vec();
        let of = Aad::from(public_id.as_bytes());
        let sealed = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), of, &mut bytes);
        sealed.map_err(|_| StoreError::Unreachable("a login session could not be sealed".to_owned()))?;
        let sealed = BASE64.encode([&nonce[..], &bytes].concat());
        Ok(serde_json::json!(Sealed { sealed }).to_string())
    }
}

/// Decrypts the data of the session with this public id, if it is encrypted. `None` if that needs another key.
pub(super) fn open(seal: Option<&Seal>, data: String, public_id: &str) -> Option<String> {
    let Ok(Sealed { sealed }) = serde_json::from_str(&data) else { return Some(data) };
    let mut bytes = BASE64.decode(sealed).ok()?;
    let (nonce, text) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
    let (nonce, of) = (Nonce::assume_unique_for_key(*nonce), Aad::from(public_id.as_bytes()));
    let opened = seal?.0.open_in_place(nonce, of, text).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_data_is_opened_with_its_key_for_its_session() {
        let (seal, other) = (Seal::of(&[7; 32]).unwrap(), Seal::of(&[8; 32]).unwrap());
        let sealed = seal.seal(r#"{"cart":[1]}"#, "a").unwrap();
        assert!(!sealed.contains("cart") && sealed.starts_with(r#"{"sealed":""#), "{sealed}");
        assert_ne!(seal.seal(r#"{"cart":[1]}"#, "a").unwrap(), sealed, "another nonce");
        assert_eq!(open(Some(&seal), sealed.clone(), "a").unwrap(), r#"{"cart":[1]}"#);
        for (seal, id) in [(Some(&seal), "b"), (Some(&other), "a"), (None, "a")] {
            assert_eq!(open(seal, sealed.clone(), id), None, "{id}");
        }
        assert_eq!(open(None, r#"{"cart":[1]}"#.to_owned(), "a").unwrap(), r#"{"cart":[1]}"#, "of before");
    }
}
