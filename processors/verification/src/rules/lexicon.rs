//! The vocabulary of the rules, which is stored as data in the folder `lexicon`: words and phrases, and what they are
//! signs of.
//!
//! A file consists of sections; `[no]` begins the section of the sign [`Sign::No`]. A phrase is one or more words in
//! lower case, separated by spaces in the same way as words of a sentence.

use crate::Domain;
use crate::rules::sign::{SIGNS, Sign};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::LazyLock;

const FILES: [&str; 7] = [
    include_str!("lexicon/leads.txt"),
    include_str!("lexicon/statements.txt"),
    include_str!("lexicon/definitions.txt"),
    include_str!("lexicon/exclusions.txt"),
    include_str!("lexicon/cues.txt"),
    include_str!("lexicon/fields.txt"),
    include_str!("lexicon/words.txt"),
];

/// A set of signs and fields of work, with one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    signs: u128,
    fields: u8,
}

// Every sign needs a bit.
const _: () = assert!(SIGNS.len() <= u128::BITS as usize);

impl Marks {
    /// All these marks together.
    pub(super) fn of(marks: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::default();
        marks.for_each(|marks| all.add(marks));
        all
    }

    pub(super) fn has(self, sign: Sign) -> bool {
        self.signs & 1 << sign as u32 != 0
    }

    pub(super) fn is_of(self, domain: Domain) -> bool {
        self.fields & 1 << domain as u32 != 0
    }

    /// Whether the word belongs to the vocabulary of a field.
    pub(super) fn is_term(self) -> bool {
        self.fields != 0
    }

    /// Whether two words belong to a common field.
    pub(super) fn is_kin(self, other: Self) -> bool {
        self.fields & other.fields != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.signs |= other.signs;
        self.fields |= other.fields;
    }
}

/// The entries that begin with a word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) marks: Marks,
    /// A number word, in digits.
    pub(super) number: Option<&'static str>,
    pub(super) opposites: Vec<&'static str>,
    /// The full form of an abbreviation.
    pub(super) full: Option<&'static str>,
    /// Phrases, by their further words.
    pub(super) phrases: Vec<(Vec<&'static str>, Marks)>,
}

/// The keys are fixed, so a fast hash without protection against attacks is enough.
type Entries = HashMap<&'static str, Entry, FixedState>;

static ENTRIES: LazyLock<Entries> = LazyLock::new(|| {
    let mut entries = Entries::default();
    let mut known = ("", Marks::default());
    for (section, phrase) in FILES.into_iter().flat_map(phrases) {
        if known.0 != section {
            known = (section, marks(section));
        }
        let marks = known.1;
        let (phrase, other) = phrase.split_once('=').filter(|(word, _)| !word.is_empty()).unwrap_or((phrase, ""));
        match section {
            "number" => entries.entry(phrase).or_default().number = Some(other),
            "opposite" => {
                entries.entry(stem(phrase)).or_default().opposites.push(stem(other));
                entries.entry(stem(other)).or_default().opposites.push(stem(phrase));
            }
            "full" => entries.entry(phrase).or_default().full = Some(other),
            _ => {}
        }
        let mut words = phrase.split(' ');
        let entry = entries.entry(words.next().unwrap_or_default()).or_default();
        let further: Vec<_> = words.collect();
        match entry.phrases.iter_mut().find(|(known, _)| *known == further) {
            _ if further.is_empty() => entry.marks.add(marks),
            Some((_, known)) => known.add(marks),
            None => entry.phrases.push((further, marks)),
        }
    }
    entries
});

/// The phrases of a file, each with the name of its section.
fn phrases(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut section = "";
    file.lines().filter(|line| !line.starts_with('#')).flat_map(move |line| {
        let name = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        section = name.unwrap_or(section);
        let of_line = if name.is_some() { "" } else { line };
        of_line.split(';').map(str::trim).filter(|phrase| !phrase.is_empty()).map(move |phrase| (section, phrase))
    })
}

fn marks(section: &str) -> Marks {
    let sign = SIGNS.iter().find_map(|(name, sign)| (*name == section).then_some(1 << *sign as u32));
    let field = Domain::ALL.into_iter().find_map(|domain| (domain.name() == section).then_some(1 << domain as u32));
    Marks { signs: sign.unwrap_or_default(), fields: field.unwrap_or_default() }
}

/// A word as it is in the lexicon, and the entries that begin with it.
pub(super) fn known(word: &str) -> Option<(&'static str, &'static Entry)> {
    ENTRIES.get_key_value(word).map(|(word, entry)| (*word, entry))
}

/// The entries that begin with a word.
pub(super) fn entry(word: &str) -> Option<&'static Entry> {
    ENTRIES.get(word)
}

/// The marks of a single word.
pub(super) fn marks_of(word: &str, entry: Option<&Entry>) -> Marks {
    let mut found = entry.map(|entry| entry.marks).unwrap_or_default();
    if !found.is_term() && !found.has(Sign::Stop) {
        let bare = bare(word);
        let known = if bare.len() < word.len() { ENTRIES.get(bare) } else { None };
        found.fields =
            known.map(|known| known.marks.fields).filter(|fields| *fields != 0).unwrap_or_else(|| fields(bare));
    }
    found
}

/// A word without an article or preposition that is attached to it: `l'acompte`, `dell'ordine`.
pub(super) fn bare(word: &str) -> &str {
    const BOUND: usize = 4;
    const WORD: usize = 3;
    word.split_once('\'').filter(|(bound, rest)| bound.len() <= BOUND && rest.len() >= WORD).map_or(word, |(_, w)| w)
}

/// A word without its English ending: `charges`, `charged` and `charging` are the same.
pub(super) fn stem(word: &str) -> &str {
    const SHORTEST: usize = 4;
    let strip = |word: &'_ str, ending: &str| {
        word.strip_suffix(ending).map(str::len).filter(|length| *length >= SHORTEST).unwrap_or(word.len())
    };
    let word = word.strip_suffix("'s").unwrap_or(word);
    let word = if word.len() >= SHORTEST { word.strip_suffix('s').unwrap_or(word) } else { word };
    let word = &word[..strip(word, "ing").min(strip(word, "ed"))];
    let word = &word[..strip(word, "e")];
    &word[..strip(word, "y").min(strip(word, "i"))]
}

/// The fields of a word that is not in the lexicon itself: it can be a term with an ending, or a compound that ends
/// with a term.
fn fields(word: &str) -> u8 {
    const LONG: usize = 5;
    const ENDING: usize = 3;
    const COMPOUND: usize = 9;
    let of = |word: &str| ENTRIES.get(word).map_or(0, |entry| entry.marks.fields);
    if word.len() < 3 {
        return 0;
    }
    let ends = word.char_indices().rev().map(|(at, _)| &word[..at]).take(ENDING);
    let of_stem = |term: &str| {
        let ending = &word[term.len()..];
        let may_end = term.len() >= LONG || matches!(ending, "s" | "'s" | "n" | "en" | "e");
        if may_end { of(term) } else { 0 }
    };
    let of_compound = |at: usize| of(&word[at..]);
    let last = if word.len() >= COMPOUND { word.len() - LONG } else { 0 };
    let starts = word.char_indices().map(|(at, _)| at).skip(ENDING).take_while(|at| *at <= last);
    ends.map(of_stem).chain(starts.map(of_compound)).find(|fields| *fields != 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_section_has_a_meaning_and_every_sign_a_section() {
        let sections: BTreeSet<_> = FILES.into_iter().flat_map(phrases).map(|(section, _)| section).collect();
        // The general domain has no words of its own.
        let domains = Domain::ALL.into_iter().filter(|domain| *domain != Domain::General).map(Domain::name);
        let known: BTreeSet<_> =
            SIGNS.iter().map(|(name, _)| *name).chain(domains).chain(["full", "number", "opposite"]).collect();
        assert_eq!(sections, known);
    }

    #[test]
    fn phrases_are_such_as_a_sentence_is_divided_into() {
        for (section, phrase) in FILES.into_iter().flat_map(phrases) {
            assert_eq!(phrase, phrase.to_lowercase(), "[{section}]");
            assert!(!phrase.contains("  ") && !phrase.contains('’'), "[{section}] {phrase}");
        }
    }

    #[test]
    fn a_term_is_known_with_an_ending_bound_to_an_article_and_at_the_end_of_a_compound() {
        let is_of = |word: &str, domain| marks_of(word, entry(word)).is_of(domain);
        assert!(is_of("invoiced", Domain::Finance) && is_of("l'acompte", Domain::Finance));
        assert!(is_of("feiertagszuschlag", Domain::Finance) && is_of("pods", Domain::Infrastructure));
        let is_term = |word: &str| marks_of(word, entry(word)).is_term();
        assert!(!is_term("potato") && !is_term("arrange"));
    }
}
