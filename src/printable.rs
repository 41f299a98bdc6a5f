//! Text from outside as a terminal may have it.

/// Text from outside, without what would steer a terminal, break a line or turn its letters around.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Control characters, separators of lines, and marks and overrides of the direction of writing.
fn steers(c: char) -> bool {
    let direction =
        matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || direction || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_by_its_number() {
        assert_eq!(printable("a\u{1b}[2J\nb\r\u{9b}1m\u{202e}\u{2028}c"), r"a\u{1b}[2J\nb\r\u{9b}1m\u{202e}\u{2028}c");
        assert_eq!(printable("süß 👩‍👩‍👧 שלום \\"), "süß 👩‍👩‍👧 שלום \\");
    }
}
