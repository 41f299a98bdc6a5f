//! The walk: which transcripts there are, by stat only. Links are not followed, no file is opened.
//!
//! Folders are opened beneath their root like files are: one that becomes a link in the middle of
//! the walk does not lead it outside.

use crate::access;
use crate::error::{Error, Result, Status};
use crate::ledger::Ledger;
use crate::open::Root;
use crate::source::{Layout, Source};
use crate::stat::Stat;
use rustix::fs::FileType;
use rustix::io::Errno;
use sessionmill_contract::SourceFile;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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

/// The reason for taking no file of a source that cannot be meant; it has an alarm of its own.
pub const FROZEN: &str = "its root is on another device than before";

/// What a walk saw.
#[derive(Debug, Default)]
pub struct Walk {
    /// Ordered by `session_file`.
    pub found: Vec<Found>,
    /// Folders that could not be seen, or not all of them: what is below them is not known to be gone.
    pub unseen: Vec<Unseen>,
    /// Names of links that can stand for a folder; nobody looks where they lead to.
    pub links: Vec<String>,
}

/// A folder that could not be seen whole.
#[derive(Debug)]
pub struct Unseen {
    pub source: usize,
    /// Path below the source's root.
    pub path: PathBuf,
    /// Named as its files would be in the ledger.
    pub folder: String,
    pub reason: String,
}

/// Opens the roots of the sources.
///
/// # Errors
///
/// If a root is missing or no folder.
pub fn roots(sources: &[Source]) -> Result<Vec<Root>> {
    sources.iter().map(|source| root(&source.root)).collect()
}

fn root(path: &Path) -> Result<Root> {
    Root::open(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            access::closed(path).unwrap_or_else(|| Error::cannot("read", path.display(), error.kind()))
        }
        ErrorKind::NotADirectory => {
            Error::cannot("read", path.display(), "not a folder").hint("name the folder that holds the users' folders")
        }
        kind => {
            Error::cannot("read", path.display(), kind).hint("is the folder mounted? name another with --sessions DIR")
        }
    })
}

/// Walks the sources, which `roots` are the roots of.
///
/// # Errors
///
/// If a root cannot be listed, or is one level too deep.
pub fn sessions(sources: &[Source], roots: &[Root], login: &str) -> Result<Walk> {
    let walks = sources.iter().zip(roots).map(|(source, root)| one(source, root, login)).collect::<Result<_>>()?;
    let mut walk = Walk::of(walks);
    walk.share_names(&Ledger::default());
    Ok(walk)
}

/// Opens and walks each source by itself: one that cannot be walked costs itself only.
pub fn each(sources: &[Source], login: &str) -> Vec<Result<(Root, Walk)>> {
    let walk = |source: &Source| {
        let root = root(&source.root)?;
        let walk = one(source, &root, login)?;
        Ok((root, walk))
    };
    sources.iter().map(walk).collect()
}

/// The walk of a single source.
fn one(source: &Source, root: &Root, login: &str) -> Result<Walk> {
    let mut branch = Branch { number: 0, source, root, login, walk: Walk::default(), folders: vec![PathBuf::new()] };
    while let Some(folder) = branch.folders.pop() {
        if let Err(error) = branch.folder(&folder) {
            branch.unseen(&folder, error)?;
        }
    }
    if is_too_deep(source, &branch.walk.found) { Err(too_deep(source)) } else { Ok(branch.walk) }
}

impl Walk {
    /// Joins the walks of sources.
    pub fn of(walks: Vec<Self>) -> Self {
        let mut walk = Self::default();
        for (number, Self { mut found, mut unseen, links }) in walks.into_iter().enumerate() {
            found.iter_mut().for_each(|found| found.source = number);
            unseen.iter_mut().for_each(|unseen| unseen.source = number);
            walk.found.extend(found);
            walk.unseen.extend(unseen);
            walk.links.extend(links);
        }
        walk.found.sort_by(|a, b| (&a.file, a.source).cmp(&(&b.file, b.source)));
        walk.unseen.sort_by(|a, b| (&a.folder, a.source).cmp(&(&b.folder, b.source)));
        walk.links.sort();
        walk
    }

    /// Takes one file of each name: that of the source which had the name before, else the first. None where
    /// a source has it that cannot be walked now. Returns the names of those that are larger than the one
    /// that is taken: a copy of it that was not appended to is not.
    pub fn share_names(&mut self, ledger: &Ledger) -> Vec<String> {
        let mut larger = Vec::new();
        for same in self.found.chunk_by_mut(|a, b| a.file.session_file == b.file.session_file) {
            let known = ledger.files.get(same[0].file.session_file.as_str());
            if known.is_some_and(|known| known.is_held) {
                same.iter_mut().for_each(|found| found.stat = Err(CLASH));
                continue;
            }
            let owner = known.and_then(|known| same.iter().position(|found| Some(found.source) == known.source));
            let taken = owner.or_else(|| same.iter().position(|found| found.stat.is_ok())).unwrap_or_default();
            let size = |found: &Found| found.stat.as_ref().map_or(0, |stat| stat.size);
            let taken_size = size(&same[taken]);
            for (_, found) in same.iter_mut().enumerate().filter(|(place, _)| *place != taken) {
                if size(found) > taken_size {
                    larger.push(found.file.session_file.clone());
                }
                found.stat = Err(CLASH);
            }
        }
        larger
    }

    /// Leaves out what cannot be seen of some people, and their links.
    pub fn forget(&mut self, people: &BTreeSet<String>) {
        let is_of = |path: &str| people.contains(path.split('/').next().unwrap_or_default());
        self.unseen.retain(|unseen| !is_of(&unseen.folder));
        self.links.retain(|link| !is_of(link));
    }
}

/// The reason for taking no file whose name another source has.
pub const CLASH: &str = "another source has a file of this name";

const IN_ROOT: &str = "directly in the root, in no user's folder";

/// Whether a path below the root is one name.
fn is_in_root(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.as_os_str().is_empty())
}

/// Whether `path` is named like a transcript.
fn is_transcript(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("jsonl"))
}

/// The walk of one source.
struct Branch<'w> {
    number: usize,
    source: &'w Source,
    root: &'w Root,
    login: &'w str,
    walk: Walk,
    /// Still to be listed.
    folders: Vec<PathBuf>,
}

impl Branch<'_> {
    /// Lists one folder.
    fn folder(&mut self, below: &Path) -> rustix::io::Result<()> {
        let folder = self.root.folder(below)?;
        for (name, kind) in folder.entries()? {
            let path = below.join(&name);
            // Some file systems do not tell the type in the listing.
            let looked = (kind == FileType::Unknown || is_transcript(&path)).then(|| folder.look(&name)).transpose();
            let looked = match looked {
                Ok(looked) => looked,
                // Gone between the listing and the look: as if it had not been there.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            };
            let kind = looked.map_or(kind, |(kind, _)| kind);
            match (kind, looked) {
                (FileType::Directory, _) => self.folders.push(path),
                (_, Some((_, stat))) if is_transcript(&path) => self.found(path, kind, stat),
                (FileType::Symlink, _) => self.walk.links.push(key(&path)),
                _ => {}
            }
        }
        Ok(())
    }

    fn found(&mut self, path: PathBuf, kind: FileType, stat: Stat) {
        let stat = match kind {
            FileType::RegularFile if self.source.layout == Layout::Users && is_in_root(&path) => Err(IN_ROOT),
            FileType::RegularFile => Ok(stat),
            FileType::Symlink => Err("a symbolic link"),
            _ => Err("not a regular file"),
        };
        let file = name(&path, self.source.layout, self.login);
        self.walk.found.push(Found { file, source: self.number, path, stat });
    }

    fn unseen(&mut self, folder: &Path, error: Errno) -> Result<()> {
        match error {
            _ if folder.as_os_str().is_empty() => {
                let error = Error::cannot("read", self.source.root.display(), error.kind());
                return Err(error.hint("may this user list the folder?"));
            }
            // Gone, or something else by now: as if it had not been there.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => {}
            _ => {
                let (path, reason) = (folder.to_owned(), error.kind().to_string());
                let folder = name(folder, self.source.layout, self.login).session_file;
                self.walk.unseen.push(Unseen { source: self.number, path, folder, reason });
            }
        }
        Ok(())
    }
}

/// The ledger's name of a path below the root.
fn name(path: &Path, layout: Layout, login: &str) -> SourceFile {
    let below = key(path);
    match layout {
        Layout::ClaudeProjects | Layout::CodexSessions => SourceFile::new(format!("{login}/{below}"), login),
        Layout::Users => {
            let user = below.split('/').next().unwrap_or_default().to_owned();
            SourceFile::new(below, user)
        }
    }
}

/// The path as text, reversible for any file name: bytes that are not UTF-8, and `%`, are written
/// as `%XX`.
pub fn key(path: &Path) -> String {
    let mut key = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        key.push_str(&chunk.valid().replace('%', "%25"));
        chunk.invalid().iter().for_each(|byte| key.push_str(&format!("%{byte:02X}")));
    }
    key
}

/// Transcripts directly in the root, and no others but those of their subagents. Codex keeps its oldest and
/// its archived rollouts like that; there only the folder of a day, a month or a year is too deep.
fn is_too_deep(source: &Source, found: &[Found]) -> bool {
    let is_number = |name: &OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    if source.layout == Layout::CodexSessions && !source.root.file_name().is_some_and(is_number) {
        return false;
    }
    let in_root = |found: &&Found| is_in_root(&found.path) && matches!(found.stat, Ok(_) | Err(IN_ROOT));
    let sessions: HashSet<_> = found.iter().filter(in_root).filter_map(|found| found.path.file_stem()).collect();
    let of_a_session = |found: &Found| found.path.iter().next().is_some_and(|folder| sessions.contains(folder));
    !sessions.is_empty() && found.iter().all(|found| is_in_root(&found.path) || of_a_session(found))
}

fn too_deep(source: &Source) -> Error {
    let parent = source.root.canonicalize().ok().and_then(|root| root.parent().map(Path::to_owned));
    let folders = match source.layout {
        Layout::Users => "users'",
        Layout::ClaudeProjects => "projects'",
        Layout::CodexSessions => "days'",
    };
    let root = source.root.display();
    let message = format!("`{root}` holds transcripts itself, where the {folders} folders should be");
    let error = Error::new(Status::Usage, message);
    match parent {
        Some(parent) => error.hint(format!("one level up: --sessions {}", parent.display())),
        None => error,
    }
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
