//! What a text is about, for whoever asks whether another one says it already.

use crate::rules::sentence::{Sentence, Word};
use crate::rules::sign::Sign;
use std::collections::BTreeSet;

/// The words of meaning in a text, and whether it denies something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gist {
    stems: BTreeSet<String>,
    denies: bool,
}

/// Words that are too few to show what a text is about.
const LEAST: usize = 2;

/// A text covers another one if it has at least this percentage of its words.
const COVERED: usize = 75;

/// Words that people say to an agent, and write into no file.
const TALK: [&str; 18] = [
    "absolutely",
    "actually",
    "basically",
    "better",
    "clearly",
    "completely",
    "definitely",
    "ensure",
    "given",
    "honestly",
    "literally",
    "make",
    "obviously",
    "please",
    "really",
    "simply",
    "sure",
    "think",
];

impl Gist {
    pub fn of(text: &str) -> Self {
        let words = Sentence::new(text, 0..text.len()).words;
        let said = words.iter().filter(|word| !TALK.contains(&&*word.lower));
        // `e-mail` is `email`.
        let in_short = |stem: &str| stem.strip_prefix("e-").map_or_else(|| stem.to_owned(), |rest| format!("e{rest}"));
        let stems = said.filter_map(Word::stem).map(in_short).collect();
        Self { stems, denies: words.iter().any(|word| word.is(Sign::Negation)) }
    }

    /// Different words of meaning.
    pub fn len(&self) -> usize {
        self.stems.len()
    }

    pub fn is_empty(&self) -> bool {
        self.stems.is_empty()
    }

    /// Whether two texts say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }

    /// Whether a text of this gist says what one of another gist says, and perhaps more.
    pub fn covers(&self, other: &Self) -> bool {
        let common = self.stems.intersection(&other.stems).count();
        other.len() >= LEAST && self.denies == other.denies && 100 * common >= COVERED * other.len()
    }
}
