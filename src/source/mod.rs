//! Where transcripts are: a root folder and the layout below it.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`scan`] | the walk: which files there are |
//! | [`stat`] | what a stat says of a file |
//! | [`agents`] | where agents keep their logs |
//! | [`events`] | the folder that commands of this program append to |
//! | [`alignment`] | how the sources of a run and of a database line up |
//! | [`access`] | what the user may read, and what would help |
//! | [`ledger`] | what is known of each file |
//! | [`look`] | a look at a file, and what it proves |
//! | [`retry`] | what becomes of a file or a key that failed: when it is tried again, and when it is given up |
//! | [`rejection`] | why a file is not taken |
//! | [`open`] | files and folders are opened beneath their root, through no link |
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

use crate::base::error::{Error, Result, Status};
use crate::source::agents::Agents;
use crate::source::events::Joining;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A tree of transcripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Under this name the database remembers the root.
    pub name: String,
    pub root: PathBuf,
    pub layout: Layout,
    /// Whose logs it has, where that is set; no folder below the root says it then.
    pub user: Option<String>,
}

/// What the folders below a root mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `<root>/<user>/**/*.jsonl`: a folder for each user.
    #[default]
    Users,
    /// `<root>/<project>/**/*.jsonl`: one person's transcripts, a folder for each project.
    ClaudeProjects,
    /// `<root>/<year>/<month>/<day>/*.jsonl`: one person's Codex rollouts.
    CodexSessions,
}

/// What was chosen, and by what.
#[derive(Debug, Default)]
pub struct Choice {
    pub sources: Vec<Source>,
    pub by: String,
    /// Those of them that were found just now and that nobody named.
    pub found: Vec<Source>,
    /// The root of the one that is the folder of events, which is read beside the others.
    pub events: Option<PathBuf>,
}

/// A source that the database remembers, as far as the choice depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub source: Source,
    pub is_retired: bool,
    /// Whether it was found and not named; an older version did not note it.
    pub is_found: Option<bool>,
}

/// What the choice depends on, in order of strength.
#[derive(Debug, Default)]
pub struct Wishes<'a> {
    pub flag: Option<&'a Path>,
    pub environment: Option<&'a Path>,
    pub layout: Option<Layout>,
    pub configured: Vec<Source>,
    pub remembered: Vec<Remembered>,
    /// Where agents keep their logs.
    pub agents: Agents<'a>,
    /// The folder of events.
    pub events: Option<&'a Path>,
}

/// How it is said that there is nothing to choose.
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

    /// The layout that goes by the name, as the database remembers it.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Users, Self::ClaudeProjects, Self::CodexSessions].into_iter().find(|layout| layout.name() == name)
    }

    /// The layout of a root that was given without one.
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
    /// The sources that are read for their transcripts: all but the folder of events.
    pub fn transcripts(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| Some(&source.root) != self.events.as_ref())
    }
}

impl Source {
    /// A source whose layout says whose logs it has.
    pub fn new(name: impl Into<String>, root: impl Into<PathBuf>, layout: Layout) -> Self {
        Self { name: name.into(), root: root.into(), layout, user: None }
    }

    /// Whose logs those are that lie in no user's folder: those of the login that reads them, where nothing else is set.
    /// `None` where each user has a folder.
    pub fn owner<'s>(&'s self, login: &'s str) -> Option<&'s str> {
        (self.layout != Layout::Users).then(|| self.user.as_deref().unwrap_or(login))
    }

    /// The same with its root as [`real`] has it.
    #[must_use]
    pub fn real(&self) -> Self {
        Self { root: real(&self.root), ..self.clone() }
    }
}

/// The path without links, as far as it can be followed: what a missing disk or a closed folder hides is
/// left as it is written.
pub fn real(path: &Path) -> PathBuf {
    const LINKS: usize = 40;
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS {
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path };
        match std::fs::read_link(&path) {
            // A link to what is not there.
            Ok(target) => path = folder.join(target),
            Err(_) => return real(folder).join(name),
        }
    }
    path
}

/// Chooses the sources: flag, environment, configuration, what the database remembers, what is found.
/// Where nobody ever named a source, those that are found join those that the database remembers. The folder of events
/// joins them all. `None` if there is nothing to choose.
///
/// # Errors
///
/// If a variable names folders that hold nothing.
pub fn choose(wishes: Wishes<'_>) -> Result<Option<Choice>> {
    let Some(root) = wishes.events else { return transcripts(wishes) };
    let remembered = wishes.remembered.clone();
    let joining = Joining { root, remembered: &remembered, is_narrow: wishes.flag.or(wishes.environment).is_some() };
    let (events, others) = (real(root), wishes.remembered.into_iter());
    let others = others.filter(|known| known.source.root != events).collect();
    Ok(joining.join(transcripts(Wishes { remembered: others, ..wishes })?))
}

/// That there is nothing to choose, and what to do about it.
pub fn nothing(agents: Agents<'_>) -> Error {
    Error::new(Status::CannotRun, format!("{NONE}: {}", agents.nowhere()))
        .hint("name their folder with --sessions DIR or SESSION_DATA_DIR")
}

/// Chooses the sources of transcripts.
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
    // Those of a server's folders are not joined by what lies in the home of who runs it.
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

/// What the database calls a root that was given without a name. The only source of a database keeps its
/// name where it is looked for elsewhere.
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
