//! Counts the lines of one file by dialect and kind.

use crate::dialect::Dialect;
use sessionmill_contract::{Event, Said};
use std::collections::BTreeMap;

/// The lines of a file by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// The first dialect that was recognised.
    pub dialect: &'static str,
    /// The dialects of lines, with the number of lines of each.
    pub dialects: Vec<(&'static str, u64)>,
    /// The number of lines, including blank and malformed ones. An incomplete last line is not counted yet.
    pub lines: u64,
    pub malformed: u64,
    /// Records whose type is unknown to their dialect: the number of each type.
    pub unknown: BTreeMap<String, u64>,
}

/// The most unknown types that are counted by name, because files can contain any number of them.
const UNKNOWN_TYPES: usize = 100;
const OTHER_TYPES: &str = "(other types)";

impl LineCounts {
    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event.said {
            Said::Malformed { .. } => self.malformed += 1,
            Said::Record { kind: name, known: false } => {
                let full = self.unknown.len() >= UNKNOWN_TYPES && !self.unknown.contains_key(name);
                let name = if full || !is_type_name(name) { OTHER_TYPES } else { name };
                *self.unknown.entry(name.to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// Whether a name looks like that of a type: a few words of letters, or a few of these nested with `/`. Any other text,
/// such as a key or an address, may be private and is not shown.
fn is_type_name(name: &str) -> bool {
    const DEPTH: usize = 3;
    const WORDS: usize = 6;
    const LETTERS: usize = 20;
    let is_word = |word: &str| (1..=LETTERS).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphabetic());
    let words = |name: &str| name.split(['-', '_']).count() <= WORDS && name.split(['-', '_']).all(is_word);
    name.split('/').count() <= DEPTH && name.split('/').all(|name| name == Dialect::NO_TYPE || words(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_is_a_few_words() {
        for name in [
            "user",
            "file-history-snapshot",
            "turn_context",
            "sessionMeta",
            Dialect::NO_TYPE,
            "event_msg/new_thing",
            "event_msg/item_completed/NewThing",
            "event_msg/(no type)",
        ] {
            assert!(is_type_name(name), "{name}");
        }
        for other in [
            "",
            "-",
            "a--b",
            "sk-ant-api03",
            "ada@example.org",
            "a b",
            "süß",
            "a-b-c-d-e-f-g",
            &"x".repeat(21),
            "a.b",
            "a/",
            "/home/ada",
            "a/b/c/d",
        ] {
            assert!(!is_type_name(other), "{other}");
        }
    }
}
