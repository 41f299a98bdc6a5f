//! Codex CLI rollouts: `{timestamp, type, payload}` a line. The format is described in COUNTING.
//!
//! Tokens are told as the session's total so far: what it has grown by is a response. A total that is
//! repeated is none; one that is smaller begins anew. The model is that of the latest turn.

mod record;
mod refusal;
mod replay;

use super::json::{self, Object};
use super::splice::{self, Place};
use super::{Dialect, Parser};
use record::{Entry, Payload, Totals};
use replay::Replay;
use sessionmill_contract::event::{Decliner, Response, ToolCall, ToolKind, Usage};
use sessionmill_contract::{Event, Kind, Record};

pub const CODEX: Dialect = Dialect { name: "codex", recognises, open: || Box::<Codex>::default() };

/// Types that the format is known to have.
const KNOWN: [&str; 6] = ["compacted", "event_msg", "response_item", "session_meta", "turn_context", "world_state"];

/// What earlier lines say of the later ones.
#[derive(Default)]
struct Codex {
    /// The session of the file: the first one that it tells; the others are of its parents.
    session_id: Option<Box<str>>,
    /// The session that it works for as a subagent.
    parent: Option<Box<str>>,
    branch: Option<Box<str>>,
    version: Option<Box<str>>,
    cwd: Option<Box<str>>,
    model: Option<Box<str>>,
    total: Sum,
    /// Responses so far.
    responses: u64,
    replay: Replay,
}

/// Tokens so far.
#[derive(Clone, Copy, Default, PartialEq)]
struct Sum {
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
}

/// Whether one of the first lines has the format's shape.
fn recognises(head: &[u8]) -> bool {
    super::first_lines(head).any(|line| {
        let is_entry =
            |entry: &Entry<'_>| entry.payload.is_some() && entry.kind.get().is_some_and(|kind| KNOWN.contains(&kind));
        match serde_json::from_slice::<Object<Entry<'_>>>(line) {
            Ok(Object(entry)) => entry.as_ref().is_some_and(is_entry),
            // The first line can be longer than the head: it holds the instructions.
            Err(_) => {
                let start = String::from_utf8_lossy(&line[..line.len().min(200)]).replace(' ', "");
                let (before, _) = start.split_once(r#""payload":{"#).unwrap_or_default();
                KNOWN.iter().any(|kind| before.contains(&format!(r#""type":"{kind}""#)))
            }
        }
    })
}

impl Parser for Codex {
    fn line(&mut self, number: u64, bytes: &[u8], events: &mut dyn FnMut(&Event<'_>)) {
        let is_whole = splice::records(bytes, &mut |rest, place| {
            let (entry, length): (Entry<'_>, _) = splice::record(rest)?;
            // No object inside of a record has a payload and the time of one.
            let is_record = entry.payload.is_some() && entry.kind.get().is_some();
            let is_marked = place != Place::PerhapsInside || entry.timestamp.0.is_some();
            if place != Place::Due && !(is_record && is_marked) {
                return None;
            }
            self.tell(number, &entry, events);
            Some(length)
        });
        if !is_whole {
            events(&Event { record: &Record { line: number, ..Record::default() }, kind: Kind::Malformed });
        }
    }
}

impl Codex {
    /// Hands on what one record says.
    fn tell(&mut self, line: u64, entry: &Entry<'_>, events: &mut dyn FnMut(&Event<'_>)) {
        let none = Payload::default();
        let payload = entry.payload.as_ref().unwrap_or(&none);
        let kind = entry.kind.get().unwrap_or(Dialect::NO_TYPE);
        self.context(kind, payload, entry);
        let grown =
            payload.total.filter(|_| payload.kind.get() == Some("token_count")).and_then(|total| self.grow(total));
        let is_replayed = self.replay.has(entry.timestamp.0);
        let response_id = grown.filter(|_| !is_replayed).map(|usage| {
            self.responses += 1;
            (usage, format!("codex:{}:{}", self.session_id.as_deref().unwrap_or_default(), self.responses))
        });
        let record = Record {
            line,
            agent: CODEX.name,
            // The history of a parent is not when this session was at work.
            time: entry.timestamp.0.filter(|_| !is_replayed),
            session_id: self.parent.as_deref().or(self.session_id.as_deref()),
            agent_id: self.session_id.as_deref().filter(|_| self.parent.is_some()),
            cwd: self.cwd.as_deref(),
            branch: self.branch.as_deref(),
            version: self.version.as_deref(),
            ..Record::default()
        };
        events(&Event { record: &record, kind: Kind::Line { name: kind, known: KNOWN.contains(&kind) } });
        if is_replayed {
            return;
        }
        if let Some((usage, id)) = &response_id {
            let kind = Kind::Response(Response {
                // A session without an id has responses of this file only.
                message_id: self.session_id.as_ref().map(|_| &**id),
                model: self.model.as_deref(),
                usage: *usage,
                // It is told when it is complete.
                stop_reason: Some("completed"),
                fast: false,
                web_searches: 0,
                advisors: &[],
                reported_cost: None,
            });
            events(&Event { record: &record, kind });
        }
        speak(kind, payload, &mut |kind| events(&Event { record: &record, kind }));
    }

    /// Takes in what a record says of those that follow.
    fn context(&mut self, kind: &str, payload: &Payload<'_>, entry: &Entry<'_>) {
        match (kind, payload.kind.get()) {
            ("session_meta", _) => {
                let parent = payload.forked_from.id().or(payload.parent.id());
                self.replay.session(payload.id.id(), parent, entry.timestamp.0);
                if self.session_id.is_none() {
                    self.session_id = payload.id.id().map(Into::into);
                    self.parent = payload.parent.id().map(Into::into);
                    self.branch = payload.branch.name().map(Into::into);
                    self.version = payload.version.name().map(Into::into);
                    self.cwd = payload.cwd.directory().map(Into::into);
                }
            }
            ("turn_context", _) => {
                self.replay.turn(payload.turn_id.id());
                self.model = payload.model.name().map(Into::into).or(self.model.take());
                self.cwd = payload.cwd.directory().map(Into::into).or(self.cwd.take());
            }
            ("event_msg", Some("task_started")) => self.replay.turn(payload.turn_id.id()),
            _ => {}
        }
    }

    /// What the total has grown by; `None` if it says what it said before.
    fn grow(&mut self, total: Totals) -> Option<Usage> {
        let count = |count: json::Count| count.0.unwrap_or_default();
        let total = Sum {
            input: count(total.input),
            cached: count(total.cached).min(count(total.input)),
            output: count(total.output),
            reasoning: count(total.reasoning).min(count(total.output)),
        };
        let restarted = total.input + total.output < self.total.input + self.total.output;
        let before = if restarted { Sum::default() } else { self.total };
        if total == self.total {
            return None;
        }
        self.total = total;
        let input = total.input.saturating_sub(before.input);
        let cache_read = total.cached.saturating_sub(before.cached).min(input);
        let output = total.output.saturating_sub(before.output);
        let reasoning = total.reasoning.saturating_sub(before.reasoning).min(output);
        let usage = Usage { input: input - cache_read, output, reasoning, cache_read, ..Usage::default() };
        (usage.total() > 0).then_some(usage)
    }
}

fn speak(kind: &str, payload: &Payload<'_>, event: &mut dyn FnMut(Kind<'_>)) {
    match (kind, payload.kind.get().unwrap_or_default()) {
        ("event_msg", "user_message") => event(Kind::Prompt { text: payload.message.get().unwrap_or_default() }),
        ("event_msg", "agent_message") => event(Kind::Reply { text: payload.message.get().unwrap_or_default() }),
        ("event_msg", "error" | "stream_error") => event(Kind::ApiError),
        ("response_item", "function_call" | "custom_tool_call") => call(payload, payload.name.name(), event),
        ("response_item", "local_shell_call") => call(payload, Some("local_shell"), event),
        ("response_item", "web_search_call") => call(payload, Some("web_search"), event),
        ("response_item", "tool_search_call") => call(payload, Some("tool_search"), event),
        ("response_item", "function_call_output" | "custom_tool_call_output" | "tool_search_output") => {
            let output = payload.output.get().unwrap_or_default();
            let declined_by = refusal::decliner(output);
            let is_error = declined_by.map_or_else(|| has_failed(output), Decliner::is_error);
            event(Kind::ToolResult { call_id: payload.call_id.id(), is_error, declined_by, web_searches: 0 });
        }
        _ => {}
    }
}

fn call(payload: &Payload<'_>, tool: Option<&str>, event: &mut dyn FnMut(Kind<'_>)) {
    let tool = tool.unwrap_or("(unnamed)");
    let mcp = tool.strip_prefix("mcp__").and_then(|rest| rest.split_once("__"));
    let kind = match mcp {
        Some((server, tool)) => ToolKind::Mcp { server, tool },
        None if tool == "spawn_agent" => ToolKind::Subagent { subagent_type: None },
        None => ToolKind::Plain,
    };
    event(Kind::ToolCall(ToolCall { call_id: payload.call_id.id(), message_id: None, tool, kind }));
}

/// Whether a tool's output begins with an exit code that is not 0.
fn has_failed(output: &str) -> bool {
    const BEFORE: [&str; 3] = ["Process exited with code ", "Exit code: ", r#""exit_code":"#];
    // Output can quote such words further down.
    let head = output.lines().take(4).map(|line| line.get(..200).unwrap_or(line));
    let code = |line: &str| BEFORE.iter().find_map(|before| Some(line.split_once(before)?.1.trim_start().to_owned()));
    head.into_iter().find_map(code).is_some_and(|code| !code.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_known_by_its_first_lines() {
        let long =
            format!(r#"{{"timestamp": "t", "type": "session_meta", "payload": {{"id": "a", "x": "{}"#, "y".repeat(500));
        for (head, known) in [
            (r#"{"timestamp":"t","type":"session_meta","payload":{"id":"a"}}"#, true),
            (&*long, true),
            ("{\"broken\n{\"payload\":{},\"type\":\"event_msg\"}\n", true),
            (r#"{"type":"user","message":{"role":"user","content":"\"type\":\"event_msg\",\"payload\":{"}}"#, false),
            (r#"{"type":"event_msg"}"#, false),
            ("", false),
        ] {
            assert_eq!(recognises(head.as_bytes()), known, "{head}");
        }
    }

    #[test]
    fn an_exit_code_that_is_not_0_is_a_failure() {
        for (output, failed) in [
            ("Chunk ID: 6d\nWall time: 0.1 seconds\nProcess exited with code 1\nOutput:\n", true),
            ("Chunk ID: 6d\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nExit code: 1", false),
            ("Exit code: 127\nWall time: 0 seconds", true),
            (r#"{"output":"","metadata":{"exit_code":2,"duration_seconds":0.1}}"#, true),
            ("a\nb\nc\nd\nExit code: 1", false),
            ("", false),
        ] {
            assert_eq!(has_failed(output), failed, "{output}");
        }
    }
}
