//! Makes text from outside safe to show in a terminal.

use std::borrow::Cow;

/// Escapes characters that would control a terminal, break the line, or change the direction of writing.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Characters that a message shows of a path.
const ROOM: usize = 200;

/// A path for a message: the middle of a very long one is left out.
pub fn short(path: &str) -> Cow<'_, str> {
    let length = path.chars().count();
    if length <= ROOM {
        return Cow::Borrowed(path);
    }
    let head = path.chars().take(ROOM / 2);
    Cow::Owned(head.chain(['…']).chain(path.chars().skip(length - ROOM / 2)).collect())
}

/// Control characters, line separators, marks and overrides of the writing direction, and invisible spaces.
fn steers(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unseen = matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    c.is_control() || direction || unseen || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_middle_of_a_very_long_path_is_left_out() {
        assert_eq!(short("ada/shop/s.jsonl"), "ada/shop/s.jsonl");
        let long = format!("ada/{}/s.jsonl", "ü".repeat(4000));
        let shown = short(&long);
        assert_eq!(shown.chars().count(), 201);
        assert!(shown.starts_with("ada/üü") && shown.ends_with("ü/s.jsonl") && shown.contains("ü…ü"), "{shown}");
    }

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        assert_eq!(printable("a\u{1b}[2J\nb\r\u{9b}1m\u{202e}\u{2028}c"), r"a\u{1b}[2J\nb\r\u{9b}1m\u{202e}\u{2028}c");
        assert_eq!(printable("a\u{200b}b\u{ad}"), r"a\u{200b}b\u{ad}");
        assert_eq!(printable("süß 👩‍👩‍👧 שלום \\"), "süß 👩‍👩‍👧 שלום \\");
    }
}
