//! Where in the work of a person a response stands: session, directory, branch, subagent, and the turn
//! of the conversation.
//!
//! Everything that a response is told by has one value here or none, so that sums over any of them come
//! to the total. A turn begins with what a person writes. A slash command that begins one has all of the
//! turn; a skill has what follows its call, up to the next skill or the end of the turn. A subagent has
//! turns of its own: what its parent was at is known by the call that started it.

use sessionmill_contract::{SourceFile, Transcript};
use std::collections::HashMap;
use std::rc::Rc;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whereabouts {
    pub session_id: Option<Rc<str>>,
    pub project: Option<Rc<str>>,
    pub branch: Option<Rc<str>>,
    /// The subagent that is at work; none in the main conversation.
    pub subagent_id: Option<Rc<str>>,
    pub command: Option<Rc<str>>,
    pub skill: Option<Rc<str>>,
}

/// What the records of a file have said so far; a record that says nothing is where the one before it is.
#[derive(Debug)]
pub(crate) struct Trail {
    session_id: Rc<str>,
    project: Option<Rc<str>>,
    branch: Option<Rc<str>>,
    subagent_id: Option<Rc<str>>,
    /// By subagent.
    turns: HashMap<Option<Rc<str>>, Turn>,
}

#[derive(Clone, Debug, Default)]
struct Turn {
    command: Option<Rc<str>>,
    skill: Option<Rc<str>>,
}

impl Trail {
    pub(crate) fn new(file: &SourceFile) -> Self {
        let session_id = file.session_id().into();
        Self { session_id, project: None, branch: None, subagent_id: None, turns: HashMap::new() }
    }

    /// Takes in what a record says.
    pub(crate) fn follow(&mut self, transcript: &Transcript<'_>) {
        if let Some(session_id) = transcript.session_id.filter(|id| **id != *self.session_id) {
            self.session_id = session_id.into();
        }
        if let Some(cwd) = transcript.cwd.filter(|cwd| self.project.as_deref() != Some(*cwd)) {
            self.project = Some(cwd.into());
        }
        // An empty name is that of no branch.
        if let Some(branch) = transcript.branch.filter(|branch| self.branch.as_deref().unwrap_or_default() != *branch) {
            self.branch = Some(branch.into()).filter(|branch: &Rc<str>| !branch.is_empty());
        }
        if transcript.agent_id != self.subagent_id.as_deref() {
            self.subagent_id = transcript.agent_id.map(Into::into);
        }
    }

    /// What it holds, in facts.
    pub(crate) fn held(&self) -> usize {
        self.turns.len()
    }

    /// Where a record stands.
    pub(crate) fn at(&mut self, transcript: &Transcript<'_>) -> Whereabouts {
        self.follow(transcript);
        let Turn { command, skill } = self.turns.get(&self.subagent_id).cloned().unwrap_or_default();
        Whereabouts {
            session_id: Some(self.session_id.clone()),
            project: self.project.clone(),
            branch: self.branch.clone(),
            subagent_id: self.subagent_id.clone(),
            command,
            skill,
        }
    }

    /// A turn begins with what a person writes, or with a slash command.
    pub(crate) fn turn(&mut self, transcript: &Transcript<'_>, command: Option<&str>) {
        self.follow(transcript);
        self.turns.insert(self.subagent_id.clone(), Turn { command: command.map(Into::into), skill: None });
    }

    /// A skill is called.
    pub(crate) fn skill(&mut self, transcript: &Transcript<'_>, skill: &str) {
        self.follow(transcript);
        self.turns.entry(self.subagent_id.clone()).or_default().skill = Some(skill.into());
    }
}
