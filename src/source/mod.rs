//! Sources: root folders of source files, and what their subfolders mean.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`scan`] | the walk: which files there are |
//! | [`stat`] | what the file system says about a file |
//! | [`agents`] | where agents keep their logs |
//! | [`events`] | the event folder that commands of this program append to |
//! | [`alignment`] | matching the sources of a run with those of a database |
//! | [`access`] | what the user may read and write, and what would allow more |
//! | [`survey`] | how many files of a source the user can read, and what is in the way |
//! | [`ledger`] | what the database knows about each file |
//! | [`look`] | a look at a file's content, and what it proves |
//! | [`retry`] | when a failed file or key is retried, and when it is given up |
//! | [`rejection`] | why a file is not read |
//! | [`open`] | opening files and folders beneath their root, without following links |
//! | [`compression`] | plain, gzip or zstd |
//! | [`passage`] | pieces of the text of a file |

pub mod access;
pub mod agents;
pub mod alignment;
pub mod compression;
pub mod events;
pub mod ledger;
pub mod look;
pub mod open;
pub mod passage;
pub mod rejection;
pub mod retry;
pub mod scan;
pub mod stat;
pub mod survey;

use crate::base::error::{Error, Result, Status};
use crate::source::agents::Agents;
use crate::source::events::Joining;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A folder of source files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name under which the database remembers it.
    pub name: String,
    pub root: PathBuf,
    pub layout: Layout,
    /// The user whose logs it contains, if that is configured. Otherwise the folders below the root say it.
    pub user: Option<String>,
}

/// What the folders below a root mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `<root>/<user>/**/*.jsonl`: a folder for each user.
    #[default]
    Users,
    /// `<root>/<project>/**/*.jsonl`: files of one person, with a folder for each project.
    ClaudeProjects,
    /// `<root>/<year>/<month>/<day>/*.jsonl`: Codex rollouts of one person.
    CodexSessions,
}

/// The chosen sources, and what chose them.
#[derive(Debug, Default)]
pub struct Choice {
    pub sources: Vec<Source>,
    pub by: String,
    /// The sources that were just found by a search and not named by anybody.
    pub found: Vec<Source>,
    /// The root of the event folder, if it is read beside the other sources.
    pub events: Option<PathBuf>,
}

/// A source that the database remembers, with what the choice needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub source: Source,
    pub is_retired: bool,
    /// Whether it was found by a search rather than named. `None` in databases of an older version.
    pub is_found: Option<bool>,
}

/// What the choice depends on, in order of priority.
#[derive(Debug, Default)]
pub struct Wishes<'a> {
    pub flag: Option<&'a Path>,
    pub environment: Option<&'a Path>,
    pub layout: Option<Layout>,
    pub configured: Vec<Source>,
    pub remembered: Vec<Remembered>,
    /// Where agents keep their logs.
    pub agents: Agents<'a>,
    /// The event folder.
    pub events: Option<&'a Path>,
}

/// The message if there is nothing to choose.
pub const NONE: &str = "no transcripts";

const DEFAULT_NAME: &str = "sessions";

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::ClaudeProjects => "claude-projects",
            Self::CodexSessions => "codex-sessions",
        }
    }

    /// The layout with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Users, Self::ClaudeProjects, Self::CodexSessions].into_iter().find(|layout| layout.name() == name)
    }

    /// The layout of a root that was given without one, guessed from its path.
    fn of(root: &Path) -> Self {
        let mut parts = root.components().rev().map(std::path::Component::as_os_str);
        let is_claude = |name: &std::ffi::OsStr| name == ".claude" || name == "claude";
        match (parts.next(), parts.next()) {
            (Some(last), Some(above)) if last == "projects" && is_claude(above) => Self::ClaudeProjects,
            (Some(last), Some(above)) if (last == "sessions" || last == "archived_sessions") && above == ".codex" => {
                Self::CodexSessions
            }
            _ => Self::Users,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Choice {
    /// All sources except the event folder.
    pub fn transcripts(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| Some(&source.root) != self.events.as_ref())
    }
}

impl Source {
    /// A source without a configured user.
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>, layout: Layout) -> Self {
        Self { name: name.into(), root: root.into(), layout, user: None }
    }

    /// The user whose logs these are, if they are not in users' folders: the configured user, else the login that reads
    /// them. `None` if each user has a folder.
    pub fn owner<'s>(&'s self, login: &'s str) -> Option<&'s str> {
        (self.layout != Layout::Users).then(|| self.user.as_deref().unwrap_or(login))
    }

    /// The source with its root resolved by [`real`].
    #[must_use]
    pub fn real(&self) -> Self {
        Self { root: real(&self.root), ..self.clone() }
    }
}

/// The path with links resolved as far as possible. The rest, which a missing disk or a closed folder hides, stays as
/// written.
pub fn real(path: &Path) -> PathBuf {
    const LINKS: usize = 40;
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS {
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path };
        match std::fs::read_link(&path) {
            // A link whose target does not exist.
            Ok(target) => path = folder.join(target),
            Err(_) => return real(folder).join(name),
        }
    }
    path
}

/// Chooses the sources. The first of these that gives any wins: the flag, the environment, the configuration, the
/// database's remembered sources, a search. If no source was ever named, those that a search finds are added to the
/// remembered ones. The event folder is added to any of these. `None` if there is nothing to choose.
///
/// # Errors
///
/// If a variable names folders without logs.
pub fn choose(wishes: Wishes<'_>) -> Result<Option<Choice>> {
    let Some(root) = wishes.events else { return transcripts(wishes) };
    let remembered = wishes.remembered.clone();
    let joining = Joining { root, remembered: &remembered, is_narrow: wishes.flag.or(wishes.environment).is_some() };
    let (events, others) = (real(root), wishes.remembered.into_iter());
    let others = others.filter(|known| known.source.root != events).collect();
    Ok(joining.join(transcripts(Wishes { remembered: others, ..wishes })?))
}

/// The error if there is nothing to choose.
pub fn nothing(agents: Agents<'_>) -> Error {
    Error::new(Status::CannotRun, format!("{NONE}: {}", agents.nowhere()))
        .hint("name their folder with --sessions DIR or SESSION_DATA_DIR")
}

/// Chooses the sources other than the event folder.
fn transcripts(wishes: Wishes<'_>) -> Result<Option<Choice>> {
    let Wishes { flag, environment, layout, configured, remembered, agents, .. } = wishes;
    let named = flag.map(|root| (root, "--sessions")).or(environment.map(|root| (root, "SESSION_DATA_DIR")));
    if let Some((root, by)) = named {
        let known = remembered.iter().find(|known| known.source.root == real(root));
        let layout = layout.or(known.map(|known| known.source.layout)).unwrap_or_else(|| Layout::of(&real(root)));
        let name = name_of(&real(root), &remembered);
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let user = known.and_then(|known| known.source.user.clone()).filter(|_| layout != Layout::Users);
        let sources = vec![Source { name, root, layout, user }];
        return Ok(Some(Choice { sources, by: by.to_owned(), ..Choice::default() }));
    }
    if !configured.is_empty() {
        return Ok(Some(Choice { sources: configured, by: "the configuration".to_owned(), ..Choice::default() }));
    }
    let in_use = || remembered.iter().filter(|remembered| !remembered.is_retired);
    let is_known = |source: &Source| remembered.iter().any(|known| known.source.root == source.real().root);
    let mut sources: Vec<_> = in_use().map(|remembered| remembered.source.clone()).collect();
    // If users have folders of their own on a server, logs in the home of whoever runs the program are not added.
    let was_found = |known: &Remembered| {
        known.source.layout != Layout::Users && known.is_found.unwrap_or_else(|| agents.can_hold(&known.source))
    };
    if !sources.is_empty() && !in_use().all(was_found) {
        return Ok(Some(Choice { sources, by: "the database".to_owned(), ..Choice::default() }));
    }
    let mut found = if sources.is_empty() { agents.find() } else { agents.own() }?;
    found.retain(|source| !is_known(source));
    let by = if sources.is_empty() { "a search" } else { "the database" }.to_owned();
    for source in &mut found {
        let is_free = |name: &String| {
            !sources.iter().chain(remembered.iter().map(|known| &known.source)).any(|s| s.name == *name)
        };
        let more = (2..).map(|number: u32| format!("{}-{number}", source.name));
        source.name = std::iter::once(source.name.clone()).chain(more).find(is_free).unwrap_or_default();
        source.layout = layout.unwrap_or(source.layout);
        sources.push(source.clone());
    }
    Ok((!sources.is_empty()).then_some(Choice { sources, by, found, events: None }))
}

/// The name of a root that was given without one. If the database has only one source, that source's name is used even
/// for another root.
fn name_of(root: &Path, remembered: &[Remembered]) -> String {
    let same = remembered.iter().find(|known| known.source.root == root);
    let mut in_use = remembered.iter().filter(|known| !known.is_retired);
    let only = in_use.next().filter(|_| in_use.next().is_none());
    let is_free = |name: &String| !remembered.iter().any(|known| known.source.name == *name);
    let more = (2..).map(|number: u32| format!("{DEFAULT_NAME}-{number}"));
    let new = || std::iter::once(DEFAULT_NAME.to_owned()).chain(more).find(is_free).unwrap_or_default();
    same.or(only).map_or_else(new, |known| known.source.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wishes: Wishes<'_>) -> (String, Layout, String) {
        let choice = choose(wishes).unwrap().unwrap();
        (choice.sources[0].root.display().to_string(), choice.sources[0].layout, choice.by)
    }

    #[test]
    fn the_strongest_wish_wins() {
        let source = |root: &str| Source::new("x", root, Layout::Users);
        let wishes = |flag, environment| Wishes {
            flag,
            environment,
            configured: vec![source("/configured")],
            remembered: vec![Remembered { source: source("/remembered"), is_retired: false, is_found: Some(false) }],
            ..Wishes::default()
        };
        let (flag, environment) = (Some(Path::new("/flag")), Some(Path::new("/env")));
        assert_eq!(chosen(wishes(flag, environment)).0, "/flag");
        assert_eq!(chosen(wishes(None, environment)).0, "/env");
        assert_eq!(chosen(wishes(None, None)).0, "/configured");
        let remembered = Wishes { configured: vec![], ..wishes(None, None) };
        assert_eq!(chosen(remembered).0, "/remembered");
    }

    #[test]
    fn a_folder_of_an_agent_is_known_by_its_name() {
        let layout = |root: &str| chosen(Wishes { flag: Some(Path::new(root)), ..Wishes::default() }).1;
        assert_eq!(layout("/home/ada/.claude/projects"), Layout::ClaudeProjects);
        assert_eq!(layout("/home/ada/.config/claude/projects/"), Layout::ClaudeProjects);
        assert_eq!(layout("/home/ada/.codex/sessions"), Layout::CodexSessions);
        assert_eq!(layout("/home/ada/.codex/archived_sessions"), Layout::CodexSessions);
        assert_eq!(layout("/data/projects"), Layout::Users);
    }
}
