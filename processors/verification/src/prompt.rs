//! The prompts of people. A prompt that is used again and again is a candidate for a slash command.
//!
//! Prompts that ask for the same thing have the same id, even if they differ in filler words. For example, "please
//! commit the changes" and "Commit changes now" have the same id; "don't commit" has another. A prompt that only agrees
//! or continues, such as "yes, continue", asks for nothing and is left out.

use crate::Turn;
use crate::digest::digest;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Rows, table};

table! {
    /// one row per source file and prompt of a person that asks for something
    pub static PROMPTS: Table = "verification_prompts", Hidden;

    /// A prompt.
    #[derive(Clone, Debug)]
    pub struct PromptRow<'a> {
        /// prompts that ask for the same have the same one
        prompt_id: &'a str,
        /// the beginning of what the person wrote, without secrets
        text: &'a str as quote,
        /// UTC; null if the log has no times
        time: Option<DateTime<Utc>>,
        /// time of the next prompt in the source file, UTC; null if there is none
        until: Option<DateTime<Utc>>,
        /// session id of the transcript
        session_id: &'a str,
        /// working directory at that time
        project: Option<&'a str>,
        /// line of the source file
        line: u64,
    }
}

/// The number of characters of a prompt that are stored.
const TEXT: usize = 300;

/// The number of bytes that identify a prompt.
const GIST: usize = 4 << 10;

/// Filler words that do not change what is asked for, sorted.
const EMPTY: [&str; 44] = [
    "a",
    "all",
    "also",
    "an",
    "and",
    "are",
    "be",
    "can",
    "could",
    "do",
    "everything",
    "for",
    "i",
    "in",
    "is",
    "it",
    "its",
    "just",
    "let",
    "lets",
    "me",
    "my",
    "now",
    "of",
    "on",
    "our",
    "please",
    "pls",
    "so",
    "that",
    "the",
    "then",
    "these",
    "this",
    "those",
    "to",
    "us",
    "want",
    "we",
    "will",
    "with",
    "would",
    "you",
    "your",
];

/// Words that agree, greet or continue.
const ASSENT: [&str; 40] = [
    "again",
    "agree",
    "agreed",
    "ahead",
    "awesome",
    "continue",
    "cool",
    "correct",
    "done",
    "excellent",
    "fine",
    "go",
    "going",
    "good",
    "great",
    "hello",
    "hey",
    "hi",
    "keep",
    "looks",
    "next",
    "nice",
    "no",
    "ok",
    "okay",
    "perfect",
    "proceed",
    "resume",
    "retry",
    "right",
    "sounds",
    "stop",
    "sure",
    "thank",
    "thanks",
    "try",
    "up",
    "well",
    "yes",
    "yeah",
];

/// The prompts of a source file.
#[derive(Debug, Default)]
pub struct Prompts(Vec<Prompt>);

#[derive(Debug)]
struct Prompt {
    /// `None` for a prompt that asks for nothing. Such a prompt still ends the previous one.
    id: Option<String>,
    text: String,
    time: Option<DateTime<Utc>>,
    session_id: Box<str>,
    project: Option<Box<str>>,
    line: u64,
}

impl Prompts {
    /// Adds the next turn of the person.
    pub fn push(&mut self, turn: &Turn) {
        let id = id(&turn.text);
        let text = id.as_ref().map_or_else(String::new, |_| turn.text.chars().take(TEXT).collect());
        let (session_id, project) = (turn.session_id.clone(), turn.project.clone());
        self.0.push(Prompt { id, text, time: turn.time, session_id, project, line: turn.line });
    }

    /// The number of prompts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no prompts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the rows of the prompts.
    pub fn finish(&self, rows: &mut Rows) {
        let until = self.0.iter().skip(1).map(|next| next.time).chain([None]);
        for (Prompt { id, text, time, session_id, project, line }, until) in self.0.iter().zip(until) {
            let Some(prompt_id) = id else { continue };
            let project = project.as_deref();
            rows.push(PromptRow { prompt_id, text, time: *time, until, session_id, project, line: *line });
        }
    }
}

/// The id of all prompts that ask for the same thing, that is, with the same meaningful words. `None` if the prompt
/// asks for nothing.
pub fn id(text: &str) -> Option<String> {
    let end = text.floor_char_boundary(GIST);
    // If the prompt is longer, no word is cut.
    let end = if end < text.len() { text[..end].rfind(char::is_whitespace).unwrap_or(end) } else { end };
    let head = text[..end].to_lowercase();
    let words = head.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’')).filter(|word| !word.is_empty());
    let mut words: Vec<&str> = words.filter(|word| EMPTY.binary_search(word).is_err()).collect();
    words.sort_unstable();
    words.dedup();
    let asks = |word: &&str| word.chars().any(char::is_alphabetic) && !ASSENT.contains(word);
    if !words.iter().any(asks) {
        return None;
    }
    Some(format!("pr_{}", digest(words.join(" ") + " ", 12)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_that_ask_for_the_same_are_one() {
        let is_same = |a: &str, b: &str| id(a).is_some() && id(a) == id(b);
        assert!(is_same("please commit the changes", "Commit changes now!"));
        assert!(!is_same("commit the changes", "don't commit the changes"));
        assert!(!is_same("look at issue 12", "look at issue 13"));
        assert!(is_same(&"word ".repeat(9000), "word"), "of a long one, the beginning counts");
    }

    #[test]
    fn empty_words_are_in_order() {
        assert!(EMPTY.is_sorted());
    }

    #[test]
    fn a_prompt_that_only_agrees_or_continues_asks_for_nothing() {
        for text in ["yes", "OK, continue please", "1.", "go ahead", "thanks, looks good", "👍", ""] {
            assert_eq!(id(text), None, "{text}");
        }
        assert!(id("yes, add the test").is_some());
    }
}
