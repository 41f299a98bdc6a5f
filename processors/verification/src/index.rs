//! Finds the texts that can be like one, without looking at all of them, and without missing any.

use crate::wording::Wording;
use std::ops::ControlFlow;

/// Texts that were put into it, by their number among all texts.
pub struct Index<'w> {
    wordings: &'w [Option<Wording>],
    /// The likeness, in percent, below which nobody asks.
    least: usize,
    /// By each of their rarest words, in order.
    by_word: Vec<Vec<Entry>>,
}

/// A text that has a word among its rarest.
struct Entry {
    number: u32,
    length: u32,
    /// Its words that are no rarer than this one, and this one.
    rest: u32,
}

impl<'w> Index<'w> {
    pub fn new(wordings: &'w [Option<Wording>], least: usize) -> Self {
        Self { wordings, least, by_word: Vec::new() }
    }

    /// Puts a text into it, after all of a lower number. One that is too short to be like any is left
    /// out.
    pub fn insert(&mut self, number: usize) {
        let Some(wording) = &self.wordings[number] else { return };
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        for (position, word) in wording.rarest(self.least).iter().enumerate() {
            let word = *word as usize;
            if self.by_word.len() <= word {
                self.by_word.resize_with(word + 1, Vec::new);
            }
            if self.by_word[word].last().is_none_or(|last| last.number != small(number)) {
                let (length, rest) = (small(wording.len()), small(wording.len() - position));
                self.by_word[word].push(Entry { number: small(number), length, rest });
            }
        }
    }

    /// Hands on, in order, every text that can be at least so like this one, and perhaps others, until
    /// told to stop.
    ///
    /// At the rarest word that two texts share, neither has more words in common with the other than it
    /// has left: where that is too little, they are not so like each other.
    pub fn search(
        &self,
        wording: &Wording,
        percent: usize,
        mut each: impl FnMut(usize, &'w Wording) -> ControlFlow<()>,
    ) {
        let mut found = vec![0_u64; self.wordings.len().div_ceil(64)];
        for (position, word) in wording.rarest(percent).iter().enumerate() {
            let rest = wording.len() - position;
            for entry in self.by_word.get(*word as usize).into_iter().flatten() {
                let common = rest.min(entry.rest as usize);
                if 200 * common >= percent * (wording.len() + entry.length as usize) {
                    found[(entry.number / 64) as usize] |= 1 << (entry.number % 64);
                }
            }
        }
        let _ = (0..).zip(found).try_for_each(|(first, mut bits)| {
            while bits != 0 {
                let number = 64 * first + bits.trailing_zeros() as usize;
                if let Some(other) = &self.wordings[number] {
                    each(number, other)?;
                }
                bits &= bits - 1;
            }
            ControlFlow::Continue(())
        });
    }
}
