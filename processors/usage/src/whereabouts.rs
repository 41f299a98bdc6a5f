//! The context of a response: session, directory, branch, subagent, and the turn of the conversation.
//!
//! A response has at most one value of each, so that sums over any of them add up to the total. A turn begins when a
//! person writes something. If it begins with a slash command, the whole turn belongs to that command. A skill gets
//! what follows its call, up to the next skill or the end of the turn. A subagent has turns of its own; which skill its
//! parent was using is known from the call that started the subagent.

use sessionmill_contract::{SourceFile, Transcript};
use std::collections::HashMap;
use std::rc::Rc;

/// The context of something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whereabouts {
    pub session_id: Option<Rc<str>>,
    pub project: Option<Rc<str>>,
    pub branch: Option<Rc<str>>,
    /// The subagent that is working; `None` in the main conversation.
    pub subagent_id: Option<Rc<str>>,
    pub command: Option<Rc<str>>,
    pub skill: Option<Rc<str>>,
}

/// The context according to the records of a file so far. A record that does not name a value keeps the previous one.
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

    /// Notes what a record says.
    pub(crate) fn follow(&mut self, transcript: &Transcript<'_>) {
        if let Some(session_id) = transcript.session_id.filter(|id| **id != *self.session_id) {
            self.session_id = session_id.into();
        }
        if let Some(cwd) = transcript.cwd.filter(|cwd| self.project.as_deref() != Some(*cwd)) {
            self.project = Some(cwd.into());
        }
        // An empty name means that there is no branch.
        if let Some(branch) = transcript.branch.filter(|branch| self.branch.as_deref().unwrap_or_default() != *branch) {
            self.branch = Some(branch.into()).filter(|branch: &Rc<str>| !branch.is_empty());
        }
        if transcript.agent_id != self.subagent_id.as_deref() {
            self.subagent_id = transcript.agent_id.map(Into::into);
        }
    }

    /// Its size, measured in facts.
    pub(crate) fn held(&self) -> usize {
        self.turns.len()
    }

    /// The context of a record.
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

    /// A turn begins with a prompt or a slash command.
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
