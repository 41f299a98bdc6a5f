//! Where transcripts are: a root folder and the layout below it.

use crate::error::{Error, Result, Status};
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
#[derive(Debug)]
pub struct Choice {
    pub sources: Vec<Source>,
    pub by: String,
}

/// What the choice depends on, in order of strength.
#[derive(Debug, Default)]
pub struct Wishes<'a> {
    pub flag: Option<&'a Path>,
    pub environment: Option<&'a Path>,
    pub layout: Option<Layout>,
    pub configured: Vec<Source>,
    pub remembered: Vec<Source>,
    /// `$CLAUDE_CONFIG_DIR`.
    pub claude_config: Option<&'a Path>,
    pub home: Option<&'a Path>,
}

/// How the error begins that says so.
pub const NONE: &str = "no transcripts";

const DEFAULT_NAME: &str = "sessions";
const SERVER_ROOT: &str = "/data/user_sessions";

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
            (Some(last), Some(above)) if last == "sessions" && above == ".codex" => Self::CodexSessions,
            _ => Self::Users,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Chooses the sources: flag, environment, configuration, what the database remembers, the server's
/// folder, the person's own transcripts.
///
/// # Errors
///
/// If there is nothing to choose.
pub fn choose(wishes: Wishes<'_>) -> Result<Choice> {
    let one = |root: &Path, by: &str| {
        let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let layout = wishes.layout.unwrap_or_else(|| Layout::of(&real));
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Choice { sources: vec![Source { name: DEFAULT_NAME.to_owned(), root, layout }], by: by.to_owned() }
    };
    if let Some(root) = wishes.flag {
        return Ok(one(root, "--sessions"));
    }
    if let Some(root) = wishes.environment {
        return Ok(one(root, "SESSION_DATA_DIR"));
    }
    if !wishes.configured.is_empty() {
        return Ok(Choice { sources: wishes.configured, by: "the configuration".to_owned() });
    }
    if !wishes.remembered.is_empty() {
        return Ok(Choice { sources: wishes.remembered, by: "the database".to_owned() });
    }
    let candidates = [
        Some((PathBuf::from(SERVER_ROOT), Layout::Users)),
        wishes.claude_config.map(|folder| (folder.join("projects"), Layout::ClaudeProjects)),
        wishes.home.map(|home| (home.join(".claude/projects"), Layout::ClaudeProjects)),
        wishes.home.map(|home| (home.join(".config/claude/projects"), Layout::ClaudeProjects)),
    ];
    let found = candidates.into_iter().flatten().find(|(root, _)| root.is_dir());
    let Some((root, layout)) = found else {
        let message = format!("{NONE}: neither `{SERVER_ROOT}` nor `~/.claude/projects` exists");
        return Err(
            Error::new(Status::CannotRun, message).hint("name their folder with --sessions DIR or SESSION_DATA_DIR")
        );
    };
    let layout = wishes.layout.unwrap_or(layout);
    Ok(Choice { sources: vec![Source { name: DEFAULT_NAME.to_owned(), root, layout }], by: "its default".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wishes: Wishes<'_>) -> (String, Layout, String) {
        let choice = choose(wishes).unwrap();
        (choice.sources[0].root.display().to_string(), choice.sources[0].layout, choice.by)
    }

    #[test]
    fn the_strongest_wish_wins() {
        let source = |root: &str| vec![Source { name: "x".into(), root: root.into(), layout: Layout::Users }];
        let wishes = |flag, environment| Wishes {
            flag,
            environment,
            configured: source("/configured"),
            remembered: source("/remembered"),
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
        assert_eq!(layout("/data/projects"), Layout::Users);
    }
}
