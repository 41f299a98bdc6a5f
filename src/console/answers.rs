//! Answers that are kept: pages and programs ask the same again and again. What follows from the database alone is kept
//! until that changes, and what depends on the clock, too, for the second in which it was asked.

use crate::plugs::Decided;
use crate::plugs::call::Viewer;
use crate::source::stat::Stat;
use crate::store::Version;
use axum::body::Bytes;
use std::collections::{BTreeMap, HashMap};

/// What was asked, and by whom as far as that matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub call: &'static str,
    pub values: BTreeMap<String, String>,
    pub viewer: Viewer,
    /// The file of identities, as it is: it decides what is somebody's own.
    pub identities: Option<Stat>,
    /// What was decided since the database was published.
    pub decided: Vec<Decided>,
}

/// What answers follow from: a state of the database, and the second, where they depend on the clock.
pub(crate) type State = (Version, Option<i64>);

/// Answers that follow from one state.
#[derive(Debug, Default)]
pub(crate) struct AnswerCache {
    state: Option<State>,
    known: HashMap<Question, Bytes>,
    bytes: usize,
}

/// Bytes that are kept. Above it, all are forgotten: that is seldom, and simple. A longer answer is not kept at all.
const MOST: usize = 16 << 20;

impl AnswerCache {
    /// The answer to a question about a state, if it was asked before.
    pub(crate) fn of(&self, state: &State, question: &Question) -> Option<Bytes> {
        self.known.get(question).filter(|_| self.state.as_ref() == Some(state)).cloned()
    }

    /// Keeps an answer. The database was in that state before it was read: if it has changed since, the answer is
    /// of the newer one, and the next question finds that out.
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
    use crate::plugs::call::Level;

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
