//! A word of a sentence, with what the lexicon knows of it.

use crate::rules::lexicon::{self, Entry, Marks, bare, stem};
use crate::rules::sign::Sign;
use std::borrow::Cow;
use std::ops::Range;

/// A word in lower case, or a punctuation mark that separates clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) lower: Cow<'static, str>,
    /// Its place in the turn's text.
    pub(super) range: Range<usize>,
    /// Its marks, and those of the phrases that begin with it.
    pub(super) marks: Marks,
    is_mark: bool,
    is_value: bool,
    /// Its entry in the lexicon.
    pub(super) entry: Option<&'static Entry>,
}

impl Word {
    pub(super) fn is_mark(&self) -> bool {
        self.is_mark
    }

    pub(super) fn is(&self, sign: Sign) -> bool {
        self.marks.has(sign)
    }

    fn number(&self) -> Option<&'static str> {
        self.entry?.number
    }

    /// Whether it has no meaning of its own.
    pub(super) fn is_stop(&self) -> bool {
        self.is(Sign::Stop)
    }

    /// Whether it is a number or a code, in which two statements about the same thing can differ.
    pub(super) fn is_value(&self) -> bool {
        self.is_value
    }

    /// The beginning of the word, so that `invoice` and `invoices` count as the same; or a number in digits. `None` for
    /// a word without a meaning of its own.
    pub(super) fn stem(&self) -> Option<&str> {
        const STEM: usize = 6;
        if let Some(number) = self.number() {
            return Some(number);
        }
        if self.is_mark() || self.is_stop() {
            return None;
        }
        if self.is_value || self.lower.contains('_') {
            return Some(amount(&self.lower));
        }
        let word = stem(bare(&self.lower));
        let end = word.char_indices().nth(STEM).map_or(word.len(), |(at, _)| at);
        word.get(..end).map(|word| word.strip_suffix(['y', 'i', 'e']).unwrap_or(word))
    }
}

/// A number without the unit that is attached to it: `72h`, `10ms`.
fn amount(word: &str) -> &str {
    const UNIT: usize = 3;
    let number = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let is_number = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-'));
    if is_number && !number.is_empty() && word.len() - number.len() <= UNIT { number } else { word }
}

/// The word in this range of a part of a text that begins at `offset`.
pub(super) fn word(part: &str, range: Range<usize>, offset: usize) -> Word {
    let exact = &part[range.clone()];
    let lower = match exact {
        _ if exact.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) => Cow::Borrowed(exact),
        _ if exact.is_ascii() => Cow::Owned(exact.to_ascii_lowercase()),
        _ => Cow::Owned(exact.to_lowercase().replace('’', "'")),
    };
    // Most words are in the lexicon and need no memory of their own.
    let (lower, entry) = match lexicon::known(&lower) {
        Some((_, Entry { full: Some(full), .. })) => (Cow::Borrowed(*full), lexicon::entry(full)),
        Some((word, entry)) => (Cow::Borrowed(word), Some(entry)),
        None => (Cow::Owned(lower.into_owned()), None),
    };
    let marks = lexicon::marks_of(&lower, entry);
    let is_mark = !lower.contains(char::is_alphanumeric) && lower != "%";
    let is_value = entry.is_some_and(|entry| entry.number.is_some()) || lower.bytes().any(|b| b.is_ascii_digit());
    Word { lower, range: range.start + offset..range.end + offset, marks, is_mark, is_value, entry }
}
