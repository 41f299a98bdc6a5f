//! What a call is about to do (change a file or run a command), and what it changed.
//!
//! Lines are counted in the JSON text itself, where a line feed is written as `\n`. So a large file need not be copied
//! to count its lines.

use super::record::{Block, Input};
use crate::dialect::json::{Fields, Object, Raw, skip};
use serde::Deserialize;
use serde::de::MapAccess;
use sessionmill_contract::{Edit, Lines, Work};

/// What a tool call is about to do.
pub(super) fn of<'a>(tool: &str, block: &'a Block<'_>) -> Work<'a> {
    let Input { command, file_path, notebook_path, old_string, new_string, content, edits, new_source, .. } =
        &block.input;
    let lines = match tool {
        "Bash" | "PowerShell" => return command.get().map_or(Work::Other, Work::Command),
        "Edit" => changed(*old_string, *new_string),
        "MultiEdit" => {
            let edits: Vec<Object<Change<'_>>> =
                edits.and_then(|edits| serde_json::from_str(edits.0).ok()).unwrap_or_default();
            let edits = edits.into_iter().filter_map(|Object(change)| change);
            let lines = edits.map(|change| changed(change.old, change.new));
            lines.fold(Lines::default(), |all, one| Lines {
                added: all.added + one.added,
                removed: all.removed + one.removed,
            })
        }
        "Write" => changed(None, *content),
        "NotebookEdit" => changed(None, *new_source),
        _ => return Work::Other,
    };
    match file_path.get().or(notebook_path.get()) {
        Some(files) => Work::Edit(Edit { files, lines }),
        None => Work::Other,
    }
}

/// The replacement of a text by another.
#[derive(Default)]
struct Change<'de> {
    old: Option<Raw<'de>>,
    new: Option<Raw<'de>>,
}

impl<'de> Fields<'de> for Change<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "old_string" => self.old = Some(map.next_value()?),
            "new_string" => self.new = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The numbers of added and removed lines, without common lines at the beginning and the end of both texts.
fn changed(old: Option<Raw<'_>>, new: Option<Raw<'_>>) -> Lines {
    let (old, new) = (lines(old), lines(new));
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[same..], &new[same..]);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    Lines { added: (new.len() - same) as u64, removed: (old.len() - same) as u64 }
}

/// A hunk of a patch. Its lines begin with `+`, `-` or a space.
#[derive(Deserialize)]
struct Hunk {
    lines: Vec<String>,
}

/// The numbers of lines that a patch changes. `None` for a new file, whose patch is empty.
pub(super) fn patched(Raw(patch): Raw<'_>) -> Option<Lines> {
    let hunks: Vec<Hunk> = serde_json::from_str(patch).ok()?;
    let count = |sign| hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.starts_with(sign)).count() as u64;
    (!hunks.is_empty()).then(|| Lines { added: count('+'), removed: count('-') })
}

/// The lines of a JSON string, still escaped.
fn lines(raw: Option<Raw<'_>>) -> Vec<&str> {
    let text = raw.map(|Raw(text)| text).and_then(|raw| raw.strip_prefix('"')?.strip_suffix('"')).unwrap_or_default();
    let (mut lines, mut start, mut at) = (Vec::new(), 0, 0);
    let bytes = text.as_bytes();
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        let escape = at + found;
        if bytes.get(escape + 1) == Some(&b'n') {
            lines.push(&text[start..escape]);
            start = escape + 2;
        }
        at = escape + 2;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stay_are_no_change() {
        for (old, new, expected) in [
            (r#""""#, r#""""#, (0, 0)),
            (r#""a""#, r#""a""#, (0, 0)),
            (r#""a\nb\nc""#, r#""a\nx\nc""#, (1, 1)),
            (r#""a\nc""#, r#""a\nb\nc""#, (1, 0)),
            (r#""a\nb\nc\n""#, r#""c\n""#, (0, 2)),
            (r#""""#, r#""a\nb\n""#, (2, 0)),
            (r#""a\\nb""#, r#""é\t\n""#, (1, 1)),
            ("null", r#""a\n\nb""#, (3, 0)),
            ("7", "[]", (0, 0)),
        ] {
            let Lines { added, removed } = changed(Some(Raw(old)), Some(Raw(new)));
            assert_eq!((added, removed), expected, "{old} {new}");
        }
    }

    #[test]
    fn a_patch_shows_what_changed_but_that_of_a_new_file_is_empty() {
        let lines = |patch| patched(Raw(patch)).map(|Lines { added, removed }| (added, removed));
        let patch = r#"[{"oldStart": 1, "lines": [" a", "-b", "+c", "+d", "\\ No newline at end of file"]}, {"lines": ["--"]}]"#;
        assert_eq!(lines(patch), Some((2, 2)));
        for nothing in ["[]", "{}", "null", "[7]", r#"[{"lines": 7}]"#, r#"[{"lines": [7]}]"#, "[{}]"] {
            assert_eq!(lines(nothing), None, "{nothing}");
        }
    }
}
