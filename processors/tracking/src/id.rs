//! Ids of sessions. An id depends only on the first event, not on when the event arrived.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The id of the session that begins with an event, in the layout of a version 7 UUID (RFC 9562): the time in
/// milliseconds, and 74 bits of a hash of the user folder and the event's identity. Times before 1970 count as 1970;
/// times that do not fit into 48 bits count as the last that does.
pub fn session_id(username: &str, identity: &str, at: DateTime<Utc>) -> String {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default().min((1 << 48) - 1);
    // The zero byte is a safe separator, because folder names cannot contain one.
    let digest = Sha256::new().chain_update(username).chain_update([0]).chain_update(identity).finalize();
    let hash = digest.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    let (random_a, random_b) = (hash >> 116, hash & ((1 << 62) - 1));
    let uuid = u128::from(millis) << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b;
    let mut text = String::with_capacity(36);
    for (position, digits) in [(96, 8), (80, 4), (64, 4), (48, 4), (0, 12)] {
        let part = uuid >> position & ((1 << (4 * digits)) - 1);
        let dash = if text.is_empty() { "" } else { "-" };
        let _ = write!(text, "{dash}{part:0digits$x}");
    }
    text
}

/// The time of the first event in milliseconds, taken from an id; `None` for other text.
pub fn millis(id: &str) -> Option<i64> {
    let digits: String = id.split('-').collect();
    let is_id = id.len() == 36 && digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    i64::from_str_radix(digits.get(..12).filter(|_| is_id)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_the_layout_of_version_7() {
        let at: DateTime<Utc> = "2022-02-22T19:22:22.000999Z".parse().unwrap();
        let id = session_id("shop", "e1", at);
        // The time is that of the example in RFC 9562, appendix A.6.
        assert_eq!(&id[..15], "017f22e2-79b0-7");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_eq!(id.len(), 36);
        assert_eq!(id, session_id("shop", "e1", at), "it is a function of the event");
        assert_eq!(millis(&id), Some(at.timestamp_millis()));
        for other in ["", "e1", &id[1..], &id.replace('-', "_"), &id.replace('7', "g"), &id.replacen('0', "é", 1)] {
            assert_eq!(millis(other), None, "{other}");
        }
        for other in [session_id("shop2", "e1", at), session_id("shop", "e2", at), session_id("sho", "pe1", at)] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn times_out_of_range_are_held_to_it() {
        assert!(session_id("s", "e", DateTime::<Utc>::MIN_UTC).starts_with("00000000-0000-7"));
        assert!(session_id("s", "e", DateTime::<Utc>::MAX_UTC).starts_with("ffffffff-ffff-7"));
    }
}
