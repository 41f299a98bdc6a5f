//! Where coding agents keep their logs: the folders that are looked for if nobody names one.
//!
//! A server's folder comes first and alone. Then the homes of Claude Code and Codex, as their variables
//! name them, in lists separated by commas, or else at their usual places. A variable that names folders
//! without logs is an error: what else is there would be somebody else's figures.

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

/// An agent that keeps logs in its home.
struct Agent {
    /// The name of its sources.
    name: &'static str,
    variable: &'static str,
    /// Its homes below the user's.
    homes: &'static [&'static str],
    /// Its home below the folder of configurations, where that is another one.
    config: Option<&'static str>,
    /// Folders of logs below its home, with what is put behind the name.
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
    /// The server's folder, or those of the agents. One that cannot be entered is taken for one that is
    /// there, so that it is reported.
    ///
    /// # Errors
    ///
    /// If a variable names nothing.
    pub fn find(&self) -> Result<Vec<Source>> {
        let server = || Source::new("sessions", SERVER_ROOT, Layout::Users);
        if Path::new(SERVER_ROOT).is_dir() {
            return Ok(vec![server()]);
        }
        let found = self.own()?;
        Ok(if found.is_empty() && is_there(Path::new(SERVER_ROOT)) { vec![server()] } else { found })
    }

    /// The folders of the agents.
    ///
    /// # Errors
    ///
    /// If a variable names nothing.
    pub fn own(&self) -> Result<Vec<Source>> {
        let mut found: Vec<Source> = Vec::new();
        for (agent, variable) in self.each() {
            let sources = match variable {
                Some(value) => agent.named(value)?,
                None => agent.usual(self),
            };
            // Of two names of a folder, the first one counts.
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

    /// Whether a source can be one of an agent that was found, judged by its place.
    pub fn can_hold(&self, source: &Source) -> bool {
        let is_same = |root: &Path, layout| layout == source.layout && real(root) == real(&source.root);
        let is_of = |(agent, variable): (Agent, Option<&OsStr>)| {
            let named = variable.map(homes).unwrap_or_default();
            let places = named.iter().flat_map(|home| agent.below(home)).chain(agent.places(self));
            places.into_iter().any(|(root, _)| is_same(&root, agent.layout))
        };
        self.each().into_iter().any(is_of)
    }

    /// That nothing was found, in words.
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
    /// Its folders of logs below one of its homes.
    fn below(&self, home: &Path) -> Vec<(PathBuf, &'static str)> {
        self.folders.iter().map(|(folder, suffix)| (home.join(folder), *suffix)).collect()
    }

    /// Its usual folders of logs.
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
                // The folder of logs itself.
                true if is_there(&home) && self.folders.iter().any(|(folder, _)| home.ends_with(folder)) => {
                    is_any = true;
                    vec![self.source(home, "")]
                }
                // A run reports that it is missing.
                true => places.into_iter().take(1).map(|(root, suffix)| self.source(root, suffix)).collect(),
                false => found.into_iter().map(|(root, suffix)| self.source(root, suffix)).collect::<Vec<_>>(),
            });
        }
        if is_any {
            return Ok(sources);
        }
        let Self { variable, folders, .. } = self;
        let message =
            format!("`{variable}` is `{}`, where there is no folder `{}`", value.to_string_lossy(), folders[0].0);
        Err(Error::new(Status::CannotRun, message)
            .hint("correct or unset it; several folders are separated by commas, and --sessions DIR counts more"))
    }

    fn source(&self, root: PathBuf, suffix: &str) -> Source {
        Source::new(format!("{}{suffix}", self.name), root, self.layout)
    }
}

/// The folders of a list; a folder whose name has a comma can stand alone.
fn homes(value: &OsStr) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if is_there(Path::new(value)) {
        return vec![absolute(Path::new(value))];
    }
    let parts = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty());
    parts.map(|part| absolute(Path::new(OsStr::from_bytes(part)))).collect()
}

/// Whether there is a folder, or that is unknown.
fn is_there(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => error.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home with folders, and what is found in it.
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
            ("~/no", None, "`CLAUDE_CONFIG_DIR` is `~/no`, where there is no folder `projects`"),
            ("~/empty,", None, "`CLAUDE_CONFIG_DIR` is `~/empty,`, where there is no folder `projects`"),
            (",", None, "`CLAUDE_CONFIG_DIR` is `,`, where there is no folder `projects`"),
            ("~/a", Some("~/empty"), "`CODEX_HOME` is `~/empty`, where there is no folder `sessions`"),
        ] {
            assert_eq!(of(claude, codex), Err(message.to_owned()));
        }
    }
}
