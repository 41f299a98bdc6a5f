//! Subagents that a model starts, and how they end.
//!
//! The result of `spawn_agent` names the subagent and says only that it has started. Its end is known from the results
//! of `wait_agent` (older clients: `wait`) and `close_agent`, or from a notification in the role of the user, whichever
//! comes first:
//!
//! ```text
//! spawn_agent {"agent_type":"explorer",…}  →  {"agent_id":"019e…","nickname":"Ada"}
//! wait_agent  {"targets":["019e…"]}        →  {"status":{"019e…":{"completed":"done"}},"timed_out":false}
//! close_agent {"target":"019e…"}           →  {"previous_status":"running"}
//! <subagent_notification>{"agent_id":"019e…","status":{"errored":"no quota"}}</subagent_notification>
//! ```

use crate::dialect::json::{Raw, is_id};
use serde_json::Value;
use sessionmill_contract::event::Finish;
use sessionmill_contract::{Agent, TaskState};
use std::collections::HashMap;

/// Calls of these tools that have no result yet.
#[derive(Debug, Default)]
pub(super) struct Collab(HashMap<Box<str>, Pending>);

#[derive(Debug)]
enum Pending {
    Spawn,
    Wait,
    /// Closing the subagent with this id.
    Close(Box<str>),
}

const NOTE: &str = "<subagent_notification>";
const END_OF_NOTE: &str = "</subagent_notification>";

impl Collab {
    /// Notes a call. Returns the type of the subagent that it starts.
    pub(super) fn call(&mut self, tool: &str, call_id: Option<&str>, arguments: Option<Raw<'_>>) -> Option<String> {
        let text = |arguments: &Value, names: &[&str]| {
            let text = names.iter().find_map(|name| arguments.get(name)?.as_str());
            text.filter(|text| is_id(text)).map(str::to_owned)
        };
        // The arguments are JSON inside a string.
        let arguments = || {
            let text: String = serde_json::from_str(arguments?.0).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        };
        let (pending, kind) = match tool {
            "spawn_agent" => (Some(Pending::Spawn), arguments().and_then(|all| text(&all, &["agent_type"]))),
            "wait_agent" | "wait" => (Some(Pending::Wait), None),
            "close_agent" => {
                let target = arguments().and_then(|all| text(&all, &["target", "id"]));
                (target.map(|target| Pending::Close(target.into())), None)
            }
            _ => (None, None),
        };
        if let (Some(pending), Some(call_id)) = (pending, call_id) {
            self.0.insert(call_id.into(), pending);
        }
        kind
    }

    /// Emits what the result of a call says about subagents.
    pub(super) fn result(&mut self, call_id: Option<&str>, output: &str, event: &mut dyn FnMut(Agent<'_>)) {
        let Some((call_id, pending)) = call_id.and_then(|id| Some((id, self.0.remove(id)?))) else { return };
        let Ok(output) = serde_json::from_str::<Value>(output) else { return };
        match pending {
            Pending::Spawn => {
                if let Some(agent_id) = output.get("agent_id").and_then(Value::as_str).filter(|id| is_id(id)) {
                    event(Agent::Launched { call_id });
                    event(Agent::Subagent { call_id, agent_id });
                }
            }
            Pending::Wait => {
                for (agent_id, status) in output.get("status").and_then(Value::as_object).into_iter().flatten() {
                    finish(agent_id, state(status), event);
                }
            }
            Pending::Close(agent_id) => {
                let status = output.get("previous_status").or(output.get("status"));
                // A subagent that was closed while it was working does not end by itself any more.
                finish(&agent_id, status.map(|status| state(status).unwrap_or(TaskState::Cancelled)), event);
            }
        }
    }
}

/// Emits what a notification in the role of the user says about a subagent.
pub(super) fn note(content: Option<Raw<'_>>, event: &mut dyn FnMut(Agent<'_>)) {
    let Some(content) = content.map(|Raw(text)| text).filter(|content| content.contains(NOTE)) else { return };
    let Ok(parts) = serde_json::from_str::<Vec<Value>>(content) else { return };
    for text in parts.iter().filter_map(|part| part.get("text")?.as_str()) {
        let Some(note) = text.trim().strip_prefix(NOTE).and_then(|text| text.strip_suffix(END_OF_NOTE)) else {
            continue;
        };
        let Ok(note) = serde_json::from_str::<Value>(note) else { continue };
        let agent_id = note.get("agent_id").and_then(Value::as_str).unwrap_or_default();
        finish(agent_id, note.get("status").and_then(state), event);
    }
}

fn finish(agent_id: &str, state: Option<TaskState>, event: &mut dyn FnMut(Agent<'_>)) {
    if let Some(state) = state.filter(|_| is_id(agent_id)) {
        event(Agent::Finished(Finish { call_id: None, agent_id: Some(agent_id), state }));
    }
}

/// How a subagent has ended; `None` while it works or can still continue.
fn state(status: &Value) -> Option<TaskState> {
    let name = status.as_str().or_else(|| status.as_object()?.keys().next().map(String::as_str))?;
    match name {
        "completed" => Some(TaskState::Completed),
        "errored" => Some(TaskState::Failed),
        "shutdown" => Some(TaskState::Cancelled),
        _ => None,
    }
}
