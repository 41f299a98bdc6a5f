//! Responses by subagents: of which type these are, and what those who called them were at.
//!
//! The database joins a subagent with its call. Callers that are subagents themselves are followed here:
//! there are few of them.

use crate::base::error::Result;
use crate::store::reader::{Reader, Row};
use std::collections::HashMap;

/// The call that started a response's subagent. Ids are unique within a session.
pub(super) const JOIN: &str = "LEFT JOIN usage_subagents AS start ON start.subagent_id = usage_responses.subagent_id
     AND start.session_id = usage_responses.session_id";

/// The type of the subagent: that of its call; for a client's own, such as `acompact-1a2b3c`, what the id
/// begins with.
pub(super) const TYPE: &str = "CASE
     WHEN start.subagent_type IS NOT NULL THEN start.subagent_type
     WHEN usage_responses.subagent_id IS NULL AND NOT side_chain THEN NULL
     ELSE coalesce(nullif(regexp_extract(usage_responses.subagent_id, '^a([a-z_]+)-[0-9a-f]+$', 1), ''), '(unknown)') END";

/// The slash command of the turn or of the call, else the identity of the caller.
pub(super) const COMMAND: [&str; 2] = [
    "coalesce(usage_responses.command, start.command)",
    "CASE WHEN usage_responses.command IS NULL AND start.command IS NULL THEN start.session_id || ' ' || start.started_by END",
];

/// The same for the skill.
pub(super) const SKILL: [&str; 2] = [
    "coalesce(usage_responses.skill, start.skill)",
    "CASE WHEN usage_responses.skill IS NULL AND start.skill IS NULL THEN start.session_id || ' ' || start.started_by END",
];

/// Subagents of sessions in which they call each other, by session and id.
pub(super) struct Callers(HashMap<String, Start>);

/// What a subagent was called in.
pub(super) struct Start {
    pub(super) command: Option<String>,
    pub(super) skill: Option<String>,
    /// By whom, if not by the main conversation.
    by: Option<String>,
}

/// So deep they call each other at most; a log can say that they do so in a circle.
const DEEPEST: usize = 64;

impl Callers {
    pub(super) fn read(reader: Reader<'_>) -> Result<Self> {
        let sql = "SELECT session_id || ' ' || subagent_id, command, skill, session_id || ' ' || started_by
             FROM usage_subagents WHERE session_id IN (
                 SELECT session_id FROM usage_tool_events WHERE kind = 'subagent' AND caller_id IS NOT NULL)";
        let start =
            |row: &Row<'_>| Ok((row.get(0)?, Start { command: row.get(1)?, skill: row.get(2)?, by: row.get(3)? }));
        Ok(Self(reader.rows(sql, &[], start)?.into_iter().collect()))
    }

    /// What a caller was at, or who called it.
    pub(super) fn at(&self, caller: &str, what: impl Fn(&Start) -> &Option<String>) -> Option<String> {
        let starts = std::iter::successors(self.0.get(caller), |start| self.0.get(start.by.as_ref()?));
        starts.take(DEEPEST).find_map(|start| what(start).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_works_for_what_the_caller_was_at() {
        let start = |command: Option<&str>, by: Option<&str>| Start {
            command: command.map(Into::into),
            skill: None,
            by: by.map(Into::into),
        };
        let starts = [
            ("a", start(Some("review"), None)),
            ("b", start(None, Some("a"))),
            ("c", start(None, Some("d"))),
            ("d", start(None, Some("c"))),
            ("e", start(None, Some("gone"))),
        ];
        let callers = Callers(starts.map(|(id, start)| (id.to_owned(), start)).into());
        let found = ["a", "b", "c", "e", "f"].map(|id| callers.at(id, |start| &start.command));
        assert_eq!(found.each_ref().map(Option::as_deref), [Some("review"), Some("review"), None, None, None]);
    }
}
