//! A text as words, and whether two texts say the same.
//!
//! Similarity is the share of words that two texts have in common in the same order: twice the length of their longest
//! common subsequence of words, divided by the sum of both lengths. Words are separated by Unicode's rules. Similarity
//! is symmetric, and frequent words count too. Order matters because a wrong match does more harm than a missed one: "A
//! depends on B" is not "B depends on A".
//!
//! Numbers and negations are compared exactly: texts that differ in these say different things, however similar they
//! are.

use crate::bag::Bag;
use rapidfuzz::distance::lcs_seq;
use std::collections::HashMap;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// Texts with fewer characters are never similar to another: there is too little to compare.
pub const SHORTEST: usize = 40;

/// A word, by number.
pub type Word = u32;

/// How the sense of one text relates to that of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    Agrees,
    Contradicts,
}

/// The number of kinds of sense. The texts that agree with one, or that contradict it, have only one or two of these
/// kinds.
pub const KINDS: usize = 4;

/// The words of a text.
#[derive(Debug)]
pub struct Wording {
    /// In the order of the text.
    words: Vec<Word>,
    /// The rarest first. A second occurrence of a word in the text counts as another, rarer word.
    bag: Bag,
    /// Identifies the numbers that the text asserts, and whether it negates something else. Equal for texts of equal
    /// sense.
    sense: u32,
    values: Vec<Word>,
    denies: bool,
}

/// The wordings of all texts; `None` for a text that is too short.
pub fn wordings<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Option<Wording>> {
    let mut vocabulary = Vocabulary::default();
    let drafts: Vec<_> = texts.map(|text| vocabulary.read(text)).collect();
    let ranks = vocabulary.ranks();
    let mut senses = HashMap::new();
    drafts.into_iter().map(|draft| Some(Wording::new(draft?, &ranks, &mut senses))).collect()
}

/// The words of all texts, and the number of texts that contain each.
#[derive(Default)]
struct Vocabulary<'t> {
    words: HashMap<String, (Word, Mark)>,
    /// The words as they are written.
    spellings: HashMap<&'t str, (Word, Mark)>,
    /// For each word, the numbers of its first, second, … occurrence in a text.
    occurrences: Vec<Vec<u32>>,
    /// The number of texts that contain each occurrence.
    texts: Vec<u32>,
}

/// A text before the frequency of its words is known.
struct Draft {
    words: Vec<(Word, Mark)>,
    occurrences: Vec<u32>,
}

impl<'t> Vocabulary<'t> {
    fn read(&mut self, text: &'t str) -> Option<Draft> {
        let words: Vec<_> = match text.chars().count() {
            ..SHORTEST => Vec::new(),
            _ => text.unicode_words().map(|word| self.word(word)).collect(),
        };
        let mut sorted: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        sorted.sort_unstable();
        let mut occurrences = Vec::with_capacity(sorted.len());
        for same in sorted.chunk_by(Word::eq) {
            let known = &mut self.occurrences[same[0] as usize];
            while known.len() < same.len() {
                known.push(small(self.texts.len()));
                self.texts.push(0);
            }
            occurrences.extend_from_slice(&known[..same.len()]);
        }
        occurrences.iter().for_each(|number| self.texts[*number as usize] += 1);
        (!words.is_empty()).then_some(Draft { words, occurrences })
    }

    fn word(&mut self, spelling: &'t str) -> (Word, Mark) {
        *self.spellings.entry(spelling).or_insert_with(|| {
            let word = spelling.to_lowercase();
            let (mark, next) = (Mark::of(&word), small(self.words.len()));
            let known = *self.words.entry(word).or_insert((next, mark));
            self.occurrences.resize_with(self.words.len(), Vec::new);
            known
        })
    }

    /// The rank of each occurrence, the rarest first.
    fn ranks(&self) -> Vec<u32> {
        let mut by_rarity: Vec<_> = (0..self.texts.len()).collect();
        by_rarity.sort_by_key(|number| self.texts[*number]);
        let mut ranks = vec![0; by_rarity.len()];
        for (rank, number) in (0..).zip(by_rarity) {
            ranks[number] = rank;
        }
        ranks
    }
}

/// A count in its stored size.
pub(crate) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Wording {
    fn new(draft: Draft, ranks: &[u32], senses: &mut HashMap<(Vec<Word>, bool), u32>) -> Self {
        let (values, denies) = sense(draft.words.iter().copied());
        let next = small(senses.len());
        let sense = *senses.entry((values.clone(), denies)).or_insert(next);
        let bag = Bag::new(draft.occurrences.iter().map(|number| ranks[*number as usize]).collect());
        Self { words: draft.words.into_iter().map(|(word, _)| word).collect(), bag, sense, values, denies }
    }

    /// A fast check: false only if the similarity is below this percentage.
    pub fn may_be_like(&self, other: &Self, percent: usize) -> bool {
        self.is_enough(other, percent, self.bag.shared_at_most(&other.bag))
    }

    /// The similarity of two texts, in thousandths.
    pub fn likeness(&self, other: &Self) -> u64 {
        let common = Comparison::new(self).common(other);
        (2000 * common / self.length(other)) as u64
    }

    /// The words without their order.
    pub fn bag(&self) -> &Bag {
        &self.bag
    }

    /// The number of words.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether both assert the same numbers, and both or neither negate something.
    pub fn agrees(&self, other: &Self) -> bool {
        self.sense == other.sense
    }

    /// Whether both cannot be true: each asserts a number that the other does not, or they differ only in negation.
    pub fn contradicts(&self, other: &Self) -> bool {
        let lacks = |a: &Self, b: &Self| b.values.iter().any(|value| !a.values.contains(value));
        self.sense != other.sense && (self.values == other.values || lacks(self, other) && lacks(other, self))
    }

    /// One of [`KINDS`]: whether the text asserts a number, and whether it negates something.
    pub fn kind(&self) -> usize {
        2 * usize::from(!self.values.is_empty()) + usize::from(self.denies)
    }

    /// The kinds of all texts that agree with or contradict this one.
    pub fn kinds(&self, stance: Stance) -> Range<usize> {
        let one = |kind: usize| kind..kind + 1;
        match stance {
            Stance::Agrees => one(self.kind()),
            Stance::Contradicts if self.values.is_empty() => one(usize::from(!self.denies)),
            Stance::Contradicts => 2..KINDS,
        }
    }

    /// The rarest words of the text. Any text that is similar enough has one of them among its own rarest words.
    ///
    /// Why: at a similarity of p percent, 200 × common ≥ p × (length + other length). The number of common words is at
    /// most the length of the other text, so 200 × common ≥ p × (length + common) holds for either text. The words that
    /// are left out here are fewer than the words that must be common. So the common words cannot all be among them.
    pub fn rarest(&self, percent: usize) -> &[Word] {
        let least = (percent * self.words.len()).div_ceil(200 - percent);
        &self.bag.sorted()[..=self.words.len() - least]
    }

    /// Whether this many common words are enough for that similarity.
    fn is_enough(&self, other: &Self, percent: usize, common: usize) -> bool {
        200 * common >= percent * self.length(other)
    }

    fn length(&self, other: &Self) -> usize {
        self.len() + other.len()
    }
}

/// A text that is prepared for being compared with many.
pub struct Comparison<'w> {
    wording: &'w Wording,
    words: lcs_seq::BatchComparator<Word>,
}

impl<'w> Comparison<'w> {
    pub fn new(wording: &'w Wording) -> Self {
        Self { wording, words: lcs_seq::BatchComparator::new(wording.words.iter().copied()) }
    }

    /// Whether the similarity to another text is at least this percentage.
    pub fn is_like(&self, other: &Wording, percent: usize) -> bool {
        self.wording.may_be_like(other, percent) && self.wording.is_enough(other, percent, self.common(other))
    }

    /// The number of common words in the same order.
    fn common(&self, other: &Wording) -> usize {
        self.words.similarity(other.words.iter().copied())
    }
}

/// The meaning of a word for the sense of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    Value,
    Negation,
}

/// In English, German, Spanish, French, Italian and Portuguese.
const NEGATIONS: [&str; 34] = [
    "aucun", "aucune", "cannot", "instead", "jamais", "kein", "keine", "keinen", "keiner", "mai", "nada", "nao",
    "neither", "never", "nicht", "nie", "niemals", "no", "non", "none", "nor", "not", "nunca", "não", "ohne", "pas",
    "rather", "sans", "sem", "senza", "sin", "statt", "unlike", "without",
];

impl Mark {
    fn of(word: &str) -> Self {
        if word.contains(char::is_numeric) {
            Self::Value
        } else if NEGATIONS.contains(&word) || word.ends_with("n't") || word.ends_with("n’t") {
            Self::Negation
        } else {
            Self::None
        }
    }
}

/// A negation applies to a value within this many words after it: "not the 14 days".
const REACH: usize = 3;

/// The values that are asserted, and whether something else is negated.
fn sense(marks: impl Iterator<Item = (Word, Mark)>) -> (Vec<Word>, bool) {
    let (mut values, mut denies) = (Vec::new(), false);
    let mut negation = None;
    for (position, (word, mark)) in marks.enumerate() {
        match mark {
            Mark::None => {}
            Mark::Negation => denies |= negation.replace(position).is_some(),
            Mark::Value => match negation.take() {
                Some(at) if position - at <= REACH => {}
                far => {
                    denies |= far.is_some();
                    values.push(word);
                }
            },
        }
    }
    values.sort_unstable();
    (values, denies || negation.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(a: &str, b: &str) -> [Wording; 2] {
        wordings([a, b].into_iter()).into_iter().map(Option::unwrap).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn likeness_is_the_share_of_words_in_common_and_in_order() {
        let [a, b] = two(
            "Net revenue excludes refunds and taxes in all regions",
            "Net REVENUE excludes taxes and refunds, in every region of ours",
        );
        // net revenue excludes (refunds | and | taxes) in: 5 of 9 and 11.
        assert_eq!([a.likeness(&b), b.likeness(&a)], [500, 500]);
        let is_like = |a: &Wording, b: &Wording, percent| Comparison::new(a).is_like(b, percent);
        assert!(is_like(&a, &b, 50) && is_like(&b, &a, 50) && !is_like(&a, &b, 51));
        let warehouse = "数据仓库每天凌晨三点更新一次，由数据平台团队负责维护，出现问题请先联系当天的值班人员再处理";
        let [a, b] = two(warehouse, &warehouse.replace("天凌", "晚凌"));
        assert_eq!(a.likeness(&b), 976);
    }

    #[test]
    fn short_texts_and_texts_without_words_are_like_none() {
        let short = "x".repeat(SHORTEST - 1);
        let long = "ü".repeat(SHORTEST);
        let none = "—".repeat(SHORTEST);
        let found: Vec<_> = wordings([&*short, &long, &none].into_iter()).iter().map(Option::is_some).collect();
        assert_eq!(found, [false, true, false]);
    }

    #[test]
    fn numbers_and_negations_make_the_sense() {
        let days = |days: &str| format!("The refund window for European customers is {days}");
        let agree = |a: &str, b: &str| {
            let [a, b] = two(&days(a), &days(b));
            (a.agrees(&b), a.contradicts(&b), b.contradicts(&a))
        };
        assert_eq!(agree("30 days", "now 30 days"), (true, false, false));
        assert_eq!(agree("30 days", "14 days"), (false, true, true));
        assert_eq!(agree("30 days, not 14 days", "30 days"), (true, false, false));
        assert_eq!(agree("30 days, not 14 days", "14 days"), (false, true, true));
        assert_eq!(agree("30 days since 2024", "30 days"), (false, false, false));
        assert_eq!(agree("not paused", "paused"), (false, true, true));
        assert_eq!(agree("nicht pausiert", "isn't paused"), (true, false, false));
        assert_eq!(agree("never paused before day 30", "paused before day 30"), (false, true, true));
    }
}
