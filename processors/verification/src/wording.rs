//! A text as words, and whether two texts say the same.
//!
//! Likeness is the share of words that two texts have in common and in the same order: twice the
//! longest common subsequence over both lengths, after Unicode's rules for words. It is symmetric,
//! and no word is left out for being common. Order counts because a wrong likeness does more harm
//! than a missed one: "A depends on B" is not "B depends on A".
//!
//! Numbers and negations are no matter of likeness: texts that differ in these say different things,
//! however alike they are.

use crate::bag::Bag;
use rapidfuzz::distance::indel;
use std::collections::HashMap;
use unicode_segmentation::UnicodeSegmentation;

/// Shorter texts, in characters, are like no other: there is too little to compare.
pub const SHORTEST: usize = 40;

/// A word by its number. The rarer one of two has the lower number.
pub type Word = u32;

/// The words of a text.
#[derive(Debug)]
pub struct Wording {
    /// In the order of the text.
    words: Vec<Word>,
    /// The rarest first.
    bag: Bag,
    /// Numbers that the text asserts, and whether it denies something else: equal for equal ones.
    sense: u32,
    values: Vec<Word>,
}

/// The wordings of all texts; `None` for one that is too short.
pub fn wordings<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Option<Wording>> {
    let mut numbers: HashMap<String, Word> = HashMap::new();
    let mut count: Vec<u32> = Vec::new();
    let mut read = |text: &str| {
        let draft = text.unicode_words().map(|word| {
            let word = word.to_lowercase();
            let mark = Mark::of(&word);
            let next = Word::try_from(numbers.len()).unwrap_or(Word::MAX);
            let number = *numbers.entry(word).or_insert(next);
            if number == next {
                count.push(0);
            }
            count[number as usize] += 1;
            (number, mark)
        });
        let draft: Vec<_> = draft.collect();
        (text.chars().count() >= SHORTEST && !draft.is_empty()).then_some(draft)
    };
    let drafts: Vec<_> = texts.map(&mut read).collect();
    let mut by_rarity: Vec<_> = (0..count.len()).collect();
    by_rarity.sort_by_key(|number| count[*number]);
    let mut ranks = vec![0; count.len()];
    for (rank, number) in (0..).zip(by_rarity) {
        ranks[number] = rank;
    }
    let mut senses = HashMap::new();
    drafts.into_iter().map(|draft| Some(Wording::new(&draft?, &ranks, &mut senses))).collect()
}

impl Wording {
    fn new(draft: &[(Word, Mark)], ranks: &[Word], senses: &mut HashMap<(Vec<Word>, bool), u32>) -> Self {
        let words: Vec<_> = draft.iter().map(|(number, _)| ranks[*number as usize]).collect();
        let marks = words.iter().zip(draft).map(|(word, (_, mark))| (*word, *mark));
        let (values, denies) = sense(marks);
        let next = u32::try_from(senses.len()).unwrap_or(u32::MAX);
        let sense = *senses.entry((values.clone(), denies)).or_insert(next);
        Self { bag: Bag::new(words.clone()), words, sense, values }
    }

    /// Whether the likeness of two texts is at least so many percent.
    pub fn is_like(&self, other: &Self, percent: usize) -> bool {
        self.may_be_like(other, percent)
            && self.is_enough(other, percent, self.bag.shared(&other.bag))
            && self.is_enough(other, percent, self.common(other))
    }

    /// False only where it is not, at a fraction of the cost.
    pub fn may_be_like(&self, other: &Self, percent: usize) -> bool {
        self.is_enough(other, percent, self.bag.shared_at_most(&other.bag))
    }

    /// Likeness of two texts, in thousandths.
    pub fn likeness(&self, other: &Self) -> u64 {
        (2000 * self.common(other) / self.length(other)) as u64
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether both assert the same numbers, and deny something or not.
    pub fn agrees(&self, other: &Self) -> bool {
        self.sense == other.sense
    }

    /// Whether they cannot both hold: each asserts a number that the other does not, or they differ in
    /// denying alone.
    pub fn contradicts(&self, other: &Self) -> bool {
        let lacks = |a: &Self, b: &Self| b.values.iter().any(|value| !a.values.contains(value));
        self.sense != other.sense && (self.values == other.values || lacks(self, other) && lacks(other, self))
    }

    /// The rarest words of the text: a text so like it has one of them among its own rarest.
    ///
    /// At a likeness of p percent, 200 × common ≥ p × (length + other length), and no more words are in
    /// common than the other has: so 200 × common ≥ p × (length + common), for either text. What is
    /// left out here are fewer words than must be common, so these cannot all be among them.
    pub fn rarest(&self, percent: usize) -> &[Word] {
        let least = (percent * self.words.len()).div_ceil(200 - percent);
        &self.bag.sorted()[..=self.words.len() - least]
    }

    /// Whether so many words in common make that likeness.
    fn is_enough(&self, other: &Self, percent: usize, common: usize) -> bool {
        200 * common >= percent * self.length(other)
    }

    /// Words in common, in the same order.
    fn common(&self, other: &Self) -> usize {
        indel::similarity(self.words.iter().copied(), other.words.iter().copied()) / 2
    }

    fn length(&self, other: &Self) -> usize {
        self.len() + other.len()
    }
}

/// What a word is to the sense of a text.
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

/// A negation denies a value at most so many words on: "not the 14 days".
const REACH: usize = 3;

/// The values that are asserted, and whether something else is denied.
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
        assert!(a.is_like(&b, 50) && b.is_like(&a, 50) && !a.is_like(&b, 51));
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
