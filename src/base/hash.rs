//! The hash by which bytes are compared, and its text in the ledger.

/// MD5 of a file's bytes.
pub type Hash = [u8; 16];

/// 32 hexadecimal digits.
pub fn to_hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 32 hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let number = (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok())??;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash = *b"0123456789abcdef";
        assert_eq!(from_hex(&to_hex(&hash)), Some(hash));
        assert_eq!(
            from_hex("d41d8cd98f00b204e9800998ecf8427e").map(|hash| to_hex(&hash)).unwrap(),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
        assert_eq!(from_hex("d41d"), None);
        assert_eq!(from_hex("+41d8cd98f00b204e9800998ecf8427"), None);
    }
}
