//! Carries decisions over when the wording of an item changes.
//!
//! An item's id is a hash of its words. So when rules of a new version, or another model, word the same fact
//! differently, it gets another id. A decision therefore stores its *grounds*: the records from which its item came,
//! and the words that were quoted. When nobody states the item in its old words any more, the decision applies to its
//! *heir*: what is now stated in one of these records by an overlapping quote.
//!
//! Grounds are stored as hashes, because they are kept even when what somebody said is deleted. The hash of a word
//! includes the id of its record, which nobody can guess, so words cannot be found by trying.

use crate::digest::digest;
use crate::review::{Action, REVIEWS, ReviewRow};
use crate::statement::Statement;
use sessionmill_contract::{Failure, Row as _, Rows, Value, table};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

table! {
    pub static HEIRS: Table = "verification_heirs", Hidden;

    /// A decision about an item (or another item) that is no longer stated in these words, and what it applies to
    /// instead.
    #[derive(Clone, Debug)]
    pub struct HeirRow<'a> {
        /// of knowledge_reviews
        review_id: i64,
        /// what item_id of the decision stands for
        item_id: Option<&'a str>,
        /// what other_id of the decision stands for
        other_id: Option<&'a str>,
    }
}

/// The most claims in the grounds of a decision: enough to find at least one of them again.
pub const CLAIMS: usize = 8;

/// The hexadecimal digits of the hash of a record, and of the hash of a word in it.
const RECORD: usize = 12;
const WORD: usize = 6;

/// A claim on which a decision is based.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'c> {
    pub claim_id: &'c str,
    pub quote: &'c str,
    /// Whether it is evidence of the item in other words.
    pub in_other_words: bool,
}

/// Marks a claim in other words.
const OTHER: char = '~';

/// The grounds of a decision: `<record> <word> <word> …` for each claim, separated by `;`. `None` if there are none.
pub fn grounds<'c>(claims: impl IntoIterator<Item = Ground<'c>>) -> Option<String> {
    let text = |Ground { claim_id, quote, in_other_words }: Ground<'_>| {
        let mark = if in_other_words { OTHER.to_string() } else { String::new() };
        [vec![mark + &record(claim_id)], words(claim_id, quote)].concat().join(" ")
    };
    let grounds: Vec<_> = claims.into_iter().take(CLAIMS).map(text).collect();
    if grounds.is_empty() { None } else { Some(grounds.join(";")) }
}

/// The id of a claim without its number in the record.
fn record_id(claim_id: &str) -> &str {
    claim_id.rsplit_once(':').map_or(claim_id, |(record, _)| record)
}

/// The hash of a claim's record.
pub fn record(claim_id: &str) -> String {
    digest(record_id(claim_id), RECORD)
}

/// The hashes of a quote's words, in order. Migration 0045 splits and hashes in the same way.
fn words(claim_id: &str, quote: &str) -> Vec<String> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let words = quote.split(|c| !is_of_word(c)).filter(|word| !word.is_empty());
    words.map(|word| digest(format!("{} {}", record_id(claim_id), word.to_ascii_lowercase()), WORD)).collect()
}

/// Decisions, as they apply to the present statements.
#[derive(Debug)]
pub struct Heirs<'r> {
    /// Rows of [`REVIEWS`].
    pub reviews: Cow<'r, [Vec<Value>]>,
    /// By the number of the decision: the heirs of the item and of the other item.
    found: Vec<(i64, [Option<String>; 2])>,
}

impl<'r> Heirs<'r> {
    /// # Errors
    ///
    /// If a row is not a review.
    pub fn new(statements: &[Statement<'_>], reviews: &'r [Vec<Value>]) -> Result<Self, Failure> {
        let mut heirs = Self { reviews: Cow::Borrowed(reviews), found: Vec::new() };
        let rows = reviews.iter().map(ReviewRow::read).collect::<Result<Vec<_>, _>>()?;
        let is_decision = |row: &ReviewRow<'_>| Action::ALL.into_iter().any(|action| action.name() == row.action);
        let decisions: Vec<_> = rows.iter().enumerate().filter(|(_, row)| is_decision(row)).collect();
        let named = |row: &ReviewRow<'r>| [(Some(row.item_id), row.grounds), (row.other_id, row.other_grounds)];
        let stated: HashSet<&str> = statements.iter().map(|statement| &*statement.id).collect();
        let is_lost = |id: Option<&str>| id.is_some_and(|id| !stated.contains(id));
        if !decisions.iter().any(|(_, row)| named(row).iter().any(|(id, grounds)| is_lost(*id) && grounds.is_some())) {
            return Ok(heirs);
        }
        let by_record = index(statements);
        let own: Vec<_> = decisions
            .iter()
            .map(|(_, row)| {
                named(row).map(|(id, grounds)| {
                    let grounds = grounds.filter(|_| is_lost(id))?;
                    grounds
                        .split(';')
                        .filter(|ground| !ground.starts_with(OTHER))
                        .find_map(|ground| heir(ground, &by_record))
                })
            })
            .collect();
        // A decision about the new words themselves wins over one that is carried over.
        let of_decisions =
            decisions.iter().zip(&own).map(|((_, row), [item, _])| item.as_deref().unwrap_or(row.item_id));
        let decided: HashSet<&str> = of_decisions.collect();
        for ((at, row), own) in decisions.iter().zip(&own) {
            let mut both = [None, None];
            for ((found, own), (id, grounds)) in both.iter_mut().zip(own).zip(named(row)) {
                let others = grounds.filter(|_| is_lost(id)).unwrap_or_default().split(';');
                let others = others.filter_map(|ground| heir(ground.strip_prefix(OTHER)?, &by_record));
                *found = own.clone().or_else(|| others.into_iter().find(|id| !decided.contains(&**id)));
            }
            if both == [None, None] {
                continue;
            }
            for (column, id) in ["item_id", "other_id"].into_iter().zip(&both) {
                if let (Some(id), Some(position)) = (id, REVIEWS.position(column)) {
                    heirs.reviews.to_mut()[*at][position] = id.as_str().into();
                }
            }
            heirs.found.push((row.review_id, both));
        }
        Ok(heirs)
    }

    /// Adds a row for each decision that applies to something else than it names.
    pub fn push(&self, rows: &mut Rows) {
        for (review_id, [item_id, other_id]) in &self.found {
            let (item_id, other_id) = (item_id.as_deref(), other_id.as_deref());
            rows.push(HeirRow { review_id: *review_id, item_id, other_id });
        }
    }
}

fn index<'s, 'f>(statements: &'s [Statement<'f>]) -> HashMap<String, Vec<&'s Statement<'f>>> {
    let mut by_record: HashMap<_, Vec<_>> = HashMap::new();
    for statement in statements {
        by_record.entry(record(statement.claim_id)).or_default().push(statement);
    }
    by_record
}

/// The hashes of the records in grounds.
pub fn records(grounds: &str) -> impl Iterator<Item = &str> {
    grounds.split(';').filter_map(|ground| ground.strip_prefix(OTHER).unwrap_or(ground).split(' ').next())
}

/// The heir of a ground: of the present statements in its record, the one whose quote overlaps most.
fn heir(ground: &str, by_record: &HashMap<String, Vec<&Statement<'_>>>) -> Option<String> {
    let mut parts = ground.split(' ');
    let of_record = by_record.get(parts.next()?)?;
    let quoted: Vec<&str> = parts.collect();
    let mut best: Option<(usize, &Statement<'_>)> = None;
    for statement in of_record {
        let words = words(statement.claim_id, statement.quote);
        let run = longest_run(&quoted, &words);
        // Half of the shorter quote is more than a phrase that both happen to contain.
        let overlaps = run > 0 && 2 * run >= quoted.len().min(words.len());
        if overlaps && best.is_none_or(|(most, _)| run > most) {
            best = Some((run, statement));
        }
    }
    best.map(|(_, statement)| statement.id.clone())
}

/// The longest run of equal words in two quotes.
fn longest_run(one: &[&str], other: &[String]) -> usize {
    let (mut runs, mut longest) = (vec![0; other.len() + 1], 0);
    for word in one {
        // Backwards, so that the run before each position still belongs to the previous word.
        for at in (0..other.len()).rev() {
            runs[at + 1] = if *word == other[at] { runs[at] + 1 } else { 0 };
            longest = longest.max(runs[at + 1]);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grounds_are_digests_of_records_and_words() {
        // printf 'uuid:r' | sha256sum; printf 'uuid:r tabs' | sha256sum; …
        let ground = |claim_id, quote, in_other_words| Ground { claim_id, quote, in_other_words };
        let both = [ground("uuid:r:3", "Tabs, über alles!", false), ground("uuid:r:4", "", true)];
        let expected = grounds(both).unwrap();
        let hash = |text: &str, digits: usize| digest(text, digits);
        let words = ["tabs", "über", "alles"].map(|word| hash(&format!("uuid:r {word}"), 6));
        let record = hash("uuid:r", 12);
        assert_eq!(expected, format!("{record} {};~{record}", words.join(" ")));
        assert_eq!(hash("ARR:Annual recurring revenue", 12), "fdb65c5b5a7f");
        assert_eq!(grounds([]), None);
        assert_eq!(grounds([ground("uuid:r:0", "a", false); 20]).unwrap().split(';').count(), CLAIMS);
    }

    #[test]
    fn the_longest_run_is_of_words_in_a_row() {
        let run = |one: &str, other: &str| {
            let other: Vec<_> = other.split(' ').map(str::to_owned).collect();
            longest_run(&one.split(' ').collect::<Vec<_>>(), &other)
        };
        assert_eq!(run("a b c d", "x b c y"), 2);
        assert_eq!(run("a a a", "a a"), 2);
        assert_eq!(run("a b a c", "a c"), 2);
        assert_eq!(run("a b", "c d"), 0);
    }
}
