//! Finds the texts that can be like one, without looking at all of them, and without missing any.

use crate::wording::Wording;
use std::ops::ControlFlow;

/// Texts that were put into it, by their number among all texts.
pub struct Index<'w> {
    wordings: &'w [Option<Wording>],
    /// The likeness, in percent, below which nobody asks.
    least: usize,
    /// In order.
    all: Vec<u32>,
    /// By each of their rarest words, in order.
    by_word: Vec<Vec<u32>>,
}

impl<'w> Index<'w> {
    pub fn new(wordings: &'w [Option<Wording>], least: usize) -> Self {
        Self { wordings, least, all: Vec::new(), by_word: Vec::new() }
    }

    /// Puts a text into it, after all of a lower number. One that is too short to be like any is left
    /// out.
    pub fn insert(&mut self, number: usize) {
        let Some(wording) = &self.wordings[number] else { return };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.all.push(number);
        for word in wording.rarest(self.least) {
            let word = *word as usize;
            if self.by_word.len() <= word {
                self.by_word.resize_with(word + 1, Vec::new);
            }
            if self.by_word[word].last() != Some(&number) {
                self.by_word[word].push(number);
            }
        }
    }

    /// Hands on, in order, every text that can be at least so like this one, and perhaps others, until
    /// told to stop.
    pub fn search(
        &self,
        wording: &Wording,
        percent: usize,
        mut each: impl FnMut(usize, &'w Wording) -> ControlFlow<()>,
    ) {
        let lists = || wording.rarest(percent).iter().filter_map(|word| self.by_word.get(*word as usize));
        let mut each = |number: u32| match &self.wordings[number as usize] {
            Some(other) => each(number as usize, other),
            None => ControlFlow::Continue(()),
        };
        // Looking at every text is cheaper than at as many in several lists.
        let _ = if lists().map(Vec::len).sum::<usize>() >= self.all.len() {
            self.all.iter().copied().try_for_each(each)
        } else {
            let mut found = vec![0_u64; self.wordings.len().div_ceil(64)];
            for number in lists().flatten() {
                found[(number / 64) as usize] |= 1 << (number % 64);
            }
            (0..).zip(found).try_for_each(|(first, mut bits)| {
                while bits != 0 {
                    each(64 * first + bits.trailing_zeros())?;
                    bits &= bits - 1;
                }
                ControlFlow::Continue(())
            })
        };
    }
}
