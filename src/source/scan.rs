//! The walk: finds the source files below the roots. It reads names and stats only; no file is opened and no link is
//! followed.
//!
//! Folders are opened beneath their root, as files are. So a folder that is replaced by a link during the walk does not
//! lead outside of the root.

use crate::base::error::{Error, Result, Status, cause};
use crate::source::access;
use crate::source::compression::Compression;
use crate::source::ledger::Ledger;
use crate::source::open::Root;
use crate::source::rejection::Rejection;
use crate::source::stat::Stat;
use crate::source::{Layout, Source};
use rustix::fs::FileType;
use rustix::io::Errno;
use sessionmill_contract::SourceFile;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A source file, or something else with the name of one.
#[derive(Debug)]
pub struct Found {
    pub file: SourceFile,
    /// The position of its source in the walked list.
    pub source: usize,
    /// The path below the source's root.
    pub path: PathBuf,
    /// The stat, or why the file is not read.
    pub stat: std::result::Result<Stat, Rejection>,
}

/// The most bytes of a path below a root that can be opened.
const LONGEST: usize = 4095;

/// The result of a walk.
#[derive(Debug, Default)]
pub struct Walk {
    /// Ordered by `session_file`.
    pub found: Vec<Found>,
    /// Folders that could not be listed completely. Files below them are not known to be deleted.
    pub unseen: Vec<Unseen>,
    /// Links that may stand for a folder. They are not followed.
    pub links: Vec<Link>,
}

/// A link that may stand for a folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The path below the source's root, as text.
    pub name: String,
    pub source: usize,
    /// The prefix that its files would have in the ledger.
    pub folder: String,
}

/// A folder that could not be listed completely.
#[derive(Debug)]
pub struct Unseen {
    pub source: usize,
    /// The path below the source's root.
    pub path: PathBuf,
    /// The prefix that its files would have in the ledger.
    pub folder: String,
    pub reason: String,
}

/// What an entry of a folder is.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    /// A source file, or something else with the name of one.
    Transcript(FileType, Stat),
    Link,
    /// It may be a folder, but the file system does not say.
    Unseen(Errno),
    /// Another file.
    File,
    Nothing,
}

impl Entry {
    /// Decides what an entry is, from its type in the listing and a stat of it if one was needed. If the stat fails,
    /// only this entry is affected: a file counts as found, and opening it will show what is wrong.
    fn of(kind: FileType, is_transcript: bool, looked: Option<rustix::io::Result<(FileType, Stat)>>) -> Self {
        let (kind, stat) = match looked {
            None => (kind, None),
            Some(Ok((kind, stat))) => (kind, Some(stat)),
            // It was removed between the listing and the stat, so it counts as absent.
            Some(Err(Errno::NOENT)) => return Self::Nothing,
            Some(Err(error)) if kind == FileType::Unknown && !is_transcript => return Self::Unseen(error),
            Some(Err(_)) if kind == FileType::Unknown => (FileType::RegularFile, Some(Stat::UNKNOWN)),
            Some(Err(_)) => (kind, Some(Stat::UNKNOWN)),
        };
        match (kind, stat) {
            (FileType::Directory, _) => Self::Folder,
            (_, Some(stat)) if is_transcript => Self::Transcript(kind, stat),
            (FileType::Symlink, _) => Self::Link,
            (FileType::RegularFile, _) => Self::File,
            _ => Self::Nothing,
        }
    }
}

/// Opens the roots of the sources.
///
/// # Errors
///
/// If a root is missing or is not a folder.
pub fn roots(sources: &[Source]) -> Result<Vec<Root>> {
    sources.iter().map(|source| root(&source.root)).collect()
}

/// The hint for a missing root.
const MISSING: &str = "is the folder mounted? name another with --sessions DIR; if a known source has moved: \
                       `sessionmill sources moved NAME DIR`";

fn root(path: &Path) -> Result<Root> {
    Root::open(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            access::closed(path).unwrap_or_else(|| Error::cannot("read", path.display(), error))
        }
        ErrorKind::NotADirectory => {
            Error::cannot("read", path.display(), "not a folder").hint("name the folder that holds the users' folders")
        }
        _ => Error::cannot("read", path.display(), error).hint(MISSING),
    })
}

/// Walks the sources. `roots` are their opened roots.
///
/// # Errors
///
/// If a root cannot be listed, or is a folder one level too deep.
pub fn sessions(sources: &[Source], roots: &[Root], login: &str) -> Result<Walk> {
    let walks = sources.iter().zip(roots).map(|(source, root)| one(source, root, login)).collect::<Result<_>>()?;
    Ok(Walk::of(walks).share_names(&Ledger::default()).0)
}

/// Opens and walks each source by itself, so that one that cannot be walked does not affect the others.
pub fn each(sources: &[Source], login: &str) -> Vec<Result<(Root, Walk)>> {
    let walk = |source: &Source| {
        let root = root(&source.root)?;
        let walk = one(source, &root, login)?;
        Ok((root, walk))
    };
    sources.iter().map(walk).collect()
}

/// Walks a single source.
fn one(source: &Source, root: &Root, login: &str) -> Result<Walk> {
    let owner = source.owner(login);
    let mut branch = Branch { number: 0, source, root, owner, walk: Walk::default(), folders: vec![PathBuf::new()] };
    while let Some(folder) = branch.folders.pop() {
        if let Err(error) = branch.folder(&folder) {
            branch.unseen(&folder, error)?;
        }
    }
    if is_too_deep(source, &branch.walk.found) {
        return Err(too_deep(source));
    }
    reject_twins(&mut branch.walk.found, owner);
    Ok(branch.walk)
}

impl Walk {
    /// Joins the walks of several sources.
    pub fn of(walks: Vec<Self>) -> Self {
        let mut walk = Self::default();
        for (number, Self { mut found, mut unseen, mut links }) in walks.into_iter().enumerate() {
            found.iter_mut().for_each(|found| found.source = number);
            unseen.iter_mut().for_each(|unseen| unseen.source = number);
            links.iter_mut().for_each(|link| link.source = number);
            walk.found.extend(found);
            walk.unseen.extend(unseen);
            walk.links.extend(links);
        }
        walk.found.sort_by(|a, b| (&a.file, a.source).cmp(&(&b.file, b.source)));
        walk.unseen.sort_by(|a, b| (&a.folder, a.source).cmp(&(&b.folder, b.source)));
        walk.links.sort();
        walk
    }

    /// Resolves names that files of several sources share. One file keeps the name: that of the source in the ledger,
    /// else the first that can be read. The others are rejected as a clash. If the ledger's source cannot be walked
    /// now, all are rejected. Also returns the names of rejected files that are larger than the kept one, because they
    /// contain data that is not counted.
    #[must_use]
    pub fn share_names(mut self, ledger: &Ledger) -> (Self, Vec<String>) {
        let mut larger = Vec::new();
        for same in self.found.chunk_by_mut(|a, b| a.file.session_file == b.file.session_file) {
            let known = ledger.files.get(same[0].file.session_file.as_str());
            if known.is_some_and(|known| known.is_held) {
                same.iter_mut().for_each(|found| found.stat = Err(Rejection::Clash));
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
                found.stat = Err(Rejection::Clash);
            }
        }
        (self, larger)
    }
}

/// Whether a path is directly in the root.
fn is_in_root(path: &Path) -> bool {
    path.parent().is_some_and(|parent| parent.as_os_str().is_empty())
}

/// Whether a path is named like a source file, ignoring case.
fn is_named_alike(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
}

/// Whether a path is named like a compressed source file, ignoring case.
fn is_compressed(path: &Path) -> bool {
    const EXTENSIONS: [&str; 11] = ["7z", "br", "bz2", "gz", "lz4", "lzma", "xz", "z", "zip", "zst", "zstd"];
    let has = |extension: &OsStr| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(has) && path.file_stem().is_some_and(|plain| is_named_alike(Path::new(plain)))
}

/// If a source file is there in several forms, keeps the preferred one. The others are rejected under their full names,
/// with the suffix of the compression.
fn reject_twins(found: &mut [Found], owner: Option<&str>) {
    let mut taken: HashMap<PathBuf, Compression> = HashMap::new();
    for found in found.iter() {
        let Some(form) = Compression::of(&found.path) else { continue };
        let taken = taken.entry(form.plain(&found.path)).or_insert(form);
        *taken = form.min(*taken);
    }
    for found in found {
        let form = Compression::of(&found.path);
        // A file that another program compressed is a twin too.
        let plain = form.unwrap_or(Compression::Gzip).plain(&found.path);
        if taken.get(&plain).is_some_and(|taken| Some(*taken) != form) {
            found.stat = Err(Rejection::Twin);
            found.file = stored_name(&found.path, owner);
        }
    }
}

/// The state of the walk of one source.
struct Branch<'w> {
    number: usize,
    source: &'w Source,
    root: &'w Root,
    owner: Option<&'w str>,
    walk: Walk,
    /// Folders that are still to be listed.
    folders: Vec<PathBuf>,
}

impl Branch<'_> {
    /// Lists one folder.
    fn folder(&mut self, below: &Path) -> rustix::io::Result<()> {
        let folder = self.root.folder(below)?;
        let mut entries = Vec::new();
        let listed = folder.entries(&mut entries);
        if !entries.is_empty() && folder.is_closed() {
            return Err(Errno::ACCESS);
        }
        let is_mailbox = below.as_os_str().is_empty() && folder.is_mailbox();
        for (name, kind) in entries {
            let path = below.join(&name);
            // Some file systems do not report types in a listing.
            let looked = (kind == FileType::Unknown || Compression::of(&path).is_some()).then(|| folder.look(&name));
            let has_more_names = matches!(looked, Some(Ok((.., true))));
            let looked = looked.map(|looked| looked.map(|(kind, stat, _)| (kind, stat)));
            match Entry::of(kind, Compression::of(&path).is_some(), looked) {
                Entry::Folder if path.as_os_str().len() > LONGEST => self.too_long(path),
                Entry::Transcript(..) if path.as_os_str().len() > LONGEST => self.too_long(path),
                Entry::Folder if is_mailbox && !folder.is_of_its_user(&name) => {
                    self.add(path, Err(Rejection::OfAnotherUser));
                }
                Entry::Folder => self.folders.push(path),
                Entry::Transcript(kind, stat) => self.found(path, kind, stat, has_more_names),
                Entry::Link => self.link(&path),
                Entry::Unseen(error) => self.add_unseen(&path, error),
                Entry::File if is_compressed(&path) => self.add(path, Err(Rejection::Compressed)),
                Entry::File if is_named_alike(&path) => self.add(path, Err(Rejection::Misnamed)),
                Entry::File | Entry::Nothing => {}
            }
        }
        listed
    }

    /// Rejects a path that is too long to be opened. For a folder, nothing below it is read.
    fn too_long(&mut self, path: PathBuf) {
        let file = name(&path, self.owner);
        self.walk.found.push(Found { file, source: self.number, path, stat: Err(Rejection::TooLong) });
    }

    fn link(&mut self, path: &Path) {
        let folder = name(path, self.owner).session_file;
        self.walk.links.push(Link { name: key(path), source: self.number, folder });
    }

    fn found(&mut self, path: PathBuf, kind: FileType, stat: Stat, has_more_names: bool) {
        let stat = match kind {
            FileType::RegularFile if self.source.layout == Layout::Users && is_in_root(&path) => Err(Rejection::InRoot),
            // Also checked when the file is opened, but it may have lost its other names by then.
            FileType::RegularFile if has_more_names => Err(Rejection::HardLinked),
            FileType::RegularFile => Ok(stat),
            FileType::Symlink => Err(Rejection::Link),
            _ => Err(Rejection::NotRegular),
        };
        self.add(path, stat);
    }

    fn add(&mut self, path: PathBuf, stat: std::result::Result<Stat, Rejection>) {
        let file = name(&path, self.owner);
        self.walk.found.push(Found { file, source: self.number, path, stat });
    }

    fn unseen(&mut self, folder: &Path, error: Errno) -> Result<()> {
        match error {
            _ if folder.as_os_str().is_empty() => {
                let error = Error::cannot("read", self.source.root.display(), error);
                return Err(error.hint("may this user list the folder?"));
            }
            // It was removed or replaced since, so it counts as absent.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => {}
            _ => self.add_unseen(folder, error),
        }
        Ok(())
    }

    fn add_unseen(&mut self, path: &Path, error: Errno) {
        let folder = name(path, self.owner).session_file;
        let (path, reason) = (path.to_owned(), cause(&error.into()));
        self.walk.unseen.push(Unseen { source: self.number, path, folder, reason });
    }
}

/// The ledger's name for a path below the root. It does not show how the file is compressed.
fn name(path: &Path, owner: Option<&str>) -> SourceFile {
    match Compression::of(path) {
        Some(form) => stored_name(&form.plain(path), owner),
        None => stored_name(path, owner),
    }
}

/// The ledger's name for a path, including a suffix of compression.
fn stored_name(path: &Path, owner: Option<&str>) -> SourceFile {
    let below = key(path);
    match owner {
        Some(owner) => SourceFile::new(format!("{owner}/{below}"), owner),
        None => {
            let user = below.split('/').next().unwrap_or_default().to_owned();
            SourceFile::new(below, user)
        }
    }
}

/// The path as text that can be converted back: `%`, and bytes that are not UTF-8, become `%XX`.
pub fn key(path: &Path) -> String {
    let mut key = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        key.push_str(&chunk.valid().replace('%', "%25"));
        chunk.invalid().iter().for_each(|byte| key.push_str(&format!("%{byte:02X}")));
    }
    key
}

/// Whether the root is one level too deep: source files are directly in it, and nothing else except files of their
/// subagents. Codex keeps its oldest and archived rollouts in that way, so for its layout only the folder of a day,
/// month or year is too deep.
fn is_too_deep(source: &Source, found: &[Found]) -> bool {
    let is_number = |name: &OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    if source.layout == Layout::CodexSessions && !source.root.file_name().is_some_and(is_number) {
        return false;
    }
    let in_root = |found: &&Found| {
        is_in_root(&found.path) && matches!(found.stat, Ok(_) | Err(Rejection::InRoot | Rejection::HardLinked))
    };
    let session = |found: &Found| Some(Compression::of(&found.path)?.plain(&found.path).file_stem()?.to_owned());
    let sessions: HashSet<_> = found.iter().filter(in_root).filter_map(session).collect();
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
    fn a_failed_stat_affects_its_own_entry_only() {
        use FileType::{Directory, RegularFile, Symlink, Unknown};
        for error in [Errno::IO, Errno::ACCESS, Errno::LOOP, Errno::STALE, Errno::NAMETOOLONG] {
            let failed = |kind, is_transcript| Entry::of(kind, is_transcript, Some(Err(error)));
            assert_eq!(failed(RegularFile, true), Entry::Transcript(RegularFile, Stat::UNKNOWN), "{error}");
            assert_eq!(failed(Unknown, true), Entry::Transcript(RegularFile, Stat::UNKNOWN), "{error}");
            assert_eq!(failed(Symlink, true), Entry::Transcript(Symlink, Stat::UNKNOWN), "it is rejected");
            assert_eq!(failed(Directory, true), Entry::Folder, "to list it tells what is wrong");
            assert_eq!(failed(Unknown, false), Entry::Unseen(error), "it may be a folder");
        }
        assert_eq!(Entry::of(RegularFile, true, Some(Err(Errno::NOENT))), Entry::Nothing);
        assert_eq!(Entry::of(RegularFile, false, None), Entry::File);
        assert_eq!(Entry::of(Unknown, false, Some(Ok((Directory, Stat::UNKNOWN)))), Entry::Folder);
    }

    #[test]
    fn different_paths_have_different_names() {
        let of = |bytes: &[u8]| key(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(of(b"ada/caf\xc3\xa9.jsonl"), "ada/café.jsonl");
        assert_eq!(of(b"ada/\xff.jsonl"), "ada/%FF.jsonl");
        assert_eq!(of(b"ada/%FF.jsonl"), "ada/%25FF.jsonl");
    }

    #[test]
    fn a_compressed_transcript_is_known_by_its_name() {
        for (name, known) in [
            ("a/rollout-1.jsonl.zst", true),
            ("s.jsonl.gz", true),
            ("s.jsonl.xz", true),
            ("s.jsonl.ZST", true),
            ("s.Jsonl.gz", true),
            ("s.JSONL.7z", true),
            ("s.jsonl.zstd", true),
            ("s.jsonl.Z", true),
            ("s.jsonl.lzma", true),
            ("s.JSONL", false),
            ("s.jsonl", false),
            ("s.json.gz", false),
            ("s.gz", false),
            ("jsonl.gz", false),
            ("s.jsonl.gz.part", false),
            ("s.jsonl.zst/x", false),
        ] {
            assert_eq!(is_compressed(Path::new(name)), known, "{name}");
        }
    }

    #[test]
    fn the_user_is_the_first_folder_or_the_owner() {
        let names = |path: &str, source: &Source| {
            let SourceFile { session_file, username, .. } = name(Path::new(path), source.owner("root"));
            (session_file, username)
        };
        let told = |name: &str, user: &str| (name.to_owned(), user.to_owned());
        let users = Source::new("a", "/a", Layout::Users);
        assert_eq!(names("ada/p/s.jsonl", &users), told("ada/p/s.jsonl", "ada"));
        let projects = Source::new("a", "/a", Layout::ClaudeProjects);
        assert_eq!(names("-home-ada-p/s.jsonl", &projects), told("root/-home-ada-p/s.jsonl", "root"));
        let of_ada = Source { user: Some("ada".into()), ..projects };
        assert_eq!(names("-home-ada-p/s.jsonl", &of_ada), told("ada/-home-ada-p/s.jsonl", "ada"));
    }
}
