//! Finds the texts that are like one, without looking at all of them, and without missing any.
//!
//! Who is about the same things needs less likeness, so an index knows what its texts are about.

use crate::bag::{self, Bag};
use crate::wording::{Comparison, KINDS, Stance, Wording, small};
use std::cell::LazyCell;

/// Texts so like each other, in percent, say the same;
const LIKE: usize = 82;
/// and so like, if they are related.
pub const LIKE_IF_RELATED: usize = 65;

/// Texts that were put into it, by their number among all.
pub struct Index<'m> {
    wordings: &'m [Option<Wording>],
    entities: &'m [Bag],
    /// The entities that related texts share.
    related: usize,
    /// By each of their rarest words and the kind of their sense, in order.
    by_word: Vec<[Vec<Entry>; KINDS]>,
}

/// A text that has a word among its rarest.
struct Entry {
    number: u32,
    length: u32,
    /// Its words that are no rarer than this one, and this one.
    rest: u32,
    /// Masks of its words and of its entities.
    words: u64,
    entities: u64,
}

impl<'m> Index<'m> {
    /// One of texts with these words, about these entities.
    pub fn new(wordings: &'m [Option<Wording>], entities: &'m [Bag], related: usize) -> Self {
        Self { wordings, entities, related, by_word: Vec::new() }
    }

    /// Puts a text into it, after all of a lower number. One that is too short to be like any is left
    /// out.
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

    /// The texts that are like one, and stand so to it; in order. None is looked for before it is asked for, and those
    /// that do not `count` are left out.
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

/// Numbers that are looked at together, at first and at most: who finds soon stops soon, and who does
/// not is through sooner.
const SPANS: [usize; 2] = [64, 1024];

/// Every text that can be like one, in order, and perhaps others.
struct Search<'s> {
    probe: Probe<'s>,
    /// The words that the text has left at each of its rarest, and who has it, as far as not looked at.
    lists: Vec<(usize, &'s [Entry])>,
    span: usize,
    /// The lowest number of the span that was looked at last.
    first: u32,
    /// What was found in it and not handed on.
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

    /// Looks at the next span that holds any text; `None` if there is no more.
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

/// Enough of an entry to rule out most texts that are not looked for.
struct Probe<'s> {
    length: usize,
    /// The mask of its words.
    words: u64,
    entities: &'s Bag,
    related: usize,
}

impl Probe<'_> {
    /// Whether the text of an entry can be like this one.
    ///
    /// At the rarest word that two texts share, neither has more words in common with the other than it
    /// has left. Words that they do not share, as far as masks show them, are not in common either.
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
