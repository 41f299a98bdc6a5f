//! The words before the point of a sentence: agreement, disagreement, politeness.

use crate::rules::phrase::{BUT, FILLERS, NO, NO_BEFORE_A_MARK, YES, YES_BEFORE_A_MARK};
use crate::rules::sentence::{Word, strip_any};

/// What a sentence says to what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    No,
    Yes,
    /// Agreement to a part of it, or to nothing: an objection follows.
    But,
    Nothing,
}

/// The lead of a sentence, and its words from the point on.
pub(super) fn lead(words: &[Word]) -> (Lead, &[Word]) {
    let (mut lead, mut rest) = (Lead::Nothing, words);
    loop {
        let (said, after) = if let Some(after) = strip_any(rest, &NO).or_else(|| before_a_mark(rest, &NO_BEFORE_A_MARK))
        {
            (Lead::No, after)
        } else if let Some(after) = strip_any(rest, &YES).or_else(|| before_a_mark(rest, &YES_BEFORE_A_MARK)) {
            (Lead::Yes, after)
        } else if let Some(after) = strip_any(rest, &BUT) {
            (Lead::But, after)
        } else if let Some(after) = strip_any(rest, &FILLERS) {
            (Lead::Nothing, after)
        } else if let Some(after) = rest.split_first().filter(|(first, _)| first.is_mark()).map(|(_, after)| after) {
            (Lead::Nothing, after)
        } else {
            return (lead, rest);
        };
        lead = match (lead, said) {
            (Lead::No, _) | (_, Lead::No) => Lead::No,
            (_, Lead::But) | (Lead::But, _) => Lead::But,
            (Lead::Yes, _) | (_, Lead::Yes) => Lead::Yes,
            _ => Lead::Nothing,
        };
        rest = after;
    }
}

fn before_a_mark<'w>(words: &'w [Word], phrases: &[&str]) -> Option<&'w [Word]> {
    strip_any(words, phrases).filter(|after| after.first().is_none_or(Word::is_mark))
}
