//! An instruction file that agents read, such as `CLAUDE.md`: what it says, and since when.

use chrono::{DateTime, Utc};
use sessionmill_verification::rules::Gist;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The names of such files in a project, the most likely first.
pub(super) const NAMES: [&str; 3] = ["CLAUDE.md", "AGENTS.md", ".claude/CLAUDE.md"];

/// The most bytes of a file that is read. Nobody writes more by hand.
const MOST: u64 = 1 << 20;

/// The most different words in a passage. A longer passage is split into sentences.
const PASSAGE: usize = 40;

/// A file with its current content.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
    passages: Vec<Passage>,
    modified: Option<DateTime<Utc>>,
    /// When each line was last changed, according to git; empty outside of a repository.
    times: Vec<DateTime<Utc>>,
}

/// A paragraph, an item of a list, or a sentence of a long one.
#[derive(Debug)]
struct Passage {
    /// The line number, from 1.
    line: usize,
    gist: Gist,
}

/// Where a file says something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention {
    /// The line number, from 1.
    pub(super) line: usize,
    pub(super) since: Option<DateTime<Utc>>,
}

impl File {
    /// Reads a file; `None` if it does not exist or is not text.
    #[expect(clippy::disallowed_methods, reason = "a file of a project, whose name the database file cannot have")]
    pub(super) fn read(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(|file| file.is_file() && file.len() <= MOST)?;
        let text = std::fs::read_to_string(path).ok()?;
        let modified = metadata.modified().ok().map(DateTime::from);
        Some(Self { path: path.to_owned(), passages: passages(&text), text, modified, times: history(path) })
    }

    /// Where the file says something. The words that carry the meaning must match; the words around them need not.
    pub(super) fn says(&self, gist: &Gist) -> Option<Mention> {
        let passage = self.passages.iter().find(|passage| passage.gist.covers(gist))?;
        let committed = self.times.get(passage.line - 1).copied();
        Some(Mention { line: passage.line, since: committed.or(self.modified) })
    }
}

/// The passages of a Markdown text.
fn passages(text: &str) -> Vec<Passage> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (line, words) in (1..).zip(text.lines()) {
        let words = words.trim();
        let begins =
            words.starts_with(['-', '*', '+', '#', '|', '>']) || words.starts_with(|c: char| c.is_ascii_digit());
        match parts.last_mut() {
            _ if words.is_empty() => is_open = false,
            Some((_, part)) if is_open && !begins => {
                part.push(' ');
                part.push_str(words);
            }
            _ => {
                is_open = !words.starts_with('#');
                parts.push((line, words.to_owned()));
            }
        }
    }
    let passage = |line: usize, text: &str| Passage { line, gist: Gist::of(text) };
    let cut = |(line, text): (usize, String)| {
        let whole = passage(line, &text);
        if whole.gist.len() <= PASSAGE {
            return vec![whole];
        }
        text.split_inclusive(". ").map(|sentence| passage(line, sentence)).collect()
    };
    parts.into_iter().flat_map(cut).collect()
}

/// When each line of a file was last changed, from `git blame`; empty outside of a repository. The folder may belong to
/// another user: git refuses such repositories itself, and the options keep it from running commands that a repository
/// configures.
fn history(path: &Path) -> Vec<DateTime<Utc>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"])
        .args(["blame", "--line-porcelain", "--no-textconv", "--"])
        .arg(name)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if output.status.success() => times(&String::from_utf8_lossy(&output.stdout)),
        _ => Vec::new(),
    }
}

/// The times in the output of `git blame --line-porcelain`: for each line some headers, then a tab and the line.
fn times(blame: &str) -> Vec<DateTime<Utc>> {
    let (mut times, mut last) = (Vec::new(), DateTime::UNIX_EPOCH);
    for line in blame.lines() {
        if line.starts_with('\t') {
            times.push(last);
        } else if let Some(seconds) = line.strip_prefix("author-time ").and_then(|seconds| seconds.parse().ok()) {
            last = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Rules\n\n- Use US English in all\n  user-facing text.\n- Never commit generated files.\n\nTests \
                        run with `make check`.\n";

    #[test]
    fn a_passage_says_what_shares_its_words_of_meaning_and_denies_the_same() {
        let file =
            File { path: PathBuf::new(), text: String::new(), passages: passages(TEXT), modified: None, times: vec![] };
        let says = |text: &str| file.says(&Gist::of(text)).map(|place| place.line);
        assert_eq!(says("please use US English in the user-facing texts"), Some(3));
        assert_eq!(says("don't commit generated files"), Some(5));
        assert_eq!(says("commit generated files"), None);
        assert_eq!(says("use British English in the documentation"), None);
        assert_eq!(says("run the tests with `make check`"), Some(7));
        assert_eq!(says("I really think you should definitely use US English in user-facing text, please"), Some(3));

        // Words of several sentences together can seem to say something that no single sentence says.
        let words = |from: u32| (from..from + 20).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        let long = format!("Never commit {}. Generated {} files. A {}.\n", words(0), words(20), words(40));
        let file = File { passages: passages(&long), ..file };
        assert!(file.says(&Gist::of("don't commit generated files")).is_none());
        assert!(file.says(&Gist::of(&format!("never commit {}", words(0)))).is_some());
    }

    #[test]
    fn each_line_has_the_time_of_its_commit() {
        let blame = "1f 1 1 2\nauthor ada\nauthor-time 86400\n\t# Rules\n1f 2 2\nauthor-time 86400\n\t\n\
                     2e 3 3 1\nauthor-time 172800\n\tauthor-time 1\n";
        let days: Vec<_> = times(blame).iter().map(|time| time.timestamp() / 86_400).collect();
        assert_eq!(days, [1, 1, 2]);
    }
}
