//! Codex CLI rollouts: each line is `{timestamp, type, payload}`. COUNTING.md describes the format.
//!
//! A growth of the session's token total counts as a response, and so does a usage record that the total does not
//! include. The model is that of the latest turn. The first generation of the format has a header without a type,
//! followed by bare response items, and has no token counts.

mod call;
mod collab;
mod counter;
mod known;
mod line;
mod record;
mod refusal;
mod replay;
mod said;
mod session;
mod tier;
mod work;

use super::fault;
use super::json;
use super::splice::{self, Position};
use super::{Ask, Dialect, Parsed, Parser};
use call::Calls;
use counter::{Context, Counter, Recorded};
use line::Line;
use record::{Entry, Payload, texts};
use replay::Replay;
use said::{Said, Way};
use session::Session;
use sessionmill_contract::event::{self, Response, Usage};
use sessionmill_contract::{Agent, Event, Title, TitleBy};
use tier::Tier;

pub(super) const CODEX: Dialect = Dialect { name: "codex", open: || Box::<Codex>::default(), lists: false };

/// What earlier lines say about later ones.
#[derive(Default)]
struct Codex {
    session: Session,
    counter: Counter,
    /// The number of responses that the total includes so far.
    responses: u64,
    calls: Calls,
    said: Said,
    replay: Replay,
    tier: Tier,
    /// A header or another mark of the first generation was seen. The other records of such a file look like items of
    /// OpenAI's API.
    is_first_generation: bool,
}

impl Parser for Codex {
    fn record(
        &mut self,
        at: Position,
        line: u64,
        bytes: &[u8],
        ask: Ask,
        events: &mut dyn FnMut(&Event<'_>),
    ) -> Parsed {
        let Some((entry, length)): Option<(Entry<'_>, _)> = splice::record(bytes) else { return Parsed::NoRecord };
        let is_mark = line::is_mark(&entry);
        if ask == Ask::Own && !is_mark && !line::is_own(&entry, self.is_first_generation) {
            return Parsed::Foreign;
        }
        // Objects inside a record never have both a payload and a timestamp.
        let is_record = entry.payload.is_some() && entry.kind.get().is_some();
        let is_marked = at != Position::PerhapsInside || entry.timestamp.0.is_some();
        if at != Position::Due && !(is_record && is_marked) {
            return Parsed::NoRecord;
        }
        self.is_first_generation |= is_mark;
        self.emit(line, &entry, events);
        Parsed::Record(length)
    }

    fn end(&mut self, events: &mut dyn FnMut(&Event<'_>)) {
        for (number, recorded) in (1_u64..).zip(self.counter.rest()) {
            let id = match &recorded.response_id {
                Some(id) => self.session.response_id(format_args!("record:{id}")),
                None => self.session.response_id(format_args!("record:{number}")),
            };
            let Recorded { line, time, .. } = recorded;
            let transcript = self.session.transcript(recorded.cwd.as_deref());
            let (model, tier) = (recorded.model.as_deref(), recorded.tier.as_deref());
            let said = response(id.as_deref(), model, tier, recorded.usage.usage());
            events(&Event { line, time, id: None, said: event::Said::Agent(&transcript, said) });
        }
    }
}

impl Codex {
    /// Emits what one record says.
    fn emit(&mut self, number: u64, entry: &Entry<'_>, events: &mut dyn FnMut(&Event<'_>)) {
        let none = Payload::default();
        let line = Line::of(entry, &none);
        let (time, ordinal) = (entry.timestamp.0, entry.ordinal.0);
        self.context(&line, entry);
        let is_replayed = self.replay.has(time, ordinal);
        let counted = self.count(&line, number, entry, is_replayed).map(|usage| {
            self.responses += 1;
            self.calls.answered();
            self.said.answered();
            (usage, self.session.response_id(self.responses))
        });
        let Self { session, responses, calls, said, tier, .. } = self;
        let (kind, known) = known::of(entry, line.kind, line.inner);
        let record = Event {
            line: number,
            // A parent's history does not show when this session was active.
            time: time.filter(|_| !is_replayed),
            id: None,
            said: event::Said::Record { kind: &kind, known },
        };
        let transcript = session.transcript(session.cwd.as_deref());
        events(&record);
        events(&Event { said: event::Said::Agent(&transcript, Agent::Begin), ..record });
        if is_replayed {
            return;
        }
        let event = &mut |said: Agent<'_>| events(&Event { said: event::Said::Agent(&transcript, said), ..record });
        if let Some((usage, id)) = &counted {
            event(response(id.as_deref(), session.model.as_deref(), tier.current(), *usage));
        }
        match line.kind {
            "response_item" if line.is_bare && line.inner == Some("message") => {
                bare_message(entry, event);
            }
            "response_item" if line.inner == Some("message") => collab::note(line.payload.content, event),
            "response_item" => {
                let next = session.response_id(*responses + 1);
                calls.emit(line.inner.unwrap_or_default(), line.payload, next.as_deref(), event);
            }
            "compacted" => event(Agent::Compacted),
            // In a subagent's session, the agent that started it writes in the role of the user.
            "event_msg" => {
                speak(said, line.inner.unwrap_or_default(), line.payload, session.parent.is_some(), event);
            }
            _ => {}
        }
    }

    /// Notes what a record says about later ones.
    fn context(&mut self, line: &Line<'_>, entry: &Entry<'_>) {
        let (payload, time) = (line.payload, entry.timestamp.0);
        self.tier.follow(line.kind, payload);
        self.replay.follow(payload.thread_id.id(), entry.ordinal.0);
        match (line.kind, line.inner) {
            ("session_meta", _) => {
                self.replay.session(payload, time);
                if self.session.id.is_none() {
                    let Session { cwd, model, .. } = std::mem::replace(&mut self.session, Session::of(payload));
                    self.session.cwd = self.session.cwd.take().or(cwd);
                    self.session.model = model;
                }
            }
            ("turn_context", _) => {
                self.replay.turn(payload.turn_id.id(), time);
                self.session.model = payload.model.name().map(Into::into).or(self.session.model.take());
                self.session.cwd = payload.cwd.directory().map(Into::into).or(self.session.cwd.take());
            }
            ("event_msg", Some("task_started" | "turn_started")) => {
                self.replay.turn(payload.turn_id.id(), time);
                self.said.turn_begins();
            }
            ("event_msg", Some("task_complete" | "turn_complete" | "turn_aborted")) => self.said.turn_ends(),
            ("response_item", Some("message")) if line.is_bare => {
                let cwd = texts(&entry.content).find_map(said::directory).map(json::shortened);
                self.session.cwd = cwd.map(Into::into).or(self.session.cwd.take());
            }
            _ => {}
        }
    }

    /// The growth of the session's total. A record of a single response is kept until the end of the file.
    fn count(&mut self, line: &Line<'_>, number: u64, entry: &Entry<'_>, is_replayed: bool) -> Option<Usage> {
        let payload = line.payload;
        match (line.kind, line.inner) {
            ("event_msg", Some("token_count")) => {
                let context = Context { is_replayed, inherits: self.session.inherits };
                let grown = self.counter.count(payload.total, payload.last, context);
                grown.filter(|_| !is_replayed).map(counter::Sum::usage)
            }
            ("token_usage_record", _) => {
                self.record(payload, number, entry, is_replayed);
                None
            }
            ("compacted", _) => {
                // A client that rewrites a thread drops earlier records. The checkpoint has a copy of the latest.
                let latest = payload.latest.as_ref().filter(|latest| latest.response_id.id().is_some());
                latest.into_iter().for_each(|latest| self.record(latest, number, entry, is_replayed));
                None
            }
            _ => None,
        }
    }

    /// Keeps the usage record of a response. If it names another thread, it is a copy and is ignored.
    fn record(&mut self, payload: &Payload<'_>, number: u64, entry: &Entry<'_>, is_replayed: bool) {
        let thread = payload.thread_id.id().zip(self.session.id.as_deref());
        let is_own = thread.map_or(!is_replayed, |(thread, own)| thread == own);
        let Some(usage) = payload.usage.filter(|_| is_own) else { return };
        let record = Recorded::new(number, entry.timestamp.0, usage, payload.thread_usage);
        let response_id = payload.response_id.id().map(Into::into);
        let Session { model, cwd, .. } = &self.session;
        let (model, cwd) = (model.clone(), cwd.clone());
        let tier = self.tier.current().map(Into::into);
        self.counter.record(Recorded { response_id, model, cwd, tier, ..record });
    }
}

/// A response. Clients write its usage when it is complete.
fn response<'r>(
    message_id: Option<&'r str>,
    model: Option<&'r str>,
    service_tier: Option<&'r str>,
    usage: Usage,
) -> Agent<'r> {
    Agent::Response(Response {
        message_id,
        model,
        usage,
        stop_reason: Some("completed"),
        service_tier,
        ..Response::default()
    })
}

/// Emits what a message of the first generation says.
fn bare_message(entry: &Entry<'_>, event: &mut dyn FnMut(Agent<'_>)) {
    let text = said::joined(texts(&entry.content));
    match entry.role.get() {
        Some("user") if !text.trim().is_empty() && !said::is_injected(&text) => event(Agent::Prompt { text: &text }),
        Some("assistant") => event(Agent::Reply { text: &text }),
        _ => {}
    }
}

/// Emits what an event says.
fn speak(said: &mut Said, kind: &str, payload: &Payload<'_>, is_subagent: bool, event: &mut dyn FnMut(Agent<'_>)) {
    let item_id = payload.item.as_ref().and_then(|item| item.id.id());
    if kind == "item_completed" && said.is_completed(payload.turn_id.id(), item_id) {
        return;
    }
    let mut say = |by_person: bool, text: &str, way: Way| {
        if said.is_repeated(by_person, text, way) {
            return;
        }
        match by_person {
            true if is_subagent || said::is_injected(text) => {}
            true => event(Agent::Prompt { text }),
            false => event(Agent::Reply { text }),
        }
    };
    let message = payload.message.get().unwrap_or_default();
    match kind {
        "user_message" => say(true, message, Way::Event),
        "agent_message" => say(false, message, Way::Event),
        "item_completed" => {
            let Some(item) = &payload.item else { return };
            match item.kind.get() {
                Some("UserMessage") => say(true, &said::joined(texts(&item.content)), Way::Item),
                Some("AgentMessage") => texts(&item.content).for_each(|text| say(false, text, Way::Item)),
                _ => {}
            }
        }
        "error" | "stream_error" => event(Agent::ApiError { cause: fault::api(message) }),
        "thread_name_updated" => {
            if let Some(text) = payload.title.get() {
                event(Agent::Title(Title { text, by: TitleBy::Person }));
            }
        }
        "turn_aborted" if payload.reason.get() == Some("interrupted") && !is_subagent => event(Agent::Interrupted),
        _ => {}
    }
}
