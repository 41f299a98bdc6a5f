//! Events in agents' transcripts. The person is the folder that contains the transcript.
//!
//! | in the transcript | as an event |
//! | --- | --- |
//! | a prompt | a view; its page is the working directory |
//! | a response, a tool call, a slash command | an event |
//! | a failed call of a tool or of the API | passive |
//! | anything by a subagent | passive; its prompts are written by its parent, not by the person |
//!
//! Records without a time are ignored, because they do not show when somebody was active.

use crate::class::Class;
use crate::line::{LineRow, numbered, person};
use crate::work::{API_ERROR, COMMAND, KIND, PROMPT, RESPONSE, TOOL, TOOL_ERROR};
use sessionmill_contract::{Agent, Event, Rows, SourceFile, Transcript};
use std::collections::{HashMap, HashSet};

/// The transcripts in one source file.
pub(crate) struct Transcripts<'s> {
    person: String,
    /// The session of records that name none.
    of_file: &'s str,
    /// The working directory of the last record that has one.
    cwd: Option<Box<str>>,
    line: u64,
    /// The number of events of the current line so far.
    parts: u64,
    /// Responses that were seen, because several records repeat the same response.
    responses: HashSet<Box<str>>,
    /// The number of events without an id, by session, time and name.
    alike: HashMap<String, u64>,
}

impl<'s> Transcripts<'s> {
    pub(crate) fn new(file: &'s SourceFile) -> Self {
        Self {
            person: person(&file.username, KIND, &file.username),
            of_file: file.session_id(),
            cwd: None,
            line: 0,
            parts: 0,
            responses: HashSet::new(),
            alike: HashMap::new(),
        }
    }

    /// The number of ids that it holds.
    pub(crate) fn held(&self) -> usize {
        self.responses.len() + self.alike.len()
    }

    /// Adds the rows of an event. Returns their number.
    pub(crate) fn event(
        &mut self,
        event: &Event<'_>,
        transcript: &Transcript<'_>,
        said: &Agent<'_>,
        rows: &mut Rows,
    ) -> usize {
        if let Some(cwd) = transcript.cwd.filter(|cwd| self.cwd.as_deref() != Some(cwd)) {
            self.cwd = Some(cwd.into());
        }
        if event.line != self.line {
            (self.line, self.parts) = (event.line, 0);
        }
        let Some(at) = event.time else { return 0 };
        let is_subagent = transcript.side_chain || transcript.agent_id.is_some();
        let (name, class, id) = match said {
            Agent::Prompt { .. } if is_subagent => return 0,
            Agent::Prompt { .. } => (PROMPT, Class::View, event.id.map(str::to_owned)),
            Agent::Response(response) => {
                if let Some(id) = response.message_id
                    && !self.responses.insert(id.into())
                {
                    return 0;
                }
                let id = response.message_id.map(str::to_owned);
                (RESPONSE, Class::Event, id.or_else(|| Some(format!("{}/{RESPONSE}", event.id?))))
            }
            Agent::ToolCall(call) => {
                let id = call.message_id.or(event.id).zip(call.call_id);
                (TOOL, Class::Event, id.map(|(holder, call)| format!("{holder}/{call}")))
            }
            Agent::SlashCommand { .. } => (COMMAND, Class::Event, event.id.map(|id| format!("{id}/{COMMAND}"))),
            Agent::ToolResult { is_error: true, call_id, .. } => {
                let id = event.id.zip(*call_id).map(|(record, call)| format!("{record}/{call}/{TOOL_ERROR}"));
                (TOOL_ERROR, Class::Passive, id)
            }
            Agent::ApiError { .. } => (API_ERROR, Class::Passive, event.id.map(|id| format!("{id}/{API_ERROR}"))),
            _ => return 0,
        };
        let class = if is_subagent { Class::Passive } else { class };
        let session = transcript.session_id.unwrap_or(self.of_file);
        let id = id.unwrap_or_else(|| numbered(&mut self.alike, format!("{session}/{}/{name}", at.timestamp_micros())));
        rows.push(LineRow {
            person: &self.person,
            time: at,
            event_id: Some(&id),
            line: event.line,
            part: self.parts,
            class: class.name(),
            name,
            client_session_id: None,
            url: self.cwd.as_deref(),
            path: None,
            referrer: None,
            source: None,
            device: None,
            ip: None,
            properties: None,
            agent: Some(transcript.agent),
            transcript: Some(session),
        });
        self.parts += 1;
        1
    }
}
