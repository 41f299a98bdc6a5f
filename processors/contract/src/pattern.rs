//! Patterns in settings and in filters of reports.

/// Whether a pattern matches a whole text. `*` stands for any text, also none.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "aba", true),
            ("a*a", "a", false),
            ("a*b*c", "axbyc", true),
            ("a*b*c", "acb", false),
            ("*ab*ab", "ab", false),
            ("*", "", true),
            ("a", "ab", false),
            ("spring", "spring", true),
            ("spring", "spring-26", false),
            ("spring-*", "spring-26", true),
            ("spring-*", "spring-", true),
            ("*letter*", "newsletter-may", true),
            ("*-sale", "may-sale", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("**", "anything", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
