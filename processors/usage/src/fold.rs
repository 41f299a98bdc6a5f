//! The state over one source file: its responses, its tool calls, its summary.

use crate::call::{Calls, Ending};
use crate::caption;
use crate::copy::{Common, Line, Part, PartKind, ResponseCopy, common};
use crate::deed::Deed;
use crate::position::Position;
use crate::session::Summary;
use crate::tool_event::{ToolEvent, What};
use crate::whereabouts::Trail;
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{Decliner, Response, ToolCall, ToolKind};
use sessionmill_contract::{Agent, Cause, Event, Failure, Fold, Rows, Said, SourceFile, Transcript};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

/// The fold of the usage processor.
pub struct UsageFold<'s> {
    file: &'s SourceFile,
    agent: Option<Rc<str>>,
    /// The time of the last record that has one.
    clock: Option<DateTime<Utc>>,
    trail: Trail,
    copies: Keyed<ResponseCopy>,
    tool_events: Keyed<ToolEvent>,
    calls: Calls,
    rounds: Rounds,
    /// The response of the current record, as its position among the copies.
    response: Option<usize>,
    /// Names that responses share.
    common: Common,
    /// The server of the first MCP call by response, for responses that follow their calls.
    mcp_servers: HashMap<Box<str>, Rc<str>>,
    summary: Summary,
    /// Whether it has events of another family, such as those of a web log.
    is_of_others: bool,
    /// The number of things without an id so far.
    nameless: u64,
    /// The number of calls without an id in the current record.
    nameless_calls: u64,
    /// The number of things without an id, by the properties that they share.
    alike: HashMap<Box<str>, u64>,
    /// The keys of calls that have a response but no id, by their place in a record.
    in_records: HashMap<Box<str>, Box<str>>,
}

/// The tool whose searches are billed besides the tokens.
const WEB_SEARCH: &str = "WebSearch";

/// The tool that runs commands.
const COMMAND: &str = "Bash";

/// Tools that ask a person a question. Only a person can decline them, whatever the client writes.
const ASKS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Values by key, in the order in which the keys were added.
type Keyed<T> = (HashMap<Box<str>, usize>, Vec<(Box<str>, T)>);

impl<'s> UsageFold<'s> {
    pub fn new(file: &'s SourceFile) -> Self {
        Self {
            file,
            agent: None,
            clock: None,
            trail: Trail::new(file),
            copies: Keyed::default(),
            tool_events: Keyed::default(),
            calls: Calls::default(),
            rounds: Rounds::default(),
            response: None,
            common: Common::default(),
            mcp_servers: HashMap::new(),
            summary: Summary::default(),
            is_of_others: false,
            nameless: 0,
            nameless_calls: 0,
            alike: HashMap::new(),
            in_records: HashMap::new(),
        }
    }

    fn begin(&mut self, event: &Event<'_>, transcript: &Transcript<'_>) {
        if let Some(time) = event.time {
            if self.clock.is_none() {
                // Records before the first time in the file get that time if they have none of their own. For example,
                // the record of a subagent can have a time although the line around it has none.
                self.copies.1.iter_mut().for_each(|(_, copy)| _ = copy.earliest.time.get_or_insert(time));
                self.tool_events.1.iter_mut().for_each(|(_, event)| _ = event.earliest.time.get_or_insert(time));
            }
            self.clock = Some(time);
        }
        self.nameless_calls = 0;
        self.response = None;
        if self.agent.as_deref() != Some(transcript.agent) {
            self.agent = Some(transcript.agent.into());
        }
        self.trail.follow(transcript);
        self.summary.line(event.time, event.id, transcript);
    }

    fn place(&self, event: &Event<'_>) -> Position {
        Position { time: event.time.or(self.clock), line: event.line }
    }

    /// A key for a response without an id: the record's id, else its place, which no other file has.
    fn nameless(&mut self, event: &Event<'_>) -> Box<str> {
        match event.id {
            Some(uuid) => format!("uuid:{uuid}").into(),
            None => {
                self.nameless += 1;
                format!("line:{}:{}:{}", self.file.session_file, event.line, self.nameless).into()
            }
        }
    }

    /// A key for one of several things that are alike. A copy of the file has them in the same order, and so gives them
    /// the same keys.
    fn numbered(&mut self, alike: String) -> Box<str> {
        let number = self.alike.entry(alike.as_str().into()).or_default();
        *number += 1;
        format!("{alike} #{number}").into()
    }

    /// The session or subagent of a record. It is the same in each copy of the file.
    fn session(&mut self, transcript: &Transcript<'_>) -> String {
        let session = self.trail.at(transcript).session_id.unwrap_or_default();
        format!("session:{}", transcript.agent_id.unwrap_or(&session))
    }

    /// The key of a call. A call id is unique within its response, or within its record if there is no response.
    /// Without an id, the call is numbered among the calls of its response to the same tool; that number is the same in
    /// each copy. Without a response, it is identified by its record, or else by properties that a copy shares.
    fn call_key(&mut self, event: &Event<'_>, transcript: &Transcript<'_>, call: &ToolCall<'_>) -> Box<str> {
        let tool = call.tool;
        match (call.message_id, call.call_id, event.id) {
            (Some(response), Some(id), _) => format!("{response} {id}").into(),
            (None, Some(id), Some(uuid)) => format!("uuid:{uuid} {id}").into(),
            (None, Some(id), None) => {
                let alike = format!("{} {id}", self.session(transcript));
                self.numbered(alike)
            }
            (None, None, Some(uuid)) => self.key_in_record(uuid),
            (Some(response), None, Some(uuid)) => {
                // A file can repeat a record, but that does not make a second call.
                let in_record = self.key_in_record(uuid);
                if let Some(key) = self.in_records.get(&in_record) {
                    return key.clone();
                }
                let key = self.numbered(format!("{response} {tool}"));
                self.in_records.insert(in_record, key.clone());
                key
            }
            (Some(response), None, None) => {
                self.nameless += 1;
                self.numbered(format!("{response} {tool}"))
            }
            (None, None, None) => {
                self.nameless += 1;
                let alike = format!("{} {} {tool}", self.session(transcript), micros(event.time));
                self.numbered(alike)
            }
        }
    }

    /// The key of a call without an id, by its place in the record.
    fn key_in_record(&mut self, uuid: &str) -> Box<str> {
        self.nameless_calls += 1;
        format!("uuid:{uuid}:{}", self.nameless_calls).into()
    }

    fn command_key(&mut self, event: &Event<'_>, transcript: &Transcript<'_>, name: &str) -> Box<str> {
        match event.id {
            Some(uuid) => format!("uuid:{uuid}").into(),
            None => {
                self.nameless += 1;
                let alike = format!("{} {} /{name}", self.session(transcript), micros(event.time));
                self.numbered(alike)
            }
        }
    }

    fn response(&mut self, event: &Event<'_>, transcript: &Transcript<'_>, response: &Response<'_>) {
        let at = self.trail.at(transcript);
        let nameless;
        let key: &str = match response.message_id {
            Some(id) => id,
            None => {
                nameless = self.nameless(event);
                &nameless
            }
        };
        let mut before = |key| if self.mcp_servers.is_empty() { None } else { self.mcp_servers.remove(key) };
        let mcp_server = before(key).or_else(|| before(""));
        let earliest = self.place(event);
        let best = Line::new(event, transcript, response, &mut self.common);
        let part = |kind, model: Option<&str>, usage| Part { kind, model: model.map(Rc::from), usage };
        let advisors = response.advisors.iter().map(|call| part(PartKind::Advisor, call.model, call.usage));
        let compactions = response.compactions.iter().map(|usage| part(PartKind::Compaction, response.model, *usage));
        let declined = response.declined.iter().map(|call| part(PartKind::Declined, call.model, call.usage));
        let advisors = advisors.chain(compactions).chain(declined).collect();
        let agent = self.agent.clone();
        let new = ResponseCopy { agent, earliest, at, best, advisors, tool_web_searches: 0, mcp_server };
        let known = self.copies.0.get(key).copied();
        self.response = Some(known.unwrap_or(self.copies.1.len()));
        let Some((_, copy)) = known.and_then(|at| self.copies.1.get_mut(at)) else {
            insert(&mut self.copies, key.into(), new);
            return;
        };
        // If two lines rank equal, the first one wins.
        if new.rank() > copy.rank() {
            (copy.best, copy.advisors) = (new.best, new.advisors);
        }
        if new.earliest.order(&copy.earliest) == Ordering::Less {
            (copy.earliest, copy.at) = (new.earliest, new.at);
        }
        copy.mcp_server = copy.mcp_server.take().or(new.mcp_server);
    }

    /// Adds a call or a command. Returns its position if it is new.
    fn tool_event(
        &mut self,
        event: &Event<'_>,
        transcript: &Transcript<'_>,
        key: Box<str>,
        message_id: Option<&str>,
        what: What,
        deed: Deed,
    ) -> Option<usize> {
        let at = self.trail.at(transcript);
        let new = ToolEvent {
            agent: self.agent.clone(),
            earliest: self.place(event),
            at,
            message_id: common(&mut self.common.message_id, message_id),
            side_chain: transcript.side_chain,
            what,
            is_error: None,
            web_searches: 0,
            subagent_id: None,
            declined_by: None,
            cause: None,
            error: None,
            deed,
            changed: None,
            round: 0,
        };
        let Some((event, new)) = insert(&mut self.tool_events, key, new) else {
            return self.tool_events.1.len().checked_sub(1);
        };
        if new.earliest.order(&event.earliest) == Ordering::Less {
            let &mut ToolEvent { is_error, declined_by, web_searches, cause, changed, round, .. } = event;
            let (subagent_id, error) = (event.subagent_id.take(), event.error.take());
            *event =
                ToolEvent { is_error, declined_by, web_searches, cause, error, subagent_id, changed, round, ..new };
        }
        None
    }

    fn tool_call(&mut self, event: &Event<'_>, transcript: &Transcript<'_>, call: &ToolCall<'_>) {
        let key = self.call_key(event, transcript, call);
        let new = self.tool_event(event, transcript, key, call.message_id, What::of(call), Deed::of(call.work));
        if let Some((_, called)) = new.and_then(|position| self.tool_events.1.get_mut(position)) {
            called.round = self.rounds.of(transcript.agent_id, called.message_id.as_ref());
        }
        if let (Some(position), Some(id)) = (new, call.call_id) {
            let (ending, subagent) = self.calls.call(transcript.agent_id, id, position);
            if let Some(ending) = ending {
                self.end_call(position, ending);
            }
            if let Some((_, called)) = self.tool_events.1.get_mut(position) {
                called.subagent_id = subagent;
            }
        }
        match call.kind {
            ToolKind::Skill { skill: Some(skill) } => self.trail.skill(transcript, skill),
            ToolKind::Mcp { server, .. } => self.mcp_call(call.message_id, server),
            _ => {}
        }
    }

    fn end_call(&mut self, position: usize, ending: Ending) {
        let Ending { is_error, declined_by, web_searches, cause, error, lines } = ending;
        if let Some((_, event)) = self.tool_events.1.get_mut(position) {
            let asks = ASKS.iter().any(|tool| event.what.is_tool(tool));
            event.declined_by = declined_by.map(|by| if asks { Decliner::Person } else { by });
            event.is_error = Some(is_error && !(asks && declined_by.is_some()));
            event.web_searches = web_searches;
            event.cause = match cause {
                // Older clients pass on what a command printed but not its exit code.
                Some(Cause::Other) if event.what.is_tool(COMMAND) => Some(Cause::Exit),
                cause => cause,
            };
            event.error = error;
            event.changed = lines;
        }
    }

    /// Notes the MCP server at the response that contains the call: the one that the message or the record names. A
    /// response can follow its calls.
    fn mcp_call(&mut self, message_id: Option<&str>, server: &str) {
        let (index, copies) = &mut self.copies;
        // A response without an id is the next one.
        let told = message_id.map_or(self.response, |id| index.get(id).copied());
        match told.and_then(|at| copies.get_mut(at)) {
            Some((_, copy)) => _ = copy.mcp_server.get_or_insert_with(|| server.into()),
            None => {
                let id = message_id.unwrap_or_default();
                self.mcp_servers.entry(id.into()).or_insert_with(|| server.into());
            }
        }
    }
}

/// Numbers the responses with calls in each conversation. A repeated attempt is in a later response; the calls of one
/// response are made in parallel.
#[derive(Default)]
struct Rounds(HashMap<Option<Box<str>>, Round>);

/// The last response with calls of a conversation, and its number.
#[derive(Default)]
struct Round {
    response: Option<Rc<str>>,
    number: u64,
}

impl Rounds {
    /// The number of the response of a new call in a conversation: that of a subagent, or the main one. A call without
    /// a response gets a number of its own.
    fn of(&mut self, agent: Option<&str>, response: Option<&Rc<str>>) -> u64 {
        let last = self.0.entry(agent.map(Into::into)).or_default();
        if response.is_none() || last.response.as_ref() != response {
            *last = Round { response: response.cloned(), number: last.number + 1 };
        }
        last.number
    }
}

/// A time, for a key.
fn micros(time: Option<DateTime<Utc>>) -> String {
    time.map_or("-".to_owned(), |time| time.timestamp_micros().to_string())
}

/// Adds a value under a new key. If the key exists, returns the existing value and the new one.
fn insert<T>((index, values): &mut Keyed<T>, key: Box<str>, value: T) -> Option<(&mut T, T)> {
    match index.entry(key) {
        Entry::Occupied(entry) => values.get_mut(*entry.get()).map(|(_, old)| (old, value)),
        Entry::Vacant(entry) => {
            values.push((entry.key().clone(), value));
            entry.insert(values.len() - 1);
            None
        }
    }
}

impl Fold for UsageFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let (transcript, said) = match event.said {
            Said::Agent(transcript, said) => (transcript, said),
            Said::Malformed { .. } => return self.summary.malformed_lines += 1,
            Said::Activity(_) | Said::Task(_) => return self.is_of_others = true,
            Said::Record { .. } => return,
        };
        match said {
            Agent::Begin => self.begin(event, transcript),
            Agent::Prompt { text } => {
                // A subagent's prompts are written by its parent.
                if transcript.agent_id.is_none() {
                    self.summary.prompt(text);
                }
                self.trail.turn(transcript, None);
            }
            Agent::Title(title) => self.summary.title(title),
            Agent::Compacted => self.summary.compactions += 1,
            Agent::Interrupted => self.summary.interruptions += u64::from(transcript.agent_id.is_none()),
            Agent::Reply { .. } | Agent::Launched { .. } | Agent::Finished(_) | Agent::Todo(_) => {}
            Agent::Response(response) => self.response(event, transcript, &response),
            Agent::ToolCall(call) => self.tool_call(event, transcript, &call),
            Agent::ToolResult { call_id, is_error, declined_by, web_searches, fault, lines, .. } => {
                let (cause, error) =
                    (fault.map(|fault| fault.cause), fault.and_then(|fault| caption::error(fault.message)));
                let ending = Ending { is_error, declined_by, web_searches, cause, error: error.map(Into::into), lines };
                let called = call_id.and_then(|id| self.calls.result(transcript.agent_id, id, ending.clone()));
                if let Some(position) = called {
                    self.end_call(position, ending);
                }
            }
            Agent::Subagent { call_id, agent_id } => {
                let position = self.calls.subagent(transcript.agent_id, call_id, agent_id);
                if let Some((_, event)) = position.and_then(|position| self.tool_events.1.get_mut(position)) {
                    event.subagent_id.get_or_insert_with(|| agent_id.into());
                }
            }
            Agent::SlashCommand { name } => {
                self.trail.turn(transcript, Some(name));
                self.summary.turns += u64::from(transcript.agent_id.is_none());
                let key = self.command_key(event, transcript, name);
                self.tool_event(
                    event,
                    transcript,
                    key,
                    None,
                    What::SlashCommand { name: name.into() },
                    Deed::default(),
                );
            }
            Agent::ApiError { cause } => self.summary.api_error(cause),
            Agent::ReportedCost { total } => {
                let session_id = self.trail.at(transcript).session_id;
                self.summary.reported_cost(session_id, total);
            }
        }
    }

    fn held(&self) -> usize {
        let maps = self.calls.held()
            + self.mcp_servers.len()
            + self.in_records.len()
            + self.trail.held()
            + self.rounds.0.len();
        self.copies.1.len() + self.tool_events.1.len() + maps + self.summary.held()
    }

    fn finish(mut self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        // A log of web events or of tasks is not a session of an agent.
        if self.is_of_others && self.agent.is_none() {
            return Ok(());
        }
        let (index, copies) = &mut self.copies;
        for (_, event) in &self.tool_events.1 {
            let called_by = event.message_id.as_deref().filter(|_| event.what.is_tool(WEB_SEARCH));
            if let Some((_, copy)) = called_by.and_then(|id| copies.get_mut(*index.get(id)?)) {
                copy.tool_web_searches = copy.tool_web_searches.saturating_add(event.web_searches);
            }
        }
        for (id, copy) in &self.copies.1 {
            copy.push(id, facts);
        }
        for (id, event) in &self.tool_events.1 {
            event.push(id, facts);
        }
        let copies = self.copies.1.iter().map(|(_, copy)| copy);
        let tool_events = self.tool_events.1.iter().map(|(_, event)| event);
        self.summary.push(self.file, self.agent.as_deref(), copies, tool_events, facts);
        Ok(())
    }
}
