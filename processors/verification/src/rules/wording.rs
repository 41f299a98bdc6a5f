//! The words of a claim: a title, and a text that can be understood without the conversation.

use crate::Claim;
use crate::rules::point::to_the_point;

/// Beginnings that refer to something said before.
const POINTERS: [&str; 24] = [
    "it", "it's", "its", "they", "they're", "their", "there", "that", "that's", "those", "these", "this", "he", "she",
    "which", "one", "es", "sie", "er", "elle", "il", "ils", "eso", "isso",
];

/// The fact as a sentence. If it refers to a statement, that statement is added. A note always does.
pub(super) fn content(fact: &str, statement: Option<&str>, is_note: bool) -> String {
    let fact = to_the_point(&sentence(fact));
    let first = fact.split([' ', ',', '.']).next().unwrap_or_default().to_lowercase();
    let points = is_note || POINTERS.contains(&&*first) || first.starts_with(|c: char| c.is_ascii_digit());
    let text = match statement.filter(|_| points) {
        Some(statement) => {
            let of = sentence(&statement.replace("**", ""));
            let is_question = statement.trim_end().ends_with('?');
            format!("{fact} Said of: {}{}", of.trim_end_matches('.'), if is_question { '?' } else { '.' })
        }
        None => fact,
    };
    cut(&text, Claim::CONTENT)
}

/// The beginning of the fact, cut between words.
pub(super) fn title(content: &str) -> String {
    let title = content.split(" Said of: ").next().unwrap_or(content);
    cut(title.trim_end_matches('.'), Claim::TITLE)
}

/// The text on one line, with a capital letter at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches(['.', ';', ':', ',', '!', '?', ' ']);
    let mut chars = text.chars();
    // An identifier keeps its letters.
    let first = text.split(' ').next().unwrap_or_default();
    let is_word = first.chars().all(|c| c.is_lowercase() || c == '\'');
    match chars.next().filter(|_| is_word) {
        Some(first) => first.to_uppercase().chain(chars).chain(['.']).collect(),
        None => format!("{text}."),
    }
}

/// The beginning of a text, up to a number of characters, cut between words if possible.
fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let end = text.char_indices().nth(characters - 1).map_or(text.len(), |(at, _)| at);
    let head = &text[..end];
    let whole = head.rfind(' ').filter(|at| *at > end / 2).map_or(head, |at| &head[..at]);
    format!("{}…", whole.trim_end_matches([' ', ',', ';', ':']))
}
