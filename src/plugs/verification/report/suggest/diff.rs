//! Suggestions as a change of the file that `git apply` and `patch -p1` take: the lines stand at its end.

use super::Page;
use super::page::{HEADINGS, one_line};
use std::path::Path;

/// Lines of the file that stand before the new ones.
const CONTEXT: usize = 3;

/// The change of a page's file, or of a new `CLAUDE.md`; empty if there is nothing to add.
pub(crate) fn diff(page: &Page) -> String {
    let added = added(page);
    if added.is_empty() {
        return String::new();
    }
    let name = page.name.as_deref().unwrap_or(Path::new("CLAUDE.md")).display();
    let old: Vec<&str> = page.text.as_deref().unwrap_or_default().lines().collect();
    let context = &old[old.len().saturating_sub(CONTEXT)..];
    let is_ended = page.text.as_deref().is_none_or(|text| text.is_empty() || text.ends_with('\n'));
    let mut hunk = String::new();
    for (number, line) in context.iter().enumerate() {
        match is_ended || number + 1 < context.len() {
            true => hunk.push_str(&format!(" {line}\n")),
            false => hunk.push_str(&format!("-{line}\n\\ No newline at end of file\n+{line}\n")),
        }
    }
    let gap = usize::from(!old.is_empty());
    hunk.push_str(&"+\n".repeat(gap));
    added.iter().for_each(|line| hunk.push_str(&format!("+{line}\n")));
    let first = old.len() - context.len() + 1;
    let place = |first: usize, lines: usize| if lines == 0 { "0,0".to_owned() } else { format!("{first},{lines}") };
    let from = if page.file.is_some() { format!("a/{name}") } else { "/dev/null".to_owned() };
    format!(
        "--- {from}\n+++ b/{name}\n@@ -{} +{} @@\n{hunk}",
        place(first, context.len()),
        place(first, context.len() + gap + added.len())
    )
}

/// The lines, under their headings.
fn added(page: &Page) -> Vec<String> {
    let mut added: Vec<String> = Vec::new();
    for (heading, is_rule) in HEADINGS.into_iter().zip([true, false]) {
        let lines: Vec<_> = page.lines.iter().filter(|line| line.is_rule() == is_rule).collect();
        if lines.is_empty() {
            continue;
        }
        if !added.is_empty() {
            added.push(String::new());
        }
        added.extend([format!("## {heading}"), String::new()]);
        added.extend(lines.iter().map(|line| format!("- {}", one_line(&line.line))));
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::verification::report::suggest::Line;
    use std::collections::BTreeSet;

    fn change(text: Option<&str>) -> String {
        let line = |line: &str, kind: &str| Line {
            item_id: String::new(),
            line: line.to_owned(),
            said_of: None,
            kind: kind.to_owned(),
            status: "pending".to_owned(),
            confidence: 1.0,
            times: 1,
            people: BTreeSet::new(),
            sessions: 1,
            last: None,
            quotes: Vec::new(),
            written: None,
        };
        diff(&Page {
            about: "shop".to_owned(),
            file: text.map(|_| "/src/shop/docs/AGENTS.md".into()),
            name: text.map(|_| "docs/AGENTS.md".into()),
            text: text.map(str::to_owned),
            lines: vec![line("Nothing is stored.", "correction"), line("Use `make`.", "instruction")],
            said_again: Vec::new(),
            prompts: Vec::new(),
            less_sure: Vec::new(),
            unsure: 0,
        })
    }

    const ADDED: &str = "+## How to work\n+\n+- Use `make`.\n+\n+## What to know\n+\n+- Nothing is stored.\n";

    #[test]
    fn the_lines_stand_at_the_end_of_the_file() {
        let expected = "--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -2,3 +2,11 @@\n b\n c\n d\n+\n";
        assert_eq!(change(Some("a\nb\nc\nd\n")), format!("{expected}{ADDED}"));
    }

    #[test]
    fn a_last_line_without_an_end_gets_one() {
        let expected = "--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -1,2 +1,10 @@\n a\n-b\n\\ No newline at end of \
                        file\n+b\n+\n";
        assert_eq!(change(Some("a\nb")), format!("{expected}{ADDED}"));
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        assert_eq!(change(None), format!("--- /dev/null\n+++ b/CLAUDE.md\n@@ -0,0 +1,7 @@\n{ADDED}"));
        assert!(change(Some("")).starts_with("--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -0,0 +1,7 @@\n"));
    }
}
