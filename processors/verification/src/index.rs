//! An index that finds all texts similar to a given one without comparing it with each.
//!
//! Texts about the same entities need less similarity, so the index knows the entities of its texts.

use crate::bag::{self, Bag};
use crate::wording::{Comparison, KINDS, Stance, Wording, small};
use std::cell::LazyCell;

/// Texts with at least this similarity, in percent, say the same.
const LIKE: usize = 82;
/// The same for related texts, which share entities.
pub const LIKE_IF_RELATED: usize = 65;

/// The texts that were added, by number.
pub struct Index<'m> {
    wordings: &'m [Option<Wording>],
    entities: &'m [Bag],
    /// The number of shared entities from which on texts are related.
    related: usize,
    /// By each of a text's rarest words, and by the kind of its sense; in the order of numbers.
    by_word: Vec<[Vec<Entry>; KINDS]>,
}

/// A text that has a certain word among its rarest.
struct Entry {
    number: u32,
    length: u32,
    /// The number of its words that are at least as frequent as this one, including it.
    rest: u32,
    /// Masks of its words and of its entities.
    words: u64,
    entities: u64,
}

impl<'m> Index<'m> {
    /// An index for texts with these wordings and entities.
    pub fn new(wordings: &'m [Option<Wording>], entities: &'m [Bag], related: usize) -> Self {
        Self { wordings, entities, related, by_word: Vec::new() }
    }

    /// Adds a text. Numbers must be added in ascending order. A text that is too short to be similar to any other is
    /// left out.
    pub fn insert(&mut self, number: usize) {
        let Some(wording) = &self.wordings[number] else { return };
        let [words, entities] = [wording.bag(), &self.entities[number]].map(|bag| bag::mask(bag.sorted()));
        for (position, word) in wording.rarest(LIKE_IF_RELATED).iter().enumerate() {
            let word = *word as usize;
            if self.by_word.len() <= word {
                self.by_word.resize_with(word + 1, Default::default);
            }
            let (length, rest) = (small(wording.len()), small(wording.len() - position));
            self.by_word[word][wording.kind()].push(Entry { number: small(number), length, rest, words, entities });
        }
    }

    /// The texts that are similar to one and agree with or contradict it, in order. They are searched lazily. Texts for
    /// which `counts` is false are left out.
    pub fn alike<'s>(
        &'s self,
        number: usize,
        stance: Stance,
        counts: impl Fn(usize) -> bool + 's,
    ) -> impl Iterator<Item = usize> + 's {
        let alike = move |wording: &'s Wording| {
            let entities = &self.entities[number];
            let comparison = LazyCell::new(move || Comparison::new(wording));
            let is_like = move |number: &usize| {
                let Some(other) = &self.wordings[*number] else { return false };
                let may_be = match stance {
                    Stance::Agrees => wording.agrees(other),
                    Stance::Contradicts => wording.contradicts(other),
                };
                let is_related = || entities.share(&self.entities[*number], self.related);
                let percent = || if is_related() { LIKE_IF_RELATED } else { LIKE };
                may_be && counts(*number) && comparison.is_like(other, percent())
            };
            Search::new(self, wording, entities, stance).filter(is_like)
        };
        self.wordings[number].as_ref().map(alike).into_iter().flatten()
    }
}

/// The size of the spans of numbers that are searched together, first and later. A small first span finds near results
/// soon; larger spans make a full search faster.
const SPANS: [usize; 2] = [64, 1024];

/// Yields, in order, every text that can be similar to one, and possibly others.
struct Search<'s> {
    probe: Probe<'s>,
    /// For each of the text's rarest words: the number of words from it on, and the entries that are still to be
    /// searched.
    lists: Vec<(usize, &'s [Entry])>,
    span: usize,
    /// The lowest number of the current span.
    first: u32,
    /// The texts that were found in the span and not returned yet.
    found: [u64; SPANS[1] / 64],
}

impl<'s> Search<'s> {
    fn new(index: &'s Index<'_>, wording: &Wording, entities: &'s Bag, stance: Stance) -> Self {
        let percent = if entities.len() < index.related { LIKE } else { LIKE_IF_RELATED };
        let mut lists = Vec::new();
        for (position, word) in wording.rarest(percent).iter().enumerate() {
            let by_kind = index.by_word.get(*word as usize).map_or(&[][..], |by_kind| &by_kind[wording.kinds(stance)]);
            let known = by_kind.iter().filter(|list| !list.is_empty());
            lists.extend(known.map(|list| (wording.len() - position, &**list)));
        }
        let words = bag::mask(wording.bag().sorted());
        let probe = Probe { length: wording.len(), words, entities, related: index.related };
        Self { probe, lists, span: SPANS[0], first: 0, found: [0; _] }
    }

    /// Searches the next span that contains any text. `None` if there are no more.
    fn advance(&mut self) -> Option<()> {
        self.first = self.lists.iter().filter_map(|(_, list)| list.first()).map(|entry| entry.number).min()?;
        for (rest, list) in &mut self.lists {
            while let [entry, others @ ..] = *list {
                let place = (entry.number - self.first) as usize;
                if place >= self.span {
                    break;
                }
                if self.probe.is_near(*rest, entry) {
                    self.found[place / 64] |= 1 << (place % 64);
                }
                *list = others;
            }
        }
        self.span = SPANS[1].min(2 * self.span);
        Some(())
    }
}

impl Iterator for Search<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            if let Some(place) = self.found.iter().position(|bits| *bits != 0) {
                let bits = &mut self.found[place];
                let bit = bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                return Some(self.first as usize + 64 * place + bit);
            }
            self.advance()?;
        }
    }
}

/// The properties of the given text by which most entries can be ruled out.
struct Probe<'s> {
    length: usize,
    /// The mask of its words.
    words: u64,
    entities: &'s Bag,
    related: usize,
}

impl Probe<'_> {
    /// Whether the text of an entry can be similar to this one.
    ///
    /// At the rarest word that two texts share, neither can share more words than it has left from there on. Words that
    /// differ according to the masks are not shared either.
    fn is_near(&self, rest: usize, entry: &Entry) -> bool {
        let length = self.length + entry.length as usize;
        let rest = rest.min(entry.rest as usize);
        if 200 * rest < LIKE_IF_RELATED * length {
            return false;
        }
        let apart = (self.words ^ entry.words).count_ones() as usize;
        let common = 200 * rest.min((length - apart) / 2);
        common >= LIKE * length
            || common >= LIKE_IF_RELATED * length && self.entities.shared_by_mask(entry.entities) >= self.related
    }
}
