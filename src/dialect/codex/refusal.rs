//! Who declined a tool call. The client then answers instead of the tool, in fixed sentences.
//!
//! A sentence is only recognised if it is the whole output of the call. The output of a command follows a header, so a
//! sentence that a command prints does not match. If unified exec does not start a command, its answer ends with the
//! reason: ``exec_command failed for `…`: CreateProcess { message: "Rejected(\"…\")" }``.

use crate::dialect::json::{Fields, Object, Text, skip};
use serde::de::MapAccess;
use sessionmill_contract::event::Decliner;

/// Outputs if a person declined.
const BY_PERSON: [&str; 5] = [
    "exec command rejected by user",
    "patch rejected by user",
    "rejected by user",
    "user cancelled MCP tool call",
    "user rejected MCP tool call",
];

/// Beginnings of outputs if a rule, a reviewing model or a hook declined.
const BY_POLICY: [&str; 3] =
    ["This action was rejected due to unacceptable risk.", "command rejected by policy", "rejected by configuration"];

/// Who declined the call with this output.
pub(super) fn decliner(output: &str) -> Option<Decliner> {
    let output = output.trim();
    if output.starts_with('{') {
        let Object(wrapped) = serde_json::from_str::<Object<Wrapped<'_>>>(output).ok()?;
        return by_text(wrapped?.output.get()?.trim());
    }
    by_text(output)
}

/// What unified exec says if a policy stopped a command, between the command and the end.
const EXEC_BY_POLICY: [&str; 3] =
    ["` rejected: blocked by policy", "` rejected: policy forbids commands", "approval required by policy"];

/// Why unified exec did not start a command. The sentence quotes the command before the reason, and can be quoted once
/// or twice itself.
fn exec_reason(text: &str) -> Option<&str> {
    let (_, reason) = text.strip_prefix("exec_command failed")?.rsplit_once("Rejected(")?;
    let is_mark = |c: char| matches!(c, '\\' | '"');
    let reason = reason.trim_end_matches(|c: char| c == '}' || c.is_whitespace()).trim_end_matches(is_mark);
    Some(reason.strip_suffix(')')?.trim_matches(is_mark))
}

fn by_text(text: &str) -> Option<Decliner> {
    if let Some(reason) = exec_reason(text) {
        let is_by_policy = BY_POLICY.iter().any(|start| reason.starts_with(start))
            || EXEC_BY_POLICY.iter().any(|words| reason.contains(words));
        let by_person = BY_PERSON.contains(&reason).then_some(Decliner::Person);
        return by_person.or(is_by_policy.then_some(Decliner::Policy));
    }
    if BY_PERSON.contains(&text) || was_aborted(text) {
        return Some(Decliner::Person);
    }
    let is_by_hook = text.lines().next().is_some_and(|line| line.contains(" blocked by PreToolUse hook: "));
    let is_by_policy = BY_POLICY.iter().any(|start| text.starts_with(start)) || is_by_hook;
    is_by_policy.then_some(Decliner::Policy)
}

/// Whether the output is `aborted by user after 1.5s`, or that on a second line after the time.
fn was_aborted(text: &str) -> bool {
    let (head, last) = text.rsplit_once('\n').unwrap_or(("", text));
    let is_time = head.is_empty() || head.starts_with("Wall time: ") && !head.contains('\n');
    let after = last.trim().strip_prefix("aborted by user");
    let is_all = |after: &str| {
        let seconds = after.strip_prefix(" after ").and_then(|after| after.strip_suffix('s'));
        after.is_empty() || seconds.is_some_and(|seconds| seconds.trim().parse::<f64>().is_ok())
    };
    is_time && after.is_some_and(is_all)
}

/// Older clients write an object as text: `{"output": …, "metadata": …}`.
#[derive(Default)]
struct Wrapped<'de> {
    output: Text<'de>,
}

impl<'de> Fields<'de> for Wrapped<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "output" => self.output = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_of_the_client_is_all_that_a_declined_call_came_to() {
        let (person, policy) = (Some(Decliner::Person), Some(Decliner::Policy));
        for (output, expected) in [
            ("exec command rejected by user", person),
            ("patch rejected by user\n", person),
            ("user rejected MCP tool call", person),
            ("aborted by user after 12.5s", person),
            ("Wall time: 3.0 seconds\naborted by user", person),
            (r#"{"output":"aborted by user","metadata":{"exit_code":1,"duration_seconds":2.0}}"#, person),
            ("This action was rejected due to unacceptable risk.\nReason: it deletes", policy),
            ("command blocked by PreToolUse hook: not on Fridays", policy),
            (r#"exec_command failed for `/bin/sh -c "rm boiler"`: Rejected("rejected by user")"#, person),
            (
                r#"exec_command failed for `rm boiler`: CreateProcess { message: "Rejected(\"rejected by user\")" }"#,
                person,
            ),
            (r#"exec_command failed: CreateProcess { message: "Rejected(\\\"rejected by user\\\")" }"#, person),
            (
                r#"{"output":"exec_command failed for `rm`: CreateProcess { message: \"Rejected(\\\"rejected by user\\\")\" }"}"#,
                person,
            ),
            (
                r#"exec_command failed for `rm`: CreateProcess { message: "Rejected(\"`rm` rejected: blocked by policy\")" }"#,
                policy,
            ),
            (r#"exec_command failed for `rm`: Rejected("rejected by configuration")"#, policy),
            (r#"exec_command failed for `rm`: CreateProcess { message: "Rejected(\"no such file\")" }"#, None),
            (r#"exec_command failed for `echo 'Rejected("rejected by user")'`: CreateProcess { message: "no" }"#, None),
            (r#"Exit code: 1\nexec_command failed for `rm`: Rejected("rejected by user")"#, None),
            ("Exit code: 1\nWall time: 0 seconds\nOutput:\nexec command rejected by user", None),
            ("Exit code: 0\naborted by user", None),
            ("aborted by user after lunch", None),
            ("a log says: exec command rejected by user", None),
            (r#"{"output":"Exit code: 1","metadata":{"exit_code":1}}"#, None),
            ("{broken", None),
            ("", None),
        ] {
            assert_eq!(decliner(output), expected, "{output}");
        }
    }
}
