//! The session that a rollout belongs to.

use super::CODEX;
use super::record::Payload;
use crate::dialect::json;
use crate::dialect::remote::remote;
use sessionmill_contract::Transcript;

/// The session of the file, from its first header. Later headers are those of its parents.
#[derive(Default)]
pub(super) struct Session {
    pub(super) id: Option<Box<str>>,
    /// The prefix of the ids of its responses.
    prefix: Option<Box<str>>,
    /// The session that it works for, as a subagent, a guardian or a review.
    pub(super) parent: Option<Box<str>>,
    branch: Option<Box<str>>,
    remote: Option<String>,
    version: Option<Box<str>>,
    pub(super) cwd: Option<Box<str>>,
    pub(super) model: Option<Box<str>>,
    /// Whether its token counter can begin with tokens that another file has counted.
    pub(super) inherits: bool,
}

impl Session {
    /// The session that a header describes.
    pub(super) fn of(header: &Payload<'_>) -> Self {
        let text = |text: Option<&str>| text.map(Into::into);
        // A session that continues in another file counts its responses from 1 again, so the prefix includes where the
        // file begins.
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

    /// The id of a response. `None` for a session without an id: its responses cannot occur in other files.
    pub(super) fn response_id(&self, suffix: impl std::fmt::Display) -> Option<String> {
        let id = format!("{}:{suffix}", self.prefix.as_ref()?);
        Some(id).filter(|id| json::is_id(id))
    }
}
