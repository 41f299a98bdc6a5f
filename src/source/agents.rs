//! Finds where coding agents keep their logs, if no source is named.
//!
//! On a server, only the server's folder is used. Otherwise, the homes of Claude Code and Codex are searched: those
//! that their environment variables name (lists separated by commas), or else the usual places. A variable that names
//! folders without logs is an error. To search the usual places instead could report the figures of somebody else.

use crate::base::error::{Error, Result, Status};
use crate::source::{Layout, Source, real};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What the search depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agents<'a> {
    /// `$CLAUDE_CONFIG_DIR`.
    pub claude: Option<&'a OsStr>,
    /// `$CODEX_HOME`.
    pub codex: Option<&'a OsStr>,
    pub home: Option<&'a Path>,
    /// `$XDG_CONFIG_HOME`.
    pub config_home: Option<&'a Path>,
}

const SERVER_ROOT: &str = "/data/user_sessions";

/// An agent that keeps logs in its home folder.
struct Agent {
    /// The name of its sources.
    name: &'static str,
    variable: &'static str,
    /// Its usual homes, below the user's home.
    homes: &'static [&'static str],
    /// Its home below `$XDG_CONFIG_HOME`, if it has one there.
    config: Option<&'static str>,
    /// The log folders in its home, each with a suffix for the source's name.
    folders: &'static [(&'static str, &'static str)],
    layout: Layout,
}

const CLAUDE_CODE: Agent = Agent {
    name: "claude-code",
    variable: "CLAUDE_CONFIG_DIR",
    homes: &[".claude", ".config/claude"],
    config: Some("claude"),
    folders: &[("projects", "")],
    layout: Layout::ClaudeProjects,
};

const CODEX: Agent = Agent {
    name: "codex",
    variable: "CODEX_HOME",
    homes: &[".codex"],
    config: None,
    folders: &[("sessions", ""), ("archived_sessions", "-archived")],
    layout: Layout::CodexSessions,
};

impl Agents<'_> {
    /// The server's folder, or the log folders of the agents. A folder that cannot be entered counts as existing, so
    /// that it is reported.
    ///
    /// # Errors
    ///
    /// If a variable names folders without logs.
    pub fn find(&self) -> Result<Vec<Source>> {
        let server = || Source::new("sessions", SERVER_ROOT, Layout::Users);
        if Path::new(SERVER_ROOT).is_dir() {
            return Ok(vec![server()]);
        }
        let found = self.own()?;
        Ok(if found.is_empty() && is_there(Path::new(SERVER_ROOT)) { vec![server()] } else { found })
    }

    /// The log folders of the agents.
    ///
    /// # Errors
    ///
    /// If a variable names folders without logs.
    pub fn own(&self) -> Result<Vec<Source>> {
        let mut found: Vec<Source> = Vec::new();
        for (agent, variable) in self.each() {
            let sources = match variable {
                Some(value) => agent.named(value)?,
                None => agent.usual(self),
            };
            // If a folder is found under two names, the first one counts.
            let is_new =
                |found: &[Source], source: &Source| found.iter().all(|other| real(&other.root) != real(&source.root));
            for source in sources {
                if is_new(&found, &source) {
                    found.push(source);
                }
            }
        }
        Ok(found)
    }

    /// Whether a source may be the log folder of an agent, judged by its path.
    pub fn can_hold(&self, source: &Source) -> bool {
        let is_same = |root: &Path, layout| layout == source.layout && real(root) == real(&source.root);
        let is_of = |(agent, variable): (Agent, Option<&OsStr>)| {
            let named = variable.map(homes).unwrap_or_default();
            let places = named.iter().flat_map(|home| agent.below(home)).chain(agent.places(self));
            places.into_iter().any(|(root, _)| is_same(&root, agent.layout))
        };
        self.each().into_iter().any(is_of)
    }

    /// A sentence that lists where nothing was found.
    pub fn nowhere(&self) -> String {
        let mut places = vec![format!("`{SERVER_ROOT}`")];
        for (agent, _) in self.each() {
            places.extend(agent.homes.iter().map(|home| format!("`~/{home}/{}`", agent.folders[0].0)));
        }
        format!("none of {} exists", places.join(", "))
    }

    fn each(&self) -> [(Agent, Option<&OsStr>); 2] {
        [(CLAUDE_CODE, self.claude), (CODEX, self.codex)]
    }
}

impl Agent {
    /// The log folders in one of its homes.
    fn below(&self, home: &Path) -> Vec<(PathBuf, &'static str)> {
        self.folders.iter().map(|(folder, suffix)| (home.join(folder), *suffix)).collect()
    }

    /// Its log folders in the usual places.
    fn places(&self, agents: &Agents<'_>) -> Vec<(PathBuf, &'static str)> {
        let homes = agents.home.into_iter().flat_map(|home| self.homes.iter().map(|below| home.join(below)));
        let config = agents.config_home.zip(self.config).map(|(folder, name)| folder.join(name));
        homes.chain(config).flat_map(|home| self.below(&home)).collect()
    }

    fn usual(&self, agents: &Agents<'_>) -> Vec<Source> {
        let places = self.places(agents).into_iter();
        places.filter(|(root, _)| is_there(root)).map(|(root, suffix)| self.source(root, suffix)).collect()
    }

    /// The sources in the homes that its variable names.
    fn named(&self, value: &OsStr) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        let mut is_any = false;
        for home in homes(value) {
            let places = self.below(&home);
            let found: Vec<_> = places.iter().filter(|(root, _)| is_there(root)).cloned().collect();
            is_any |= !found.is_empty();
            sources.extend(match found.is_empty() {
                // The variable names the log folder itself.
                true if is_there(&home) && self.folders.iter().any(|(folder, _)| home.ends_with(folder)) => {
                    is_any = true;
                    vec![self.source(home, "")]
                }
                // A home without logs becomes a source, so that a run reports that its logs are missing.
                true => places.into_iter().take(1).map(|(root, suffix)| self.source(root, suffix)).collect(),
                false => found.into_iter().map(|(root, suffix)| self.source(root, suffix)).collect::<Vec<_>>(),
            });
        }
        if is_any {
            return Ok(sources);
        }
        let Self { variable, folders, .. } = self;
        let message =
            format!("`{variable}` is `{}`, which contains no folder `{}`", value.to_string_lossy(), folders[0].0);
        Err(Error::new(Status::CannotRun, message)
            .hint("correct or unset it; several folders are separated by commas, and --sessions DIR overrides it"))
    }

    fn source(&self, root: PathBuf, suffix: &str) -> Source {
        Source::new(format!("{}{suffix}", self.name), root, self.layout)
    }
}

/// The folders of a list. If the whole value is a folder, it is not split, as its name can contain a comma.
fn homes(value: &OsStr) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if is_there(Path::new(value)) {
        return vec![absolute(Path::new(value))];
    }
    let parts = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty());
    parts.map(|part| absolute(Path::new(OsStr::from_bytes(part)))).collect()
}

/// Whether a folder exists, or that cannot be known.
fn is_there(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes these folders in a temporary home. Returns what is found in it.
    fn found(folders: &[&str], claude: Option<&str>, codex: Option<&str>) -> std::result::Result<Vec<String>, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display().to_string();
        folders.iter().for_each(|folder| std::fs::create_dir_all(home.path().join(folder)).unwrap());
        let variable = |text: Option<&str>| text.map(|text| text.replace('~', &path));
        let (claude, codex) = (variable(claude), variable(codex));
        let (claude, codex) = (claude.as_deref().map(OsStr::new), codex.as_deref().map(OsStr::new));
        let config_home = home.path().join("xdg");
        let found = Agents { claude, codex, home: Some(home.path()), config_home: Some(&config_home) }.own();
        let shown = |Source { name, root, .. }: &Source| format!("{name} {}", root.display()).replace(&path, "~");
        found.map(|found| found.iter().map(shown).collect()).map_err(|error| error.to_string().replace(&path, "~"))
    }

    #[test]
    fn all_folders_of_all_agents_are_found() {
        assert_eq!(found(&[], None, None), Ok(vec![]));
        assert_eq!(found(&[".codex/sessions"], None, None), Ok(vec!["codex ~/.codex/sessions".to_owned()]));
        let claude = [".claude/projects", ".config/claude/projects", "xdg/claude/projects"];
        let all = [&claude[..], &[".codex/archived_sessions", ".codex/sessions"]].concat();
        let expected = [
            "claude-code ~/.claude/projects",
            "claude-code ~/.config/claude/projects",
            "claude-code ~/xdg/claude/projects",
            "codex ~/.codex/sessions",
            "codex-archived ~/.codex/archived_sessions",
        ];
        assert_eq!(found(&all, None, None), Ok(expected.map(str::to_owned).into()));
    }

    #[test]
    fn a_variable_replaces_the_usual_places_and_is_an_error_if_it_names_nothing() {
        let folders = [".claude/projects", "a/projects", "b, c/projects", "d/sessions", "empty"];
        let of = |claude, codex| found(&folders, Some(claude), codex);
        let ok = |sources: &[&str]| Ok(sources.iter().map(|source| (*source).to_owned()).collect::<Vec<_>>());
        assert_eq!(of("~/a", None), ok(&["claude-code ~/a/projects"]));
        assert_eq!(of("~/a, ~/.claude,", None), ok(&["claude-code ~/a/projects", "claude-code ~/.claude/projects"]));
        assert_eq!(of("~/a,~/a/,~/a/projects", None), ok(&["claude-code ~/a/projects"]));
        assert_eq!(of("~/b, c", None), ok(&["claude-code ~/b, c/projects"]));
        assert_eq!(of("~/a,~/no", None), ok(&["claude-code ~/a/projects", "claude-code ~/no/projects"]));
        assert_eq!(of("~/a", Some("~/d")), ok(&["claude-code ~/a/projects", "codex ~/d/sessions"]));
        for (claude, codex, message) in [
            ("~/no", None, "`CLAUDE_CONFIG_DIR` is `~/no`, which contains no folder `projects`"),
            ("~/empty,", None, "`CLAUDE_CONFIG_DIR` is `~/empty,`, which contains no folder `projects`"),
            (",", None, "`CLAUDE_CONFIG_DIR` is `,`, which contains no folder `projects`"),
            ("~/a", Some("~/empty"), "`CODEX_HOME` is `~/empty`, which contains no folder `sessions`"),
        ] {
            assert_eq!(of(claude, codex), Err(message.to_owned()));
        }
    }
}
