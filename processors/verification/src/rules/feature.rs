//! The features of a sentence in a prompt: its cues, its form, and its neighbours.
//!
//! A sentence either has a feature or not. The name of a feature is used in the table of weights, and wherever a claim
//! is explained. There are three groups, in this order: *refusals*, which exclude a sentence and are not trained;
//! *constructions*, which are rare but say much; and single *cues* and forms.

use crate::Detection;
use crate::rules::class::is_rule;
use crate::rules::exclusion::{is_no_statement, judges};
use crate::rules::lead::{Lead, lead};
use crate::rules::lexicon::Marks;
use crate::rules::mood::{is_general, is_past, obliges};
use crate::rules::order::is_order;
use crate::rules::path::is_path;
use crate::rules::sentence::{Sentence, stems};
use crate::rules::sign::Sign;
use crate::rules::word::Word;
use crate::rules::worth::{has_value, worth};

/// A sentence in its context.
pub(super) struct Unit<'a> {
    sentence: &'a Sentence<'a>,
    before: Option<&'a Sentence<'a>>,
    after: Option<&'a Sentence<'a>>,
    pub(super) lead: Lead,
    /// The words after the lead.
    pub(super) words: &'a [Word],
    /// The marks of all its words and phrases.
    marks: Marks,
    /// The number of words, without punctuation.
    pub(super) length: usize,
    /// The number of sentences in the prompt, and the position of this one.
    count: usize,
    at: usize,
    /// The bytes of the prompt.
    size: usize,
    /// Whether any sentence of the prompt asks a question.
    asks: bool,
    pub(super) reply: Option<&'a str>,
    /// The number of meaningful words that the end of the reply also contains.
    shared: usize,
    /// The detection that the rules make of it.
    rules: Option<Detection>,
    pub(super) is_order: bool,
}

/// What surrounds a sentence.
pub(super) struct Context<'a> {
    pub(super) prompt: &'a str,
    /// The end of the assistant's previous reply.
    pub(super) reply: Option<&'a str>,
    /// The stems of its meaningful words, sorted.
    pub(super) stems: &'a [&'a str],
}

type Shape = fn(&Unit<'_>) -> bool;

/// Features by name.
const FEATURES: [(&str, Shape); COUNT] = [
    // Refusals.
    ("guess", |u| !u.asks() && u.has(Sign::Unsure)),
    ("for now", |u| !u.asks() && u.has(Sign::Provisional)),
    ("fault that was seen", |u| u.has(Sign::Seen) && u.has(Sign::Fault)),
    ("line number", |u| is_line_number(u.text())),
    ("what is so in one case", |u| u.begins_with_a_case() && !u.is_for_all_cases()),
    // Constructions.
    ("asserts that it is so on purpose", |u| u.asserts() && u.has(Sign::Purpose)),
    ("standing order", |u| u.standing()),
    ("asserts what is always or never so", |u| u.asserts() && u.has(Sign::Ever)),
    ("write it down", |u| u.has(Sign::Book) && u.has(Sign::Enter) || u.has(Sign::Memorize)),
    ("keep it in mind", |u| !u.asks() && u.has(Sign::Mind)),
    ("denies, and says what is so", |u| u.asserts() && (u.has(Sign::Denies) || u.lead == Lead::No) && u.length > 6),
    ("one, not the other", |u| u.asserts() && u.has(Sign::Versus)),
    ("should be one, not the other", |u| u.asserts() && u.has(Sign::Versus) && u.duty()),
    ("asserts what was checked", |u| u.asserts() && u.checked() && u.length > 3),
    ("asserts what we do", |u| u.asserts() && u.habit()),
    ("asserts what we do not do", |u| u.asserts() && u.withholds()),
    ("what we changed", |u| !u.asks() && u.changed()),
    ("duty without exception", |u| {
        !u.asks() && u.duty() && (u.has(Sign::Whole) || u.has(Sign::Ever) || u.has(Sign::Usual))
    }),
    ("firm duty", |u| u.asserts() && u.has(Sign::FirmDuty)),
    ("wish for all cases", |u| {
        !u.asks()
            && u.has(Sign::Taste)
            && [Sign::Whole, Sign::Ever, Sign::Versus, Sign::Style].into_iter().any(|sign| u.has(sign))
    }),
    ("asserts an aim", |u| u.asserts() && u.has(Sign::Aim)),
    ("asserts where it is", |u| u.asserts() && u.resides() && u.has_address()),
    ("asserts what it is", |u| u.asserts() && u.is_a() && !u.has(Sign::Seen)),
    ("asserts in short what it is", |u| {
        u.asserts() && u.is_a() && !u.has(Sign::Seen) && !u.has(Sign::Fault) && u.count <= 3
    }),
    ("answers a question", |u| {
        u.asserts()
            && u.they_asked()
            && !u.has(Sign::Seen)
            && !u.has(Sign::Request)
            && (u.has(Sign::Copula) || u.duty() || u.habit())
    }),
    ("asserts a reason", |u| u.asserts() && u.has(Sign::Because)),
    ("asks for a style", |u| {
        !u.asks() && u.has(Sign::Style) && (u.has(Sign::Taste) || u.has(Sign::Ensure) || u.duty() || u.is_order)
    }),
    ("make sure in all cases", |u| {
        !u.asks() && u.has(Sign::Ensure) && (u.has(Sign::Whole) || u.has(Sign::Ever) || u.has(Sign::Future))
    }),
    ("wish for what is shown", |u| u.shows() || u.has(Sign::Interface)),
    ("opinion of what should be", |u| u.has(Sign::Opinion) && u.duty()),
    ("asserts that there is", |u| u.asserts() && u.has(Sign::Exists) && !u.has(Sign::Fault) && !u.has(Sign::Seen)),
    ("objects", |u| u.asserts() && u.lead == Lead::But),
    ("asserts in a few words", |u| u.asserts() && matches!(u.length, 4..=6) && u.has(Sign::Copula)),
    ("asserts, and nothing of the work", |u| u.asserts() && u.is_bare() && u.count <= 3),
    ("prose of a report", |u| u.formal()),
    ("prose of a report about code", |u| u.formal() && (u.names() || u.text().contains('`') || u.exact().any(is_path))),
    ("prose of a long report", |u| u.formal() && (u.is_long() || u.count >= 4)),
    ("duty of what is no feature", |u| !u.asks() && u.duty() && u.is_no_feature() && !u.formal()),
    ("duty of a thing", |u| {
        !u.asks() && u.duty() && u.is_no_feature() && !u.duty_of_it() && (u.begins(&THINGS) || u.begins(&WE))
    }),
    ("asserts of us", |u| u.asserts() && u.begins(&WE) && u.is_bare()),
    ("asserts under a condition", |u| u.asserts() && u.has(Sign::Condition) && u.is_bare()),
    // Cues.
    ("asserts", |u| u.asserts()),
    ("on purpose", |u| u.has(Sign::Purpose)),
    ("for the future", |u| u.has(Sign::Future)),
    ("always or never", |u| u.has(Sign::Ever)),
    ("every or only", |u| u.has(Sign::Whole)),
    ("usually", |u| u.has(Sign::Usual)),
    ("place for rules", |u| u.has(Sign::Book)),
    ("writing down", |u| u.has(Sign::Enter)),
    ("make sure", |u| u.has(Sign::Ensure)),
    ("not correct", |u| u.has(Sign::Denies)),
    ("not the other", |u| u.has(Sign::Versus)),
    ("checked", |u| u.checked()),
    ("what we do", |u| u.habit()),
    ("what we do not do", |u| u.withholds()),
    ("duty", |u| u.duty()),
    ("shouldn't", |u| u.has(Sign::FirmDuty)),
    ("duty of it", |u| u.duty_of_it()),
    ("wish", |u| u.has(Sign::Taste)),
    ("ban", |u| u.has(Sign::Ban)),
    ("begins with a ban", |u| u.words.first().is_some_and(|first| first.is(Sign::Ban))),
    ("aim", |u| u.has(Sign::Aim)),
    ("because", |u| u.has(Sign::Because)),
    ("where it is", |u| u.resides()),
    ("address", |u| u.has_address()),
    ("is a", |u| u.is_a()),
    ("there is", |u| u.has(Sign::Exists)),
    ("style", |u| u.has(Sign::Style)),
    ("choice", |u| u.sentence.words.first().is_some_and(|first| first.is(Sign::Choice))),
    ("what the cause was", |u| u.has(Sign::Cause)),
    ("unsure", |u| u.has(Sign::Unsure)),
    ("opinion", |u| u.has(Sign::Opinion)),
    ("of the moment", |u| u.has(Sign::Moment)),
    ("what was seen", |u| u.has(Sign::Seen)),
    ("fault", |u| u.has(Sign::Fault)),
    ("request", |u| u.has(Sign::Request)),
    ("interface", |u| u.has(Sign::Interface)),
    ("begins as a question", |u| u.begins_as_a_question()),
    ("condition", |u| u.has(Sign::Condition)),
    ("i, we or you", |u| u.has(Sign::Person)),
    // Shape and neighbours.
    ("lead no", |u| u.lead == Lead::No),
    ("lead yes", |u| u.lead == Lead::Yes),
    ("lead but", |u| u.lead == Lead::But),
    ("question mark", |u| u.sentence.is_question),
    ("asks elsewhere", |u| !u.sentence.is_question && u.asks),
    ("after a question", |u| u.before.is_some_and(|before| before.is_question)),
    ("before a question", |u| u.after.is_some_and(|after| after.is_question)),
    ("after an order", |u| u.before.is_some_and(|before| is_order(lead(&before.words).1))),
    ("order", |u| u.is_order),
    ("no statement", |u| is_no_statement(u.sentence, u.words)),
    ("general", |u| is_general(u.words)),
    ("past", |u| is_past(u.words)),
    ("obliges", |u| obliges(u.words)),
    ("judges", |u| judges(u.words)),
    ("rule", |u| is_rule(u.sentence, u.words, 2)),
    ("value", |u| has_value(u.words)),
    ("worth 0", |u| worth(u.words) == 0),
    ("worth 3 and more", |u| worth(u.words) >= 3),
    ("1 to 3 words", |u| u.length <= 3),
    ("4 to 6 words", |u| matches!(u.length, 4..=6)),
    ("7 to 10 words", |u| matches!(u.length, 7..=10)),
    ("17 to 30 words", |u| matches!(u.length, 17..=30)),
    ("31 words and more", |u| u.length >= 31),
    ("the only sentence", |u| u.count == 1),
    ("one of 2 or 3 sentences", |u| matches!(u.count, 2..=3)),
    ("one of 9 sentences and more", |u| u.count >= 9),
    ("first sentence", |u| u.count > 1 && u.at == 0),
    ("last sentence", |u| u.count > 1 && u.at + 1 == u.count),
    ("after 8 sentences", |u| u.at >= 8),
    ("long prompt", |u| u.is_long()),
    ("very long prompt", |u| u.size > 1_400),
    ("first prompt", |u| u.reply.is_none()),
    ("they asked", |u| u.they_asked()),
    ("shares no word with the reply", |u| u.reply.is_some() && u.shared == 0),
    ("shares 3 words with the reply", |u| u.shared >= 3),
    ("rules say correction", |u| u.rules == Some(Detection::Correction)),
    ("rules say confirmation", |u| u.rules == Some(Detection::Confirmation)),
    ("rules say definition", |u| u.rules == Some(Detection::UnpromptedDefinition)),
    ("path", |u| u.exact().any(is_path)),
    ("link", |u| u.text().contains("://")),
    ("code", |u| u.text().contains('`')),
    ("quoted", |u| u.text().contains(['"', '“'])),
    ("parenthesis", |u| u.text().contains('(')),
    ("arrow", |u| ["->", "=>", "<-"].into_iter().any(|arrow| u.text().contains(arrow))),
    ("name", |u| u.names()),
    ("number", |u| u.words.iter().any(Word::is_value)),
    ("colon at the end", |u| u.text().ends_with(':')),
    ("capital", |u| u.text().starts_with(char::is_uppercase)),
    ("full stop", |u| u.text().ends_with('.')),
    ("exclamation mark", |u| u.text().ends_with('!')),
    ("of a list", |u| u.is_listed()),
    ("subject i", |u| u.begins(&["i", "i'm", "i've", "i'd", "i'll"])),
    ("subject we", |u| u.begins(&WE)),
    ("subject you", |u| u.begins(&["you", "you're", "you've", "your"])),
    ("subject it", |u| u.begins(&IT)),
    ("subject the", |u| u.begins(&THINGS)),
    ("commas", |u| u.words.iter().filter(|word| word.lower == ",").count() > 1),
];

const COUNT: usize = 137;

/// The number of refusals, and how many of these are about talk on the work, whatever its subject.
const REFUSALS: usize = 5;
const TALK: usize = 4;

/// The number of refusals and constructions together.
const CONSTRUCTIONS: usize = 41;

const IT: [&str; 9] = ["it", "it's", "its", "they", "they're", "that", "that's", "this", "these"];
const THINGS: [&str; 9] = ["the", "a", "an", "our", "each", "every", "all", "any", "both"];
const WE: [&str; 6] = ["we", "we're", "we've", "our", "we'd", "we'll"];

/// A feature, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feature(u8);

impl Feature {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(COUNT)
    }

    pub(super) fn number(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn is_refusal(self) -> bool {
        self.number() < REFUSALS
    }

    pub(super) fn is_construction(self) -> bool {
        (REFUSALS..CONSTRUCTIONS).contains(&self.number())
    }

    pub(super) fn name(self) -> &'static str {
        FEATURES[self.number()].0
    }
}

impl<'a> Unit<'a> {
    pub(super) fn new(said: &'a [Sentence<'a>], at: usize, context: &'a Context<'_>, rules: Option<Detection>) -> Self {
        let sentence = &said[at];
        let (lead, words) = lead(&sentence.words);
        let words = if words.is_empty() { &sentence.words } else { words };
        Self {
            sentence,
            before: at.checked_sub(1).and_then(|before| said.get(before)),
            after: said.get(at + 1),
            lead,
            words,
            marks: Marks::of(sentence.words.iter().map(|word| word.marks)),
            length: sentence.words.iter().filter(|word| !word.is_mark()).count(),
            count: said.len(),
            at,
            size: context.prompt.len(),
            asks: said.iter().any(|sentence| sentence.is_question),
            reply: context.reply,
            shared: stems(words).into_iter().filter(|stem| context.stems.binary_search(stem).is_ok()).count(),
            rules,
            is_order: is_order(words),
        }
    }

    /// The features that it has.
    pub(super) fn features(&self) -> impl Iterator<Item = Feature> {
        Feature::all().filter(|feature| FEATURES[feature.number()].1(self))
    }

    pub(super) fn has(&self, sign: Sign) -> bool {
        self.marks.has(sign)
    }

    fn text(&self) -> &'a str {
        self.sentence.text.get(self.sentence.range.clone()).unwrap_or_default()
    }

    /// The words as they are written.
    fn exact(&self) -> impl Iterator<Item = &'a str> {
        self.sentence.words.iter().filter_map(|word| self.sentence.text.get(word.range.clone()))
    }

    /// Whether the prompt is so long that most of it was probably pasted.
    pub(super) fn is_long(&self) -> bool {
        self.size > 800
    }

    pub(super) fn begins(&self, subjects: &[&str]) -> bool {
        self.words.first().is_some_and(|first| subjects.contains(&&*first.lower))
    }

    /// "Now when I run it again, …", "If there is none, we ask".
    pub(super) fn begins_with_a_case(&self) -> bool {
        let first = self.words.iter().find(|word| !matches!(&*word.lower, "now" | "then"));
        first.is_some_and(|first| first.is(Sign::Condition))
    }

    /// "When a test fails, never …".
    fn is_for_all_cases(&self) -> bool {
        [Sign::Ever, Sign::Future, Sign::Henceforth, Sign::Ensure].into_iter().any(|sign| self.has(sign))
    }

    fn begins_as_a_question(&self) -> bool {
        self.words.first().is_some_and(|first| first.is(Sign::Asks))
    }

    pub(super) fn asks(&self) -> bool {
        self.sentence.is_question
    }

    pub(super) fn they_asked(&self) -> bool {
        self.reply.is_some_and(|reply| reply.trim_end().ends_with('?'))
    }

    /// Neither a question nor an order.
    fn asserts(&self) -> bool {
        !self.asks() && !self.begins_as_a_question() && !self.is_order
    }

    /// Contains nothing about opinions, observations, faults, requests or this moment.
    fn is_bare(&self) -> bool {
        let talk = [Sign::Opinion, Sign::Seen, Sign::Fault, Sign::Request, Sign::Moment];
        !talk.into_iter().any(|sign| self.has(sign))
    }

    fn is_no_feature(&self) -> bool {
        let talk = [Sign::Interface, Sign::Seen, Sign::Fault, Sign::Request];
        !self.shows() && !talk.into_iter().any(|sign| self.has(sign))
    }

    pub(super) fn duty(&self) -> bool {
        self.has(Sign::Duty) || self.has(Sign::FirmDuty)
    }

    pub(super) fn standing(&self) -> bool {
        let asked = [Sign::Ban, Sign::Ensure, Sign::Taste].into_iter().any(|sign| self.has(sign));
        !self.asks()
            && (self.has(Sign::Future) || self.has(Sign::Ever))
            && (asked || self.duty() || self.is_order || self.habit())
    }

    fn checked(&self) -> bool {
        self.has(Sign::Checked) || self.text().contains("https://") || self.text().contains("http://")
    }

    /// Whether one of the words is followed by a matching word, with or without an adverb in between.
    fn is_followed(&self, first: impl Fn(&Word) -> bool, then: impl Fn(&Word) -> bool) -> bool {
        let words = &self.sentence.words;
        words.iter().enumerate().any(|(at, word)| {
            first(word)
                && (words.get(at + 1).is_some_and(&then)
                    || words.get(at + 1).is_some_and(is_adverb) && words.get(at + 2).is_some_and(&then))
        })
    }

    fn habit(&self) -> bool {
        self.is_followed(|word| matches!(&*word.lower, "we" | "i" | "team"), |word| word.is(Sign::Habit))
    }

    /// "We don't", but not "I don't think".
    fn withholds(&self) -> bool {
        let words = &self.sentence.words;
        let minds = |at: usize| words.iter().skip(at).take(2).any(|word| word.is(Sign::Minds));
        words.iter().enumerate().any(|(at, word)| {
            let after = at
                + 1
                + usize::from(
                    words.get(at + 1).is_some_and(is_adverb)
                        && !words.get(at + 1).is_some_and(|word| word.is(Sign::Withholds)),
                );
            matches!(&*word.lower, "we" | "i")
                && words.get(after).is_some_and(|word| word.is(Sign::Withholds))
                && !minds(after + 1)
        })
    }

    pub(super) fn changed(&self) -> bool {
        self.is_followed(
            |word| matches!(&*word.lower, "we" | "we've" | "we'd" | "we're" | "team"),
            |word| word.is(Sign::Changed),
        ) || self.is_followed(
            |word| matches!(&*word.lower, "we" | "team"),
            |word| matches!(&*word.lower, "are" | "have" | "had"),
        ) && self.is_followed(|word| matches!(&*word.lower, "are" | "have" | "had"), |word| word.is(Sign::Changed))
    }

    fn duty_of_it(&self) -> bool {
        let is_it = |word: &Word| matches!(&*word.lower, "it" | "this" | "that" | "they" | "there" | "these" | "those");
        self.is_followed(is_it, |word| matches!(&*word.lower, "should" | "must" | "needs" | "need" | "has"))
    }

    fn resides(&self) -> bool {
        let is_at = |word: &Word| {
            matches!(&*word.lower, "in" | "on" | "at" | "under" | "here" | "auf" | "unter" | "en" | "em" | "su")
        };
        self.is_followed(|word| word.is(Sign::Resides), is_at)
            || self
                .words
                .windows(3)
                .any(|three| three[0].lower == "you" && three[1].lower == "have" && three[2].lower == "access")
    }

    fn is_a(&self) -> bool {
        let is_class = |word: &Word| {
            word.is(Sign::Article) || matches!(&*word.lower, "one" | "part" | "called" | "when" | "a" | "an" | "the")
        };
        self.is_followed(|word| matches!(&*word.lower, "is" | "are" | "it's"), is_class) || self.has(Sign::Defines)
    }

    /// "It should also show".
    fn shows(&self) -> bool {
        self.is_followed(|word| matches!(&*word.lower, "should" | "must"), |word| word.is(Sign::Shows))
    }

    fn has_address(&self) -> bool {
        self.exact().any(|word| word.contains('/') && word.len() > 2 || is_path(word) || is_number_address(word))
            || self.text().contains("://")
            || self.text().contains("localhost")
    }

    pub(super) fn names(&self) -> bool {
        self.exact().any(is_identifier)
    }

    /// Complete sentences without persons, as reviewers and tools write them.
    pub(super) fn formal(&self) -> bool {
        self.text().starts_with(char::is_uppercase)
            && self.text().ends_with('.')
            && !self.has(Sign::Person)
            && self.length >= 8
    }

    /// Whether it is talk about the work or was pasted: it contains names of the program, paths, lists, faults or long
    /// texts, or is refused.
    pub(super) fn is_of_the_work(&self) -> bool {
        self.exact().any(is_of_a_program)
            || self.text().contains('`')
            || self.exact().any(is_path)
            || self.is_listed()
            || self.has(Sign::Seen)
            || self.has(Sign::Fault)
            || self.begins(&WE)
            || self.begins(&["i", "i'm", "i've", "you", "you're"])
            || self.is_long()
            || FEATURES[..TALK].iter().any(|(_, shape)| shape(self))
    }

    fn is_listed(&self) -> bool {
        let before = self.sentence.text.get(..self.sentence.range.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let is_mark = |c: char| matches!(c, '-' | '*' | '•');
        let is_number = line.ends_with(['.', ')']) && line.len() <= 3;
        !line.is_empty() && line.chars().all(is_mark) || is_number
    }
}

fn is_adverb(word: &Word) -> bool {
    const ADVERBS: [&str; 12] =
        ["also", "just", "only", "still", "already", "always", "never", "really", "do", "then", "now", "instead"];
    ADVERBS.contains(&&*word.lower) || word.lower.ends_with("ly")
}

/// `192.0.2.7`.
fn is_number_address(word: &str) -> bool {
    let mut parts = word.split('.');
    parts.clone().count() == 4 && parts.all(|part| part.parse::<u8>().is_ok())
}

/// `snake_case`, `camelCase`, `P1`.
fn is_identifier(word: &str) -> bool {
    let has_digit = word.contains(|c: char| c.is_ascii_digit()) && word.contains(char::is_alphabetic);
    word.contains('_') || has_digit || word.chars().skip(1).any(char::is_uppercase)
}

/// `snake_case` or `camelCase`, but not `GMV`.
fn is_of_a_program(word: &str) -> bool {
    let mut letters = word.chars().zip(word.chars().skip(1));
    word.contains('_') || letters.any(|(one, next)| one.is_lowercase() && next.is_uppercase())
}

/// `main.rs:12`, "line 12", but not `15:00`.
fn is_line_number(text: &str) -> bool {
    let is_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let is_of_a_file = |(at, _): (usize, &str)| {
        let name = text[..at].rsplit(char::is_whitespace).next().unwrap_or_default();
        name.contains(['.', '/']) && is_digit(&text[at + 1..])
    };
    text.split("line ").skip(1).any(is_digit) || text.match_indices(':').any(is_of_a_file)
}
