//! The state over one source file: its copies, its tool calls, its summary.

use crate::copy::{Copy, Line, Part};
use crate::place::Place;
use crate::session::Summary;
use crate::tool_event::{ToolEvent, What};
use crate::whereabouts::Trail;
use chrono::{DateTime, Utc};
use sessionmill_contract::event::{Decliner, Response, ToolCall, ToolKind};
use sessionmill_contract::{Event, Failure, Fold, Kind, Record, Rows, SourceFile};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

/// The fold of the usage processor.
pub struct UsageFold<'s> {
    file: &'s SourceFile,
    agent: Option<Rc<str>>,
    /// Time of the last record that has one.
    clock: Option<DateTime<Utc>>,
    trail: Trail,
    copies: Keyed<Copy>,
    tool_events: Keyed<ToolEvent>,
    results: HashMap<Box<str>, Ending>,
    /// Subagents by the call that they work on.
    subagents: HashMap<Box<str>, Rc<str>>,
    /// The response of the record at hand.
    response: Option<Box<str>>,
    /// The server of a call that is told before its response.
    mcp_server: Option<Rc<str>>,
    summary: Summary,
    nameless: u64,
    /// Calls without an id in the record at hand.
    nameless_calls: u64,
}

/// What the result of a tool call says.
struct Ending {
    is_error: bool,
    declined_by: Option<Decliner>,
    web_searches: u64,
}

/// The tool whose searches are billed beside the tokens.
const WEB_SEARCH: &str = "WebSearch";

/// Tools that ask the person: it is the person who declines them, whatever the client writes.
const ASKS: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

/// Values by key, in the order in which the keys came.
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
            results: HashMap::new(),
            subagents: HashMap::new(),
            response: None,
            mcp_server: None,
            summary: Summary::default(),
            nameless: 0,
            nameless_calls: 0,
        }
    }

    fn line(&mut self, record: &Record<'_>) {
        if let Some(time) = record.time {
            if self.clock.is_none() {
                // What stands above the file's first time has that time, if it has none of its own: a
                // subagent's record can have one where the line around it has not.
                self.copies.1.iter_mut().for_each(|(_, copy)| _ = copy.earliest.time.get_or_insert(time));
                self.tool_events.1.iter_mut().for_each(|(_, event)| _ = event.earliest.time.get_or_insert(time));
            }
            self.clock = Some(time);
        }
        self.nameless_calls = 0;
        self.response = None;
        self.agent.get_or_insert_with(|| record.agent.into());
        self.trail.follow(record);
        self.summary.line(record);
    }

    fn place(&self, record: &Record<'_>) -> Place {
        Place { time: record.time.or(self.clock), line: record.line }
    }

    /// A key for what has no identity of its own: the record's, else its place, which no other file
    /// can repeat.
    fn nameless(&mut self, record: &Record<'_>, suffix: &str) -> Box<str> {
        match record.uuid {
            Some(uuid) => format!("uuid:{uuid}{suffix}").into(),
            None => {
                self.nameless += 1;
                format!("line:{}:{}:{}", self.file.session_file, record.line, self.nameless).into()
            }
        }
    }

    fn response(&mut self, record: &Record<'_>, response: &Response<'_>) {
        let at = self.trail.at(record);
        let key: Box<str> = match response.message_id {
            Some(id) => id.into(),
            None => self.nameless(record, ""),
        };
        self.response = Some(key.clone());
        let earliest = self.place(record);
        let best = Line::new(record, response);
        let part = |advisor: &sessionmill_contract::event::Advisor<'_>| Part {
            model: advisor.model.map(Rc::from),
            usage: advisor.usage,
        };
        let advisors = response.advisors.iter().map(part).collect();
        let agent = self.agent.clone();
        let mcp_server = self.mcp_server.take();
        let new = Copy { agent, earliest, at, best, advisors, tool_web_searches: 0, mcp_server };
        let Some(copy) = insert(&mut self.copies, key, new) else { return };
        let (copy, new) = copy;
        // Of equals the first line wins.
        if new.best.rank(&copy.best) == Ordering::Greater {
            (copy.best, copy.advisors) = (new.best, new.advisors);
        }
        if new.earliest.order(&copy.earliest) == Ordering::Less {
            (copy.earliest, copy.at) = (new.earliest, new.at);
        }
        copy.mcp_server = copy.mcp_server.take().or(new.mcp_server);
    }

    fn tool_event(&mut self, record: &Record<'_>, key: Box<str>, message_id: Option<&str>, what: What) {
        let at = self.trail.at(record);
        let new = ToolEvent {
            agent: self.agent.clone(),
            earliest: self.place(record),
            at,
            message_id: message_id.map(Rc::from),
            side_chain: record.side_chain,
            what,
            is_error: None,
            subagent_id: None,
            declined_by: None,
        };
        if let Some((event, new)) = insert(&mut self.tool_events, key, new)
            && new.earliest.order(&event.earliest) == Ordering::Less
        {
            *event = new;
        }
    }

    fn tool_call(&mut self, record: &Record<'_>, call: &ToolCall<'_>) {
        let key = match call.call_id {
            Some(id) => id.into(),
            None => {
                self.nameless_calls += 1;
                let suffix = format!(":{}", self.nameless_calls);
                self.nameless(record, &suffix)
            }
        };
        self.tool_event(record, key, call.message_id, What::of(call));
        match call.kind {
            ToolKind::Skill { skill: Some(skill) } => self.trail.skill(record, skill),
            ToolKind::Mcp { server, .. } => self.mcp_call(call.message_id, server),
            _ => {}
        }
    }

    /// Notes the server with the response that holds the call: that of the message or the record, else the
    /// next one.
    fn mcp_call(&mut self, message_id: Option<&str>, server: &str) {
        let (index, copies) = &mut self.copies;
        let known = match message_id.or(self.response.as_deref()) {
            Some(id) => index.get(id).and_then(|at| copies.get_mut(*at)).map(|(_, copy)| &mut copy.mcp_server),
            None => Some(&mut self.mcp_server),
        };
        known.into_iter().for_each(|known| _ = known.get_or_insert_with(|| server.into()));
    }
}

/// Adds a value under a new key, or gives the value that is there and the new one back.
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
        let record = event.record;
        match event.kind {
            Kind::Line { .. } => self.line(record),
            Kind::Malformed => self.summary.malformed_lines += 1,
            Kind::Prompt { .. } => {
                // A subagent's prompts are its parent's.
                self.summary.prompts += u64::from(record.agent_id.is_none());
                self.trail.turn(record, None);
            }
            Kind::Reply { .. } => {}
            Kind::Response(response) => self.response(record, &response),
            Kind::ToolCall(call) => self.tool_call(record, &call),
            Kind::ToolResult { call_id, is_error, declined_by, web_searches } => {
                if let Some(id) = call_id {
                    self.results.entry(id.into()).or_insert(Ending { is_error, declined_by, web_searches });
                }
            }
            Kind::Subagent { call_id, agent_id } => {
                self.subagents.entry(call_id.into()).or_insert_with(|| agent_id.into());
            }
            Kind::SlashCommand { name } => {
                self.trail.turn(record, Some(name));
                let key = self.nameless(record, "");
                self.tool_event(record, key, None, What::SlashCommand { name: name.into() });
            }
            Kind::ApiError => self.summary.api_errors += 1,
            Kind::ReportedCost { total } => {
                let session_id = self.trail.at(record).session_id;
                self.summary.reported_cost(session_id, total);
            }
        }
    }

    fn held(&self) -> usize {
        let maps = self.results.len() + self.subagents.len() + self.trail.held();
        self.copies.1.len() + self.tool_events.1.len() + maps + self.summary.held()
    }

    fn finish(mut self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        let (index, copies) = &mut self.copies;
        for (id, event) in &mut self.tool_events.1 {
            event.subagent_id = self.subagents.get(id).cloned();
            let Some(Ending { is_error, declined_by, web_searches }) = self.results.get(id) else { continue };
            let asks = ASKS.iter().any(|tool| event.what.is_tool(tool));
            event.declined_by = declined_by.map(|by| if asks { Decliner::Person } else { by });
            event.is_error = Some(*is_error && !(asks && declined_by.is_some()));
            let called_by = event.message_id.as_deref().filter(|_| event.what.is_tool(WEB_SEARCH));
            if let Some((_, copy)) = called_by.and_then(|id| copies.get_mut(*index.get(id)?)) {
                copy.tool_web_searches = copy.tool_web_searches.saturating_add(*web_searches);
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
