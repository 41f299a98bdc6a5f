//! Work in the transcripts of agents that counts as tasks: subagents, and entries of task lists.
//!
//! | what | task type | task id | ends with |
//! | --- | --- | --- | --- |
//! | call of a subagent | `subagent:<type>` | response and call | its result; in the background: a notification |
//! | entry of a task list | `todo` | transcript, and number or text | its state `completed`, or its removal |
//!
//! The short id is the id of the transcript. A copy of a transcript has the same record ids, so its events count once.

use sessionmill_contract::event::{Decliner, Finish, Todo, ToolKind};
use sessionmill_contract::mask::mask;
use sessionmill_contract::{Agent, TaskEvent, TaskState, Transcript};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// Takes an event with its id.
pub(crate) type Keep<'k> = dyn FnMut(Option<&str>, &TaskEvent<'_>) + 'k;

/// The number of hash digits that identify an entry by its text.
const DIGITS: usize = 16;

/// The running work of one source file.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Running subagents, by call.
    calls: HashMap<Box<str>, Call>,
    /// Calls, by the subagent that works on them.
    agents: HashMap<Box<str>, Box<str>>,
    /// Entries of task lists, by task id.
    entries: HashMap<Box<str>, Entry>,
}

#[derive(Debug)]
struct Call {
    task_id: Box<str>,
    /// Whether its result says only that it has started.
    is_launched: bool,
}

/// An entry of a task list. Reopening an entry starts another attempt.
#[derive(Debug)]
struct Entry {
    attempt: u64,
    has_ended: bool,
}

impl Work {
    /// Emits what a record of a transcript says about tasks.
    pub(crate) fn agent_event(
        &mut self,
        session: &str,
        transcript: &Transcript<'_>,
        event_id: Option<&str>,
        said: Agent<'_>,
        keep: &mut Keep<'_>,
    ) {
        let event = TaskEvent {
            task_id: "",
            source: transcript.agent,
            sequence: None,
            state: TaskState::Created,
            short_id: Some(session),
            task_type: None,
            task_name: None,
            user_id: None,
            attempt: None,
            error: None,
            data: None,
            is_guessed: false,
        };
        match said {
            Agent::ToolCall(call) => {
                let (ToolKind::Subagent { subagent_type }, Some(call_id)) = (call.kind, call.call_id) else { return };
                let task_id = format!("{}/{call_id}", call.message_id.unwrap_or(session));
                let task_type = subagent_type.map(|name| format!("subagent:{name}"));
                let task_type = Some(task_type.as_deref().unwrap_or("subagent"));
                keep(event_id, &TaskEvent { task_id: &task_id, task_type, ..event });
                self.calls.insert(call_id.into(), Call { task_id: task_id.into(), is_launched: false });
            }
            Agent::Subagent { call_id, agent_id } if self.calls.contains_key(call_id) => {
                self.agents.insert(agent_id.into(), call_id.into());
            }
            Agent::Launched { call_id } => {
                if let Some(call) = self.calls.get_mut(call_id) {
                    call.is_launched = true;
                }
            }
            Agent::ToolResult { call_id: Some(call_id), is_error, declined_by, .. } => {
                let Some(call) = self.calls.get(call_id) else { return };
                let state = match declined_by {
                    Some(Decliner::Person | Decliner::Client) => TaskState::Cancelled,
                    Some(Decliner::Policy) => TaskState::Failed,
                    None if is_error => TaskState::Failed,
                    None if call.is_launched => TaskState::Updated,
                    None => TaskState::Completed,
                };
                keep(event_id, &TaskEvent { task_id: &call.task_id, state, ..event });
                if state.is_terminal() {
                    self.calls.remove(call_id);
                }
            }
            Agent::Finished(Finish { call_id, agent_id, state }) => {
                let by_agent = || self.agents.get(agent_id?).map(|call| &**call);
                let call_id = call_id.filter(|call| self.calls.contains_key(*call)).or_else(by_agent);
                let Some(call) = call_id.map(Box::from).and_then(|id: Box<str>| self.calls.remove(&id)) else { return };
                keep(event_id, &TaskEvent { task_id: &call.task_id, state, ..event });
            }
            Agent::Todo(todo) => self.todo(session, transcript, event_id, todo, event, keep),
            _ => {}
        }
    }

    fn todo(
        &mut self,
        session: &str,
        transcript: &Transcript<'_>,
        event_id: Option<&str>,
        todo: Todo<'_>,
        event: TaskEvent<'_>,
        keep: &mut Keep<'_>,
    ) {
        let task_id = match (todo.id, transcript.agent_id) {
            (Some(id), _) => format!("{session}/todo/{id}"),
            // A list without numbers belongs to the agent that writes it.
            (None, Some(agent)) => format!("{session}/{agent}/todo/{}", hash(todo.subject.unwrap_or_default())),
            (None, None) => format!("{session}/todo/{}", hash(todo.subject.unwrap_or_default())),
        };
        // One record can say several things about one entry.
        let event_id = event_id.map(|id| format!("{id}#{}", todo.state.name()));
        let data = todo.subject.map(|subject| serde_json::json!({ "subject": mask(subject) }).to_string());
        let mut event = TaskEvent { task_id: &task_id, state: todo.state, task_type: Some("todo"), ..event };
        event.data = data.as_deref();
        let entry = self.entries.entry(task_id.as_str().into()).or_insert(Entry { attempt: 1, has_ended: false });
        if entry.has_ended && !event.state.is_terminal() {
            // The entry is reopened.
            event.state = TaskState::Created;
            entry.attempt += 1;
        }
        entry.has_ended = event.state.is_terminal();
        event.attempt = Some(entry.attempt);
        keep(event_id.as_deref(), &event);
    }
}

/// A hash that identifies a text.
fn hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..DIGITS / 2])
}
