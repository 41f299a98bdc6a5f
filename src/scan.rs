//! The walk: which transcripts there are, by stat only. Links are not followed, nothing is opened.

use crate::error::{Error, Result, Status};
use crate::source::{Layout, Source};
use crate::stat::Stat;
use sessionmill_contract::SourceFile;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// A transcript, or something in its place.
#[derive(Debug)]
pub struct Found {
    pub file: SourceFile,
    /// Position of its source in the list that was walked.
    pub source: usize,
    /// Path below the source's root.
    pub path: PathBuf,
    /// Or the reason for not taking it.
    pub stat: std::result::Result<Stat, &'static str>,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Walk {
    /// Ordered by `session_file`.
    pub found: Vec<Found>,
    /// Sources that were seen whole: what is not in `found` is not there.
    pub complete: Vec<bool>,
    /// Folders that could not be read, with the reason.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl Walk {
    /// Whether all of a source was seen. One that is empty all at once is taken for one that is not
    /// mounted.
    pub fn is_whole(&self, source: usize) -> bool {
        self.complete.get(source) == Some(&true) && self.found.iter().any(|found| found.source == source)
    }
}

/// Walks the sources.
///
/// # Errors
///
/// If a root is missing or no folder, or is one level too deep.
pub fn sessions(sources: &[Source], login: &str) -> Result<Walk> {
    let mut walk = Walk::default();
    for (number, source) in sources.iter().enumerate() {
        check(source)?;
        let complete = one(number, source, login, &mut walk);
        walk.complete.push(complete);
    }
    walk.found.sort_by(|a, b| (&a.file, a.source).cmp(&(&b.file, b.source)));
    let mut seen = HashSet::new();
    for found in &mut walk.found {
        if !seen.insert(&found.file.session_file) {
            found.stat = Err("another source has a file of this name");
        }
    }
    Ok(walk)
}

/// Whether `path` is named like a transcript.
fn is_transcript(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}

/// Walks one source; false if some of it could not be seen.
fn one(number: usize, source: &Source, login: &str, walk: &mut Walk) -> bool {
    let mut complete = true;
    for entry in WalkDir::new(&source.root).min_depth(1) {
        let entry = match entry {
            Ok(entry) => entry,
            // Gone between the listing and the look: as if it had not been there.
            Err(error) if error.io_error().is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound) => continue,
            Err(error) => {
                complete = false;
                let reason = error.io_error().map_or("cannot be walked".to_owned(), |io| io.kind().to_string());
                walk.unreadable.push((error.path().unwrap_or(&source.root).to_owned(), reason));
                continue;
            }
        };
        if entry.file_type().is_dir() || !is_transcript(entry.path()) {
            continue;
        }
        let Ok(path) = entry.path().strip_prefix(&source.root) else { continue };
        let outside = source.layout == Layout::Users && entry.depth() == 1;
        let stat = if outside {
            Err("directly in the root, in no user's folder")
        } else if entry.file_type().is_symlink() {
            Err("a symbolic link")
        } else if !entry.file_type().is_file() {
            Err("not a regular file")
        } else {
            match entry.metadata() {
                Ok(metadata) => Ok(Stat::from(&metadata)),
                Err(_) => continue,
            }
        };
        walk.found.push(Found { file: name(path, source.layout, login), source: number, path: path.to_owned(), stat });
    }
    complete
}

/// The ledger's name of a path below the root.
fn name(path: &Path, layout: Layout, login: &str) -> SourceFile {
    let below = key(path);
    match layout {
        Layout::ClaudeProjects => SourceFile::new(format!("{login}/{below}"), login),
        Layout::Users => {
            let user = below.split('/').next().unwrap_or_default().to_owned();
            SourceFile::new(below, user)
        }
    }
}

/// The path as text, reversible for any file name: bytes that are not UTF-8, and `%`, are written
/// as `%XX`.
fn key(path: &Path) -> String {
    let mut key = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        key.push_str(&chunk.valid().replace('%', "%25"));
        chunk.invalid().iter().for_each(|byte| key.push_str(&format!("%{byte:02X}")));
    }
    key
}

/// Refuses roots that cannot be meant.
fn check(source: &Source) -> Result<()> {
    let root = source.root.display();
    let metadata = std::fs::metadata(&source.root).map_err(|error| {
        Error::cannot("read", &root, error.kind()).hint("is the folder mounted? name another with --sessions DIR")
    })?;
    if !metadata.is_dir() {
        return Err(Error::cannot("read", &root, "not a folder").hint("name the folder that holds the users' folders"));
    }
    if is_too_deep(&source.root) {
        let parent = source.root.canonicalize().ok().and_then(|root| root.parent().map(Path::to_owned));
        let folders = match source.layout {
            Layout::Users => "users'",
            Layout::ClaudeProjects => "projects'",
        };
        let message = format!("`{root}` holds transcripts itself, where the {folders} folders should be");
        let error = Error::new(Status::Usage, message);
        return Err(match parent {
            Some(parent) => error.hint(format!("one level up: --sessions {}", parent.display())),
            None => error,
        });
    }
    Ok(())
}

/// Transcripts directly in the root, and no folder with transcripts but those of their subagents.
fn is_too_deep(root: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(root) else { return false };
    let (mut transcripts, mut folders) = (HashSet::new(), Vec::new());
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            Ok(kind) if kind.is_file() && is_transcript(&entry.path()) => {
                transcripts.extend(entry.path().file_stem().map(OsStr::to_owned));
            }
            _ => {}
        }
    }
    let of_a_session = |folder: &PathBuf| folder.file_name().is_some_and(|name| transcripts.contains(name));
    let holds_transcripts =
        |folder: &PathBuf| WalkDir::new(folder).into_iter().flatten().any(|entry| is_transcript(entry.path()));
    !transcripts.is_empty() && !folders.iter().any(|folder| !of_a_session(folder) && holds_transcripts(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_key_tells_any_two_names_apart() {
        let of = |bytes: &[u8]| key(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"ada/caf\xc3\xa9.jsonl"), "ada/café.jsonl");
        assert_eq!(of(b"ada/\xff.jsonl"), "ada/%FF.jsonl");
        assert_eq!(of(b"ada/%FF.jsonl"), "ada/%25FF.jsonl");
    }

    #[test]
    fn the_user_is_the_first_folder_or_the_login() {
        let file = name(Path::new("ada/p/s.jsonl"), Layout::Users, "root");
        assert_eq!((file.session_file.as_str(), file.username.as_str()), ("ada/p/s.jsonl", "ada"));
        let file = name(Path::new("-home-ada-p/s.jsonl"), Layout::ClaudeProjects, "ada");
        assert_eq!((file.session_file.as_str(), file.username.as_str()), ("ada/-home-ada-p/s.jsonl", "ada"));
    }
}
