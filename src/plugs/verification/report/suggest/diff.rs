//! Suggestions as a patch for `git apply` and `patch -p1`. New lines are added at the end of the section with their
//! heading. If the file has no such section, it is added at the end of the file.

use super::Page;
use super::page::{HEADINGS, one_line};
use std::fmt::Write as _;
use std::path::Path;

/// The number of context lines before and after new lines.
const CONTEXT: usize = 3;

/// Lines to insert before a line of the file, or at its end.
struct Insertion {
    at: usize,
    lines: Vec<String>,
}

/// The patch for a page's file, or for a new `CLAUDE.md`; empty if there is nothing to add.
pub(crate) fn diff(page: &Page) -> String {
    let old: Vec<&str> = page.text.as_deref().unwrap_or_default().lines().collect();
    let is_ended = page.text.as_deref().is_none_or(|text| text.is_empty() || text.ends_with('\n'));
    let insertions = insertions(page, &old);
    if insertions.is_empty() {
        return String::new();
    }
    let name = page.name.as_deref().unwrap_or(Path::new("CLAUDE.md")).display();
    let from = if page.file.is_some() { format!("a/{name}") } else { "/dev/null".to_owned() };
    let mut text = format!("--- {from}\n+++ b/{name}\n");
    let mut added = 0;
    // Insertions whose context lines touch or overlap are in the same hunk.
    for part in insertions.chunk_by(|one, next| next.at - one.at <= 2 * CONTEXT) {
        added += write_part(&mut text, part, &old, is_ended, added);
    }
    text
}

/// Writes a hunk, after hunks that added `before` lines. Returns the number of lines that it adds.
fn write_part(text: &mut String, part: &[Insertion], old: &[&str], is_ended: bool, before: usize) -> usize {
    let (first, last) = (part[0].at.saturating_sub(CONTEXT), part[part.len() - 1].at);
    let end = old.len().min(last + CONTEXT);
    let added = part.iter().map(|insertion| insertion.lines.len()).sum::<usize>();
    let place = |first: usize, lines: usize| if lines == 0 { "0,0".to_owned() } else { format!("{first},{lines}") };
    let _ =
        writeln!(text, "@@ -{} +{} @@", place(first + 1, end - first), place(first + 1 + before, end - first + added));
    let write = |text: &mut String, at: usize| {
        for line in part.iter().filter(|insertion| insertion.at == at).flat_map(|insertion| &insertion.lines) {
            let _ = writeln!(text, "+{line}");
        }
    };
    for (at, line) in (first..).zip(&old[first..end]) {
        write(text, at);
        let _ = match (is_ended || at + 1 < old.len(), last == old.len()) {
            (true, _) => writeln!(text, " {line}"),
            (false, true) => writeln!(text, "-{line}\n\\ No newline at end of file\n+{line}"),
            (false, false) => writeln!(text, " {line}\n\\ No newline at end of file"),
        };
    }
    if end == old.len() {
        write(text, end);
    }
    added
}

/// The new lines, in the order of the file.
fn insertions(page: &Page, old: &[&str]) -> Vec<Insertion> {
    let mut insertions: Vec<Insertion> = Vec::new();
    let mut last: Vec<String> = Vec::new();
    for (heading, is_rule) in HEADINGS.into_iter().zip([true, false]) {
        let lines = page.lines.iter().filter(|line| line.is_rule() == is_rule);
        let lines: Vec<_> = lines.map(|line| format!("- {}", one_line(&line.line))).collect();
        if lines.is_empty() {
            continue;
        }
        match end_of(heading, old) {
            Some(at) => insertions.push(Insertion { at, lines }),
            None => {
                if !last.is_empty() || !old.is_empty() {
                    last.push(String::new());
                }
                last.extend([format!("## {heading}"), String::new()]);
                last.extend(lines);
            }
        }
    }
    if !last.is_empty() {
        insertions.push(Insertion { at: old.len(), lines: last });
    }
    insertions.sort_by_key(|insertion| insertion.at);
    insertions
}

/// The end of the section with this heading.
fn end_of(heading: &str, old: &[&str]) -> Option<usize> {
    let is_heading = |line: &str| line.starts_with('#');
    let begin = old.iter().position(|line| is_heading(line) && line.trim_start_matches('#').trim() == heading)?;
    let end = old[begin + 1..].iter().position(|line| is_heading(line)).map_or(old.len(), |lines| begin + 1 + lines);
    let blank = old[begin..end].iter().rev().take_while(|line| line.trim().is_empty()).count();
    Some(end - blank)
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
    fn a_section_that_is_there_gets_the_lines() {
        let text = "# Shop\n\n## How to work\n\n- Use `npm`.\n\n## Who\n\nada\nbob\neve\nmax\n";
        let expected = "--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -3,6 +3,7 @@\n ## How to work\n \n - Use \
                        `npm`.\n+- Use `make`.\n \n ## Who\n \n@@ -10,3 +11,7 @@\n bob\n eve\n max\n+\n+## What to \
                        know\n+\n+- Nothing is stored.\n";
        assert_eq!(change(Some(text)), expected);
        // Both insertions are close to each other, and to a last line without a line break.
        let text = "## What to know\n\n- Tests are slow.\n\n## How to work\n- Use `npm`.\n\n# Who\nada";
        let expected = "--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -1,9 +1,11 @@\n ## What to know\n \n - Tests \
                        are slow.\n+- Nothing is stored.\n \n ## How to work\n - Use `npm`.\n+- Use `make`.\n \n # Who\n \
                        ada\n\\ No newline at end of file\n";
        assert_eq!(change(Some(text)), expected);
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        assert_eq!(change(None), format!("--- /dev/null\n+++ b/CLAUDE.md\n@@ -0,0 +1,7 @@\n{ADDED}"));
        assert!(change(Some("")).starts_with("--- a/docs/AGENTS.md\n+++ b/docs/AGENTS.md\n@@ -0,0 +1,7 @@\n"));
    }
}
