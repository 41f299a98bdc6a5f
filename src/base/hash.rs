//! The hash by which bytes are compared, and its text in the ledger.

/// MD5 of a file's bytes.
pub type Hash = [u8; 16];

/// Two hexadecimal digits for each byte.
pub fn to_hex<const N: usize>(bytes: &[u8; N]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads what [`to_hex`] writes, of as many bytes; in capital letters, too.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * position..2 * position + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_text() {
        let hash = *b"0123456789abcdef";
        assert_eq!(from_hex(&to_hex(&hash)), Some(hash));
        assert_eq!(
            from_hex::<16>("d41d8cd98f00b204e9800998ecf8427e").map(|hash| to_hex(&hash)).unwrap(),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
        assert_eq!(from_hex::<16>("d41d"), None);
        assert_eq!(from_hex::<16>("+41d8cd98f00b204e9800998ecf8427"), None);
    }
}
