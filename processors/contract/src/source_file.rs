//! The log that events come from.

/// A source file, by its name in the ledger. The runner reads it; processors do not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceFile {
    /// `<user>/<path below the user>`: the key of the ledger.
    pub session_file: String,
    pub username: String,
}

impl SourceFile {
    pub fn new(session_file: impl Into<String>, username: impl Into<String>) -> Self {
        Self { session_file: session_file.into(), username: username.into() }
    }

    /// The session id according to the file's path, for records that name none: the folder above `subagents`, or the
    /// file's own name.
    pub fn session_id(&self) -> &str {
        let mut parent = None;
        for part in self.session_file.split('/') {
            match parent {
                Some(session) if part == "subagents" => return session,
                _ => parent = Some(part),
            }
        }
        let name = parent.unwrap_or_default();
        name.strip_suffix(".jsonl").unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subagent_belongs_to_the_session_above_it() {
        let id = |path: &str| SourceFile::new(path, "ada").session_id().to_owned();
        assert_eq!(id("ada/s1.jsonl"), "s1");
        assert_eq!(id("ada/project/s1.jsonl"), "s1");
        assert_eq!(id("ada/project/s1/subagents/agent-a.jsonl"), "s1");
        assert_eq!(id("ada/s1/subagents/deep/subagents/agent-b.jsonl"), "s1");
        assert_eq!(id("subagents/s1.jsonl"), "s1");
    }
}
