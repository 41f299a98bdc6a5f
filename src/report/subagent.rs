//! Subagents: of which type they are, and what those who started them were at.

use crate::error::Result;
use duckdb::Connection;
use std::collections::HashMap;

/// The identity of a response's subagent in SQL: short ids are not unique beyond a session.
pub(super) const SUBAGENT: &str = "session_id || ' ' || subagent_id";

/// What is known of a subagent's start.
struct Start {
    kind: Option<String>,
    command: Option<String>,
    skill: Option<String>,
    /// The subagent that it was started by.
    by: Option<String>,
}

/// All that the database has, by [`SUBAGENT`].
pub(super) struct Subagents(HashMap<String, Start>);

/// So deep subagents start each other at most; a log can say that they do so in a circle.
const DEEPEST: usize = 64;

impl Subagents {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare(
            "SELECT call.session_id || ' ' || call.subagent_id, call.subagent_type, caller.command, caller.skill,
                 caller.session_id || ' ' || caller.subagent_id
             FROM usage_tool_events AS call
                 LEFT JOIN usage_responses AS caller ON caller.message_id = call.message_id AND caller.part = 0
             WHERE call.kind = 'subagent' AND call.session_id IS NOT NULL AND call.subagent_id IS NOT NULL
             ORDER BY call.time, call.event_id",
        )?;
        let mut starts = HashMap::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let start = Start { kind: row.get(1)?, command: row.get(2)?, skill: row.get(3)?, by: row.get(4)? };
            // A later call goes on with a subagent that is there.
            starts.entry(row.get(0)?).or_insert(start);
        }
        Ok(Self(starts))
    }

    /// The type: of the call that started it, or a client's own, which its id begins with.
    pub(super) fn kind<'s>(&'s self, id: &'s str) -> Option<&'s str> {
        let of_call = self.0.get(id).and_then(|start| start.kind.as_deref());
        of_call.or_else(|| own_kind(id.rsplit(' ').next()?))
    }

    /// The slash command that somebody's turn began with, who started it or them.
    pub(super) fn command(&self, id: &str) -> Option<&str> {
        self.inherited(id, |start| start.command.as_deref())
    }

    /// The skill at whose work it, or who started it, was started.
    pub(super) fn skill(&self, id: &str) -> Option<&str> {
        self.inherited(id, |start| start.skill.as_deref())
    }

    fn inherited<'s>(&'s self, id: &str, of: impl Fn(&'s Start) -> Option<&'s str>) -> Option<&'s str> {
        let starts = std::iter::successors(self.0.get(id), |start| self.0.get(start.by.as_ref()?));
        starts.take(DEEPEST).find_map(of)
    }
}

/// `acompact-1a2b3c` is a client's own work: `compact`.
fn own_kind(id: &str) -> Option<&str> {
    let (kind, number) = id.strip_prefix('a')?.rsplit_once('-')?;
    let is_kind = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (is_kind && number.chars().all(|c| c.is_ascii_hexdigit())).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(command: Option<&str>, by: Option<&str>) -> Start {
        Start { kind: None, command: command.map(Into::into), skill: None, by: by.map(Into::into) }
    }

    #[test]
    fn a_subagent_works_for_what_its_starter_was_at() {
        let starts = [
            ("s a", start(Some("review"), None)),
            ("s b", start(None, Some("s a"))),
            ("s c", start(None, Some("s d"))),
            ("s d", start(None, Some("s c"))),
            ("s e", start(None, Some("s gone"))),
        ];
        let subagents = Subagents(starts.map(|(id, start)| (id.to_owned(), start)).into());
        let found = ["s a", "s b", "s c", "s e", "s f"].map(|id| subagents.command(id));
        assert_eq!(found, [Some("review"), Some("review"), None, None, None]);
    }

    #[test]
    fn clients_name_their_own_subagents_in_the_id() {
        let kinds =
            ["acompact-1a2b3c", "aprompt_suggestion-9f", "a1a2b3c", "a-1a", "acompact-x", "compact-1a"].map(own_kind);
        assert_eq!(kinds, [Some("compact"), Some("prompt_suggestion"), None, None, None, None]);
    }
}
