//! Untrusted text in HTML. Names in transcripts can contain anything.

use crate::base::printable::printable;
use std::fmt::{Display, Formatter, Result};

/// The most characters of a name that are shown.
const LONGEST: usize = 200;

/// A text that is displayed literally, in an element or a quoted attribute.
pub(in crate::plugs) struct Text<'a>(pub(in crate::plugs) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let short: String = self.0.chars().take(LONGEST).collect();
        f.write_str(&escaped(&short))?;
        f.write_str(if short.len() < self.0.len() { "…" } else { "" })
    }
}

/// Escapes a text of any length.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_is_shown() {
        let text = |text: &str| Text(text).to_string();
        assert_eq!(text("<b a='1' b=\"2\">&amp;"), "&lt;b a=&#39;1&#39; b=&quot;2&quot;&gt;&amp;amp;");
        assert_eq!(text("a\n\u{202e}b"), r"a\n\u{202e}b");
        assert_eq!(text("süß"), "süß");
        assert_eq!(text(&"x".repeat(201)), "x".repeat(200) + "…");
    }
}
