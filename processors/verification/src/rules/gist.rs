//! The gist of a text, to find out whether another text already says the same.

use crate::rules::sentence::Sentence;
use crate::rules::sign::Sign;
use crate::rules::word::Word;
use std::collections::BTreeSet;

/// The meaningful words of a text, and whether it negates something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gist {
    stems: BTreeSet<String>,
    denies: bool,
}

/// With fewer words, a text's subject cannot be recognised.
const LEAST: usize = 2;

/// A text covers another one if it contains at least this percentage of its words.
const COVERED: usize = 75;

/// Words that people say to an agent but do not write into files.
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

    /// The number of different meaningful words.
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

    /// Whether a text with this gist says at least what the other one says.
    pub fn covers(&self, other: &Self) -> bool {
        let common = self.stems.intersection(&other.stems).count();
        other.len() >= LEAST && self.denies == other.denies && 100 * common >= COVERED * other.len()
    }
}
