//! A cache of answers, because pages and programs ask the same questions again and again. Most answers stay valid until
//! the database changes. Answers that also depend on the clock are kept for the second in which they were computed.

use crate::plug::Decided;
use crate::plug::call::Viewer;
use crate::source::stat::Stat;
use crate::store::Version;
use axum::body::Bytes;
use std::collections::{BTreeMap, HashMap};

/// A question, including everything about the caller that can change the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub call: &'static str,
    pub values: BTreeMap<String, String>,
    pub viewer: Viewer,
    /// The version of the identities file, which decides what belongs to the viewer.
    pub identities: Option<Stat>,
    /// Decisions made since the snapshot was published.
    pub decided: Vec<Decided>,
}

/// What answers are computed from: a version of the database, and the present second if they depend on the clock.
pub(crate) type State = (Version, Option<i64>);

/// The answers for one state.
#[derive(Debug, Default)]
pub(crate) struct AnswerCache {
    state: Option<State>,
    known: HashMap<Question, Bytes>,
    bytes: usize,
}

/// The most bytes in the cache. A cache that would exceed it is emptied, which is simple and rarely needed. A longer
/// answer is not cached.
const MOST: usize = 16 << 20;

impl AnswerCache {
    /// The cached answer to a question in this state.
    pub(crate) fn of(&self, state: &State, question: &Question) -> Option<Bytes> {
        self.known.get(question).filter(|_| self.state.as_ref() == Some(state)).cloned()
    }

    /// Caches an answer. `state` was read before the database. If the database changed in between, the answer is newer
    /// than `state`; the next question has the newer state and does not find it.
    pub(crate) fn keep(&mut self, state: State, question: Question, answer: Bytes) {
        if answer.len() > MOST {
            return;
        }
        if self.state.as_ref() != Some(&state) || self.bytes + answer.len() > MOST {
            self.known.clear();
            self.bytes = 0;
        }
        self.state = Some(state);
        self.bytes += answer.len();
        self.known.insert(question, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plug::call::Level;

    #[test]
    fn an_answer_is_for_one_state_and_one_viewer() {
        let version = |name: &str| (Version::Snapshot(name.into()), None);
        let question = |name: &str| Question {
            call: "list",
            values: BTreeMap::new(),
            viewer: Viewer { name: name.into(), person: name.into(), others: Level::Aggregate, sees_knowledge: false },
            identities: None,
            decided: Vec::new(),
        };
        let mut answers = AnswerCache::default();
        answers.keep(version("a"), question("ada"), Bytes::from("1"));
        assert_eq!(answers.of(&version("a"), &question("ada")), Some(Bytes::from("1")));
        assert_eq!(answers.of(&version("a"), &question("bob")), None);
        assert_eq!(answers.of(&version("b"), &question("ada")), None);
        answers.keep(version("b"), question("bob"), Bytes::from("2"));
        assert_eq!(answers.of(&version("b"), &question("ada")), None, "forgotten with the state");
        assert_eq!(answers.bytes, 1);
        answers.keep(version("b"), question("cyd"), vec![0; MOST + 1].into());
        assert_eq!((answers.of(&version("b"), &question("cyd")), answers.bytes), (None, 1), "too long");
        let second = |second| (version("b").0, Some(second));
        answers.keep(second(1), question("ada"), Bytes::from("3"));
        assert_eq!(answers.of(&second(1), &question("ada")), Some(Bytes::from("3")));
        assert_eq!(answers.of(&second(2), &question("ada")), None);
    }
}
