//! What a call is about to do: apply a patch, or run a command.
//!
//! A patch is an argument of `apply_patch`, or part of a command that passes it on:
//!
//! ```text
//! *** Begin Patch
//! *** Update File: src/mill.rs
//! @@
//! -    grind();
//! +    grind(2);
//! *** End Patch
//! ```

use crate::dialect::json::Raw;
use serde_json::Value;
use sessionmill_contract::Lines;

/// What a call is about to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Edit { files: String, lines: Lines },
    Command(String),
}

/// What a call is about to do, by its tool and its arguments.
pub(super) fn of(tool: &str, arguments: Option<Raw<'_>>, input: &str) -> Option<Plan> {
    let command = match tool {
        "apply_patch" => return patch(input).or_else(|| patch(&text(&json(arguments)?, "input")?)),
        "exec_command" => text(&json(arguments)?, "cmd")?,
        "shell" | "shell_command" | "container.exec" => text(&json(arguments)?, "command")?,
        _ => return None,
    };
    if command.contains("*** Begin Patch") { patch(&command) } else { Some(Plan::Command(command)) }
}

/// Parses arguments, which are JSON inside a string.
fn json(arguments: Option<Raw<'_>>) -> Option<Value> {
    let text: String = serde_json::from_str(arguments?.0).ok()?;
    serde_json::from_str(&text).ok()
}

/// A text, or a command given as a list of words: for `bash -lc COMMAND` that is COMMAND.
fn text(arguments: &Value, name: &str) -> Option<String> {
    match arguments.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            match words[..] {
                [_, flag, command] if flag.starts_with('-') => Some(command.to_owned()),
                _ => Some(words.join(" ")),
            }
        }
        _ => None,
    }
}

fn patch(text: &str) -> Option<Plan> {
    let (_, body) = text.split_once("*** Begin Patch")?;
    let (mut files, mut lines) = (Vec::new(), Lines::default());
    for line in body.lines().take_while(|line| !line.starts_with("*** End Patch")) {
        let file = ["*** Update File: ", "*** Add File: ", "*** Delete File: "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark));
        match line.bytes().next() {
            _ if file.is_some() => files.extend(file),
            Some(b'+') => lines.added += 1,
            Some(b'-') => lines.removed += 1,
            _ => {}
        }
    }
    (!files.is_empty()).then(|| Plan::Edit { files: files.join("\n"), lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_patch_or_a_command() {
        let patch =
            "*** Begin Patch\n*** Update File: a.rs\n@@\n-x\n+y\n+z\n*** Add File: b.rs\n+b\n*** End Patch\n+no";
        let edit = || Some(Plan::Edit { files: "a.rs\nb.rs".to_owned(), lines: Lines { added: 3, removed: 1 } });
        let arguments = |value: Value| serde_json::to_string(&value.to_string()).unwrap();
        let command = |text: &str| Some(Plan::Command(text.to_owned()));
        assert_eq!(of("apply_patch", None, patch), edit());
        for (tool, value, expected) in [
            ("apply_patch", serde_json::json!({"input": patch}), edit()),
            (
                "shell",
                serde_json::json!({"command": ["bash", "-lc", format!("apply_patch <<'E'\n{patch}\nE")]}),
                edit(),
            ),
            ("shell", serde_json::json!({"command": ["git", "commit", "-m", "x"]}), command("git commit -m x")),
            ("exec_command", serde_json::json!({"cmd": "cargo test"}), command("cargo test")),
            ("exec_command", serde_json::json!({"command": "cargo test"}), None),
            ("view_image", serde_json::json!({"path": "a.png"}), None),
        ] {
            assert_eq!(of(tool, Some(Raw(&arguments(value))), ""), expected, "{tool}");
        }
    }
}
