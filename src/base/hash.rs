//! The hash that identifies the content of a file, and its hexadecimal form in the ledger.

/// MD5 of a file's bytes.
pub type Hash = [u8; 16];

/// Decodes exactly N bytes from hexadecimal digits in either case; `None` if the text is not that.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash = *b"0123456789abcdef";
        assert_eq!(from_hex(&hex::encode(hash)), Some(hash));
        assert_eq!(from_hex::<16>("303132333435363738396162636465AF"), Some(*b"0123456789abcde\xaf"));
        assert_eq!(from_hex::<16>("d41d"), None);
        assert_eq!(from_hex::<16>("+41d8cd98f00b204e9800998ecf8427"), None);
    }
}
