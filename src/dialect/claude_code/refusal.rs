//! Who declined a tool call. The client then answers instead of the tool, with a result that is marked as an error.
//! Newer clients give the reason in a field of the record, older ones in fixed sentences.
//!
//! A sentence is only recognised at the beginning of an error. A tool whose output quotes such a sentence was not
//! declined: its error begins with other words.

use sessionmill_contract::event::Decliner;

/// Beginnings of the answer if a person declined or interrupted the call.
const BY_PERSON: [&str; 9] = [
    "Interrupted by user",
    "Permission for this tool use was denied. The tool use was rejected",
    "The agent proposed a plan that was rejected by the user",
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "User declined to answer questions",
    "User rejected tool use",
    "[Request interrupted by user]",
    "[Request interrupted by user for tool use]",
];

/// Beginnings of the answer if a rule, a mode or a classifier declined, or if nobody was there to be asked.
const BY_POLICY: [&str; 5] = [
    "Claude requested permissions to ",
    "Permission for this action has been denied",
    "Permission for this action was denied by ",
    "Permission for this command has been denied",
    "Permission to use ",
];

/// Who declined a call, by the reason in the record, else by the text of the error.
pub(super) fn decliner(kind: Option<&str>, text: &str) -> Option<Decliner> {
    match kind {
        Some("user-rejected" | "interrupted") => Some(Decliner::Person),
        Some("cancelled") => Some(Decliner::Client),
        Some(_) => Some(Decliner::Policy),
        None => by_text(text),
    }
}

fn by_text(text: &str) -> Option<Decliner> {
    let text = text.trim_start();
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
    if begins(&BY_PERSON) {
        return Some(Decliner::Person);
    }
    (begins(&BY_POLICY) || is_by_hook(text)).then_some(Decliner::Policy)
}

/// Whether a hook stopped the call before it ran.
fn is_by_hook(text: &str) -> bool {
    text.strip_prefix("PreToolUse:").is_some_and(|rest| {
        let line = rest.lines().next().unwrap_or_default();
        line.contains(" hook error: ") || line.contains(" hook stopped continuation: ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_decides_and_else_the_beginning_of_the_text() {
        let person = Some(Decliner::Person);
        let policy = Some(Decliner::Policy);
        for (kind, text, expected) in [
            (Some("user-rejected"), "", person),
            (Some("interrupted"), "", person),
            (Some("cancelled"), "The user doesn't want to take this action right now.", Some(Decliner::Client)),
            (Some("permission-rule"), "The user doesn't want to proceed with this tool use.", policy),
            (Some("automode-blocked"), "", policy),
            (Some("a-kind-of-tomorrow"), "", policy),
            (None, "The user doesn't want to proceed with this tool use. The tool use was rejected.", person),
            (None, "Error: The user doesn't want to proceed with this tool use.", person),
            (None, "\nThe user doesn't want to take this action right now. STOP", person),
            (None, "The agent proposed a plan that was rejected by the user. The user chose to stay", person),
            (None, "Permission for this tool use was denied. The tool use was rejected (eg. a file)", person),
            (None, "[Request interrupted by user for tool use]", person),
            (None, "[Request interrupted by user]", person),
            (None, "User rejected tool use", person),
            (None, "User declined to answer questions", person),
            (None, "Interrupted by user", person),
            (None, "Permission to use Bash with command rm has been denied.", policy),
            (None, "Claude requested permissions to write to /x, but you haven't granted it yet.", policy),
            (None, "Permission for this action has been denied. Reason: unsafe", policy),
            (None, "PreToolUse:Bash hook error: [guard.sh]: not on Fridays", policy),
            (None, "Exit code 1\nThe user doesn't want to proceed with this tool use.", None),
            (None, "<tool_use_error>File has not been read yet.</tool_use_error>", None),
            (None, "<tool_use_error>Sibling tool call errored</tool_use_error>", None),
            (None, "> The user doesn't want to proceed with this tool use.", None),
            (None, "permission denied: /etc/shadow", None),
            (None, "", None),
        ] {
            assert_eq!(decliner(kind, text), expected, "{kind:?} {text}");
        }
    }
}
