//! Tool calls of one source file by their ids, and what is known about each.
//!
//! Call ids are not unique: some providers use the same ids in each turn, or in each subagent. So a result belongs to
//! the latest call with its id that has no result yet, preferably of the same agent. A result can stand above its call
//! in the file, since lines are not always in order of time.

use sessionmill_contract::event::Decliner;
use sessionmill_contract::{Cause, Lines};
use std::collections::HashMap;
use std::rc::Rc;

/// What the result of a call says.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) is_error: bool,
    pub(crate) declined_by: Option<Decliner>,
    pub(crate) web_searches: u64,
    /// Why the call failed, and what the model was told.
    pub(crate) cause: Option<Cause>,
    pub(crate) error: Option<Rc<str>>,
    /// What the call changed.
    pub(crate) lines: Option<Lines>,
}

/// Calls by their position in the list of the file's tool events.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// By agent and id, and also by id alone.
    by_id: HashMap<(Option<Box<str>>, Box<str>), Same>,
    has_result: Vec<bool>,
    /// Results whose call comes later in the file.
    endings: HashMap<Box<str>, Ending>,
    /// Subagents whose call comes later in the file.
    subagents: HashMap<Box<str>, Rc<str>>,
}

/// Calls with the same id.
#[derive(Debug, Default)]
struct Same {
    /// Calls that have no result yet, the latest last.
    open: Vec<usize>,
    latest: usize,
}

/// A subagent, or `None` for the main conversation.
type Agent<'a> = Option<&'a str>;

impl Calls {
    /// Adds a call. Returns what was said about it before.
    pub(crate) fn call(&mut self, agent: Agent<'_>, id: &str, position: usize) -> (Option<Ending>, Option<Rc<str>>) {
        let ending = self.endings.remove(id);
        if self.has_result.len() <= position {
            self.has_result.resize(position + 1, false);
        }
        self.has_result[position] = ending.is_some();
        for agent in [Some(agent.unwrap_or_default()), None] {
            let same = self.by_id.entry(key(agent, id)).or_default();
            same.latest = position;
            if ending.is_none() {
                same.open.push(position);
            }
        }
        (ending, self.subagents.remove(id))
    }

    /// The call that a result belongs to. If there is none yet, the result is kept for a later call; the first such
    /// result counts.
    pub(crate) fn result(&mut self, agent: Agent<'_>, id: &str, ending: Ending) -> Option<usize> {
        let has_result = &mut self.has_result;
        let mut is_known = false;
        for agent in [Some(agent.unwrap_or_default()), None] {
            let Some(same) = self.by_id.get_mut(&key(agent, id)) else { continue };
            is_known = true;
            while let Some(position) = same.open.pop() {
                if let Some(has_result) = has_result.get_mut(position).filter(|has_result| !**has_result) {
                    *has_result = true;
                    return Some(position);
                }
            }
        }
        if !is_known {
            self.endings.entry(id.into()).or_insert(ending);
        }
        None
    }

    /// The call that a subagent works on.
    pub(crate) fn subagent(&mut self, agent: Agent<'_>, id: &str, subagent: &str) -> Option<usize> {
        let own = key(Some(agent.unwrap_or_default()), id);
        match self.by_id.get(&own).or_else(|| self.by_id.get(&key(None, id))) {
            Some(same) => Some(same.latest),
            None => {
                self.subagents.entry(id.into()).or_insert_with(|| subagent.into());
                None
            }
        }
    }

    /// Its size, measured in facts, besides the calls themselves.
    pub(crate) fn held(&self) -> usize {
        self.endings.len() + self.subagents.len()
    }
}

fn key(agent: Option<&str>, id: &str) -> (Option<Box<str>>, Box<str>) {
    (agent.map(Into::into), id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Ending =
        Ending { is_error: false, declined_by: None, web_searches: 0, cause: None, error: None, lines: None };

    #[test]
    fn a_result_is_of_the_latest_open_call_of_its_id() {
        let mut calls = Calls::default();
        calls.call(None, "Bash:0", 0);
        assert_eq!(calls.result(None, "Bash:0", FINE), Some(0));
        assert_eq!(calls.result(None, "Bash:0", FINE), None, "the first result counts");
        calls.call(None, "Bash:0", 1);
        calls.call(None, "Bash:0", 2);
        assert_eq!(calls.result(None, "Bash:0", FINE), Some(2));
        assert_eq!(calls.result(None, "Bash:0", FINE), Some(1));
        assert_eq!(calls.result(None, "Bash:1", FINE), None);
        assert_eq!(calls.held(), 1);
    }

    #[test]
    fn agents_side_by_side_have_results_of_their_own() {
        let mut calls = Calls::default();
        calls.call(None, "Bash:0", 0);
        calls.call(Some("a1"), "Bash:0", 1);
        assert_eq!(calls.result(None, "Bash:0", FINE), Some(0));
        assert_eq!(calls.result(Some("a2"), "Bash:0", FINE), Some(1), "of another agent, if there is no own one");
        assert_eq!(calls.result(Some("a1"), "Bash:0", FINE), None);
    }

    #[test]
    fn a_result_and_a_subagent_can_come_before_their_call() {
        let mut calls = Calls::default();
        assert_eq!(calls.result(None, "Task:0", Ending { is_error: true, ..FINE }), None);
        assert_eq!(calls.subagent(None, "Task:0", "a1"), None);
        let (ending, subagent) = calls.call(None, "Task:0", 0);
        assert!(ending.is_some_and(|ending| ending.is_error));
        assert_eq!(subagent.as_deref(), Some("a1"));
        calls.call(None, "Task:0", 1);
        assert_eq!(calls.subagent(None, "Task:0", "a2"), Some(1));
        assert_eq!(calls.result(None, "Task:0", FINE), Some(1));
    }
}
