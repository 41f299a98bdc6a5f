//! The notification that background work has ended. The client writes it in the role of the user.
//!
//! ```text
//! <task-notification>
//! <task-id>a17</task-id>
//! <tool-use-id>toolu_01</tool-use-id>
//! <status>completed</status>
//! ```

use crate::dialect::json::is_id;
use sessionmill_contract::TaskState;
use sessionmill_contract::event::Finish;

const MARK: &str = "<task-notification>";

/// The end of background work, if the text is such a notification.
pub(super) fn read(text: &str) -> Option<Finish<'_>> {
    let inside = text.trim_start().strip_prefix(MARK)?;
    // The result of the work follows, and can contain any text.
    let inside = inside.split("<result>").next().unwrap_or_default();
    let state = ended(tag(inside, "<status>", "</status>")?)?;
    let call_id = tag(inside, "<tool-use-id>", "</tool-use-id>").filter(|id| is_id(id));
    let agent_id = tag(inside, "<task-id>", "</task-id>").filter(|id| is_id(id));
    Some(Finish { call_id, agent_id, state })
}

/// How background work has ended; `None` if it has not.
pub(super) fn ended(status: &str) -> Option<TaskState> {
    match status {
        "completed" => Some(TaskState::Completed),
        "failed" => Some(TaskState::Failed),
        "killed" | "stopped" => Some(TaskState::Cancelled),
        _ => None,
    }
}

/// The text between two marks.
fn tag<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_work_is_read_from_its_note() {
        let note = |status: &str| {
            format!(
                "<task-notification>\n<task-id>a17</task-id>\n<tool-use-id>call-1</tool-use-id>\n\
                 <status>{status}</status>\n<result><status>failed</status></result>\n</task-notification>"
            )
        };
        for (status, state) in [
            ("completed", Some(TaskState::Completed)),
            ("failed", Some(TaskState::Failed)),
            ("killed", Some(TaskState::Cancelled)),
            ("running", None),
        ] {
            let finish = state.map(|state| Finish { call_id: Some("call-1"), agent_id: Some("a17"), state });
            assert_eq!(read(&note(status)), finish, "{status}");
        }
        assert_eq!(read("see <task-notification><status>completed</status>"), None);
        assert_eq!(read("<task-notification><result><status>completed</status></result>"), None);
    }
}
