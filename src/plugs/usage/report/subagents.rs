//! Responses by subagent: its type, and the slash command and skill that it was started for.
//!
//! A query groups by subagent, and the calls that started subagents are looked up here. There are few such calls, and
//! joining them with every response would take as long as the rest of a report.

use crate::base::error::Result;
use crate::plugs::usage::sums;
use crate::store::reader::Reader;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The subagent of a response, as a key of [`Starts`]. Ids are unique within a session.
pub(super) const ID: &str = "CASE WHEN subagent_id IS NOT NULL THEN coalesce(session_id, '') || ' ' || subagent_id END";

/// The calls that started subagents, by session and id.
#[derive(Default)]
pub(super) struct Starts(HashMap<String, Start>);

/// The type of a subagent, and the command and skill of its caller. Texts are shared, because there are many subagents
/// of few types.
#[derive(Clone, Default)]
pub(super) struct Start {
    kind: Option<Rc<str>>,
    pub(super) command: Option<Rc<str>>,
    pub(super) skill: Option<Rc<str>>,
}

/// The deepest nesting of subagents that is followed. A log can say that they call each other in a circle.
const DEEPEST: usize = 64;

impl Starts {
    pub(super) fn read(reader: Reader<'_>) -> Result<Self> {
        // The same rule as in the view `usage_subagents`.
        let sql = format!(
            "SELECT session_id || ' ' || subagent_id, of_type, command, skill, session_id || ' ' || caller FROM (
                 SELECT session_id, subagent_id, unnest(arg_min(
                     {{of_type: subagent_type, command: turn_command, skill: turn_skill, caller: caller_id}},
                     (time, event_id)))
                 FROM {} WHERE kind = 'subagent' AND session_id IS NOT NULL AND subagent_id IS NOT NULL
                 GROUP BY session_id, subagent_id)",
            sums::notable_calls(reader)?
        );
        let (mut starts, mut callers, mut names) = (HashMap::new(), HashMap::new(), HashSet::new());
        reader.each(&sql, &[], |row| {
            let mut name = |column| row.text(column).map(|name| name.map(|name| shared(&mut names, name)));
            let [kind, command, skill] = [name(1)?, name(2)?, name(3)?];
            let id: String = row.get(0)?;
            if let Some(caller) = row.get::<Option<String>>(4)? {
                callers.insert(id.clone(), caller);
            }
            starts.insert(id, Start { kind, command, skill });
            Ok(())
        })?;
        Ok(Self::with_callers(starts, &callers))
    }

    /// Gives a subagent that was called by another one the command and skill of its callers.
    fn with_callers(mut starts: HashMap<String, Start>, callers: &HashMap<String, String>) -> Self {
        let known = |id: &String| starts.get(id).cloned();
        let at_work = |id: &String| {
            let ids = std::iter::successors(Some(id), |id| callers.get(*id)).take(DEEPEST);
            ids.map_while(known).reduce(|start, caller| Start {
                command: start.command.or(caller.command),
                skill: start.skill.or(caller.skill),
                ..start
            })
        };
        let nested: Vec<_> = callers.keys().filter_map(|id| Some((id.clone(), at_work(id)?))).collect();
        starts.extend(nested);
        Self(starts)
    }

    /// How a subagent was started.
    pub(super) fn of(&self, subagent: Option<&str>) -> Option<&Start> {
        self.0.get(subagent?)
    }

    /// The type of the subagent that made a response, from the call that started it. A subagent of the client itself,
    /// such as `acompact-1a2b3c`, has its type in its id. `None` in the main conversation.
    pub(super) fn kind<'k>(&'k self, subagent: Option<&'k str>, side_chain: bool) -> Option<&'k str> {
        let told = self.of(subagent).and_then(|start| start.kind.as_deref());
        let own = || subagent.and_then(|id| id.rsplit_once(' ')).and_then(|(_, id)| clients(id)).unwrap_or("(unknown)");
        told.or_else(|| (side_chain || subagent.is_some()).then(own))
    }
}

/// Returns the stored copy of a name, so that equal names share memory.
fn shared(names: &mut HashSet<Rc<str>>, name: &str) -> Rc<str> {
    names.get(name).cloned().unwrap_or_else(|| {
        let name = Rc::<str>::from(name);
        names.insert(name.clone());
        name
    })
}

/// The purpose of a client's own subagent: `compact` for `acompact-1a2b3c`.
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
        let start = |command: Option<&str>| Start { command: command.map(Into::into), ..Start::default() };
        let starts = [("a", Some("review")), ("b", None), ("c", None), ("d", None), ("e", None)];
        let callers = [("b", "a"), ("c", "d"), ("d", "c"), ("e", "gone")];
        let starts = Starts::with_callers(
            starts.map(|(id, command)| (id.to_owned(), start(command))).into(),
            &callers.map(|(id, caller)| (id.to_owned(), caller.to_owned())).into(),
        );
        let found = ["a", "b", "c", "e", "f"].map(|id| starts.of(Some(id)).and_then(|start| start.command.as_deref()));
        assert_eq!(found, [Some("review"), Some("review"), None, None, None]);
    }

    #[test]
    fn a_type_is_that_of_the_call_or_of_the_client() {
        let explorer = Start { kind: Some("Explore".into()), ..Start::default() };
        let starts = Starts([("s a1".to_owned(), explorer)].into());
        let kind = |id: Option<&'static str>, side_chain| starts.kind(id, side_chain);
        assert_eq!(kind(Some("s a1"), true).unwrap(), "Explore");
        assert_eq!(kind(Some("s acompact-1a2b3c"), true).unwrap(), "compact");
        assert_eq!(kind(Some("s aprompt_suggestion-0f"), false).unwrap(), "prompt_suggestion");
        for unknown in ["s a2", "s a-1", "s acompact-", "s acompact-1g", "s aCompact-1", " a1"] {
            assert_eq!(kind(Some(unknown), false).unwrap(), "(unknown)", "{unknown}");
        }
        assert_eq!((kind(None, true), kind(None, false)), (Some("(unknown)"), None));
    }
}
