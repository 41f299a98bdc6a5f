//! Responses by subagents: of which type these are, and what those who called them were at.
//!
//! A query groups by subagent, and the calls that started them are looked up here: there are few of them, and to join
//! every response with them takes as long as everything else that a report asks.

use crate::base::error::Result;
use crate::plugs::usage::sums;
use crate::store::reader::{Reader, Row};
use std::collections::HashMap;

/// The subagent of a response, as [`Starts`] knows it. Ids are unique within a session.
pub(super) const ID: &str = "CASE WHEN subagent_id IS NOT NULL THEN coalesce(session_id, '') || ' ' || subagent_id END";

/// The calls that started subagents, by session and id.
#[derive(Default)]
pub(super) struct Starts(HashMap<String, Start>);

/// What a subagent was called as, and in.
#[derive(Default)]
pub(super) struct Start {
    kind: Option<String>,
    pub(super) command: Option<String>,
    pub(super) skill: Option<String>,
    /// By whom, if not by the main conversation.
    by: Option<String>,
}

/// So deep they call each other at most; a log can say that they do so in a circle.
const DEEPEST: usize = 64;

impl Starts {
    pub(super) fn read(reader: Reader<'_>) -> Result<Self> {
        // As the view `usage_subagents` has it.
        let sql = format!(
            "SELECT session_id || ' ' || subagent_id, subagent_type, turn_command, turn_skill,
                 session_id || ' ' || caller_id
             FROM {} WHERE kind = 'subagent' AND session_id IS NOT NULL AND subagent_id IS NOT NULL
             QUALIFY row_number() OVER (PARTITION BY session_id, subagent_id ORDER BY time, event_id) = 1",
            sums::notable_calls(reader)?
        );
        let start = |row: &Row<'_>| {
            let [kind, command, skill, by] = [1, 2, 3, 4].map(|column| row.get(column));
            Ok((row.get(0)?, Start { kind: kind?, command: command?, skill: skill?, by: by? }))
        };
        Ok(Self(reader.rows(&sql, &[], start)?.into_iter().collect()))
    }

    /// The type of the subagent that a response is by: that of its call; for a client's own, such as
    /// `acompact-1a2b3c`, what the id begins with. None in the main conversation.
    pub(super) fn kind(&self, subagent: Option<&str>, side_chain: bool) -> Option<String> {
        let told = subagent.and_then(|id| self.0.get(id)?.kind.clone());
        let own = || subagent.and_then(|id| id.rsplit_once(' ')).and_then(|(_, id)| clients(id)).unwrap_or("(unknown)");
        told.or_else(|| (side_chain || subagent.is_some()).then(|| own().to_owned()))
    }

    /// What a subagent was started in, or whoever started that one.
    pub(super) fn at(&self, subagent: &str, what: impl Fn(&Start) -> &Option<String>) -> Option<String> {
        let starts = std::iter::successors(self.0.get(subagent), |start| self.0.get(start.by.as_ref()?));
        starts.take(DEEPEST).find_map(|start| what(start).clone())
    }
}

/// What a client has a subagent of its own for: `compact` of `acompact-1a2b3c`.
fn clients(id: &str) -> Option<&str> {
    let (name, number) = id.strip_prefix('a')?.rsplit_once('-')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let is_number = !number.is_empty() && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_name && is_number).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_works_for_what_the_caller_was_at() {
        let start = |command: Option<&str>, by: Option<&str>| Start {
            command: command.map(Into::into),
            by: by.map(Into::into),
            ..Start::default()
        };
        let starts = [
            ("a", start(Some("review"), None)),
            ("b", start(None, Some("a"))),
            ("c", start(None, Some("d"))),
            ("d", start(None, Some("c"))),
            ("e", start(None, Some("gone"))),
        ];
        let starts = Starts(starts.map(|(id, start)| (id.to_owned(), start)).into());
        let found = ["a", "b", "c", "e", "f"].map(|id| starts.at(id, |start| &start.command));
        assert_eq!(found.each_ref().map(Option::as_deref), [Some("review"), Some("review"), None, None, None]);
    }

    #[test]
    fn a_type_is_that_of_the_call_or_of_the_client() {
        let explorer = Start { kind: Some("Explore".to_owned()), ..Start::default() };
        let starts = Starts([("s a1".to_owned(), explorer)].into());
        let kind = |id: Option<&str>, side_chain| starts.kind(id, side_chain);
        assert_eq!(kind(Some("s a1"), true).unwrap(), "Explore");
        assert_eq!(kind(Some("s acompact-1a2b3c"), true).unwrap(), "compact");
        assert_eq!(kind(Some("s aprompt_suggestion-0f"), false).unwrap(), "prompt_suggestion");
        for unknown in ["s a2", "s a-1", "s acompact-", "s acompact-1g", "s aCompact-1", " a1"] {
            assert_eq!(kind(Some(unknown), false).unwrap(), "(unknown)", "{unknown}");
        }
        assert_eq!((kind(None, true).as_deref(), kind(None, false)), (Some("(unknown)"), None));
    }
}
