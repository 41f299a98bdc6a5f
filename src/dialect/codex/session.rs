//! The session that a rollout is of.

use super::CODEX;
use super::record::Payload;
use crate::dialect::json;
use crate::dialect::remote::remote;
use sessionmill_contract::Transcript;

/// The session of the file: that of its first header. Later headers are those of its parents.
#[derive(Default)]
pub(super) struct Session {
    pub(super) id: Option<Box<str>>,
    /// Where the ids of its responses begin.
    prefix: Option<Box<str>>,
    /// The session that it works for, as a subagent, a guardian or a review.
    pub(super) parent: Option<Box<str>>,
    branch: Option<Box<str>>,
    remote: Option<String>,
    version: Option<Box<str>>,
    pub(super) cwd: Option<Box<str>>,
    pub(super) model: Option<Box<str>>,
    /// Its counter can begin with what another file has counted.
    pub(super) inherits: bool,
}

impl Session {
    /// The session of a header.
    pub(super) fn of(header: &Payload<'_>) -> Self {
        let text = |text: Option<&str>| text.map(Into::into);
        // A session that goes on in a file of its own counts its responses from 1 again.
        let base = header.history_base.0.map(|base| format!("@{base}")).unwrap_or_default();
        Self {
            id: text(header.id.id()),
            prefix: header.id.id().map(|id| format!("codex:{id}{base}").into()),
            parent: text(header.parent()),
            branch: text(header.branch.name()),
            remote: header.remote.name().and_then(remote),
            version: text(header.version.name()),
            cwd: header.cwd.directory().map(Into::into),
            model: None,
            inherits: header.parent().or(header.forked_from.id()).is_some() || !base.is_empty(),
        }
    }

    pub(super) fn transcript<'r>(&'r self, cwd: Option<&'r str>) -> Transcript<'r> {
        Transcript {
            agent: CODEX.name,
            session_id: self.parent.as_deref().or(self.id.as_deref()),
            agent_id: self.id.as_deref().filter(|_| self.parent.is_some()),
            cwd,
            branch: self.branch.as_deref(),
            remote: self.remote.as_deref(),
            version: self.version.as_deref(),
            ..Transcript::default()
        }
    }

    /// Identity of a response. A session without an id has responses of this file only.
    pub(super) fn response_id(&self, suffix: impl std::fmt::Display) -> Option<String> {
        let id = format!("{}:{suffix}", self.prefix.as_ref()?);
        Some(id).filter(|id| json::is_id(id))
    }
}
