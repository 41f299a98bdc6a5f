//! Claude Code transcripts: one record per line. A message is nested under `message`, or flat (`{role, content}`).
//!
//! Two records on one line (after a lost line feed) are read as two records. If one of them is cut off, the other is
//! still read. Agent progress lines of older releases contain a record of the subagent, which is read as the subagent's
//! own. COUNTING.md describes the format.

mod notification;
mod record;
mod refusal;
mod sender;
mod text;
mod todo;
mod work;

use super::fault;
use super::json::{self, Unread};
use super::splice::{self, Position};
use super::{Ask, Dialect, Parsed, Parser};
use record::{Block, Content, Entry, Iteration, Message, Tokens};
use sender::Sender;
use sessionmill_contract::event::{Advisor, Decliner, Response, ToolCall, ToolKind, Usage};
use sessionmill_contract::{Agent, Cause, Event, Fault, Output, Said, Title, TitleBy, Transcript};

pub(super) const CLAUDE_CODE: Dialect = Dialect { name: "claude-code", open: || Box::new(ClaudeCode), lists: false };

/// The beginning of the text that the client writes, as the user, when a person interrupts a turn.
const INTERRUPTED: &str = "[Request interrupted by user";

/// The format needs no state: each line can be read by itself.
struct ClaudeCode;

/// The known types of records. Others are read as far as possible, and counted as unknown.
const KNOWN: [&str; 25] = [
    "agent-color",
    "agent-name",
    "agent-setting",
    "ai-title",
    "assistant",
    "attachment",
    "attribution-snapshot",
    "content-replacement",
    "cost-state",
    "custom-title",
    "file-history-snapshot",
    "last-prompt",
    "message",
    "mode",
    "permission-mode",
    "pr-link",
    "progress",
    "queue-operation",
    "speculation-accept",
    "summary",
    "system",
    "tag",
    "task-summary",
    "user",
    "worktree-state",
];

impl Parser for ClaudeCode {
    fn record(
        &mut self,
        at: Position,
        line: u64,
        bytes: &[u8],
        ask: Ask,
        events: &mut dyn FnMut(&Event<'_>),
    ) -> Parsed {
        let Some((entry, length)) = splice::record(bytes) else { return Parsed::NoRecord };
        if ask == Ask::Own && !is_own(&entry) {
            return Parsed::Foreign;
        }
        if !belongs(&entry, at) {
            return Parsed::NoRecord;
        }
        emit(line, &entry, events);
        Parsed::Record(length)
    }
}

/// Whether a record is certainly of Claude Code: it has a type that only this format has, or a session id under its
/// name, or it is a message, flat or nested. Messages of OpenAI's API differ in the types of their parts.
fn is_own(entry: &Entry<'_>) -> bool {
    match entry.kind.get() {
        Some("assistant" | "user") => return true,
        Some("message") | None => {}
        Some(kind) => return KNOWN.contains(&kind) || entry.session_id.get().is_some() || is_flat(entry),
    }
    let nested = entry.nested.as_ref().filter(|_| entry.kind.get().is_none());
    entry.session_id.get().is_some() || is_flat(entry) || nested.is_some_and(|nested| nested.role.get().is_some())
}

fn is_flat(entry: &Entry<'_>) -> bool {
    let is_foreign = |block: &Block<'_>| matches!(block.kind.get(), Some("input_text" | "output_text" | "input_image"));
    entry.message.role.get().is_some() && !entry.message.content.blocks().any(is_foreign)
}

/// Whether an object is a record, rather than part of a broken one. Messages, and the records inside progress lines, do
/// not name a session, directory or version; records do.
fn belongs(entry: &Entry<'_>, place: Position) -> bool {
    let places = [&entry.session_id, &entry.session_id_snake, &entry.cwd, &entry.version];
    match place {
        Position::Due => true,
        Position::AfterBroken => entry.kind.get().is_some() || entry.message.role.get().is_some(),
        Position::PerhapsInside => entry.kind.get().is_some() && places.iter().any(|place| place.get().is_some()),
    }
}

/// Emits what one record says.
fn emit(line: u64, entry: &Entry<'_>, events: &mut dyn FnMut(&Event<'_>)) {
    let cwd = entry.cwd.directory();
    let transcript = Transcript {
        agent: CLAUDE_CODE.name,
        session_id: entry.session_id.id().or(entry.session_id_snake.id()),
        cwd: cwd.as_deref(),
        branch: entry.git_branch.name(),
        remote: None,
        version: entry.version.name(),
        agent_id: entry.agent_id.id(),
        side_chain: entry.is_sidechain.0,
    };
    let name = entry.kind.get().or(entry.message.role.get().map(|_| "message")).unwrap_or(Dialect::NO_TYPE);
    let record = Event {
        line,
        time: entry.timestamp.0,
        id: entry.uuid.id(),
        said: Said::Record { kind: name, known: KNOWN.contains(&name) },
    };
    events(&record);
    events(&Event { said: Said::Agent(&transcript, Agent::Begin), ..record });
    speak(record, &transcript, entry, events);
    if let Some(inner) = entry.progress.as_ref().filter(|_| name == "progress") {
        if let (Some(call_id), Some(agent_id)) = (entry.parent_tool_use_id.id(), entry.progress_agent_id.id()) {
            events(&Event { said: Said::Agent(&transcript, Agent::Subagent { call_id, agent_id }), ..record });
        }
        let record = Event { time: inner.timestamp.0.or(record.time), id: inner.uuid.id(), ..record };
        let transcript = Transcript {
            agent_id: inner.agent_id.id().or(entry.progress_agent_id.id()).or(transcript.agent_id),
            side_chain: true,
            ..transcript
        };
        speak(record, &transcript, inner, events);
    }
}

fn speak(record: Event<'_>, transcript: &Transcript<'_>, entry: &Entry<'_>, events: &mut dyn FnMut(&Event<'_>)) {
    let mut event = |said: Agent<'_>| events(&Event { said: Said::Agent(transcript, said), ..record });
    let message = entry.nested.as_deref().unwrap_or(&entry.message);
    match entry.kind.get().unwrap_or_default() {
        "system" => match entry.subtype.get() {
            Some("api_error") => event(api_error(entry, message)),
            Some("local_command") => {
                if let Some(name) = message.content.texts().find_map(text::slash_command) {
                    event(Agent::SlashCommand { name: json::shortened(name) });
                }
            }
            _ => {}
        },
        kind @ ("summary" | "ai-title" | "custom-title") => {
            let by = match kind {
                "summary" => TitleBy::Summary { last: entry.leaf.id() },
                "ai-title" => TitleBy::Client,
                _ => TitleBy::Person,
            };
            if let Some(text) = entry.title.get() {
                event(Agent::Title(Title { text, by }));
            }
        }
        "cost-state" => {
            if let Some(total) = entry.total_cost.0 {
                event(Agent::ReportedCost { total });
            }
        }
        kind => match message.role.get().unwrap_or(kind) {
            "assistant" => reply(entry, message, &mut event),
            "user" => prompt(transcript, entry, message, &mut event),
            _ => {}
        },
    }
}

/// An error of the API. Its cause is in the text that the client shows to the person, or in a field of the record.
fn api_error(entry: &Entry<'_>, message: &Message<'_>) -> Agent<'static> {
    let noted = entry.error.map_or("", |json::Raw(text)| text);
    let shown: String = message.content.texts().chain([noted]).collect::<Vec<_>>().join("\n");
    Agent::ApiError { cause: fault::api(&shown) }
}

fn reply<'a>(entry: &'a Entry<'_>, message: &'a Message<'_>, event: &mut dyn FnMut(Agent<'_>)) {
    if entry.is_api_error.0 {
        event(api_error(entry, message));
    }
    let synthetic = message.model.get() == Some("<synthetic>");
    if let Some(tokens) = message.usage.as_ref().filter(|_| !synthetic) {
        let advisors: Vec<_> = tokens
            .iterations
            .iter()
            .filter(|iteration| iteration.kind.get() == Some("advisor_message"))
            .map(|iteration| Advisor { model: iteration.model.name(), usage: usage(&iteration.tokens) })
            .collect();
        let compactions = tokens.iterations.iter().filter(|iteration| iteration.kind.get() == Some("compaction"));
        let compactions: Vec<_> = compactions.map(|iteration| usage(&iteration.tokens)).collect();
        let declined = declined(tokens);
        event(Agent::Response(Response {
            message_id: message.id.id(),
            model: message.model.name(),
            usage: usage(tokens),
            stop_reason: message.stop_reason.name(),
            fast: tokens.speed.get() == Some("fast"),
            web_searches: tokens.web_searches.0.unwrap_or_default(),
            advisors: &advisors,
            reported_cost: entry.cost.0,
            compactions: &compactions,
            declined: &declined,
            service_tier: tokens.service_tier.name().filter(|name| !name.is_empty()),
            inference_geo: tokens.inference_geo.name().filter(|name| !name.is_empty()),
        }));
    }
    for block in message.content.blocks() {
        match block.kind.get() {
            Some("text") if !synthetic => event(Agent::Reply { text: block.text.get().unwrap_or_default() }),
            Some("tool_use") => {
                let tool = block.name.name().unwrap_or("(unnamed)");
                event(Agent::ToolCall(ToolCall {
                    call_id: block.id.id(),
                    message_id: message.id.id(),
                    tool,
                    kind: tool_kind(tool, block),
                    work: work::of(tool, block),
                }));
            }
            _ => {}
        }
    }
    if let Content::Text(text) = &message.content
        && !synthetic
    {
        event(Agent::Reply { text });
    }
}

/// Declined attempts of a response that a fallback model served: the iterations of type `message` beside the fallback's
/// own. Attempts without output are not billed.
fn declined<'a>(tokens: &'a Tokens<'_>) -> Vec<Advisor<'a>> {
    let of_kind = |kind| tokens.iterations.iter().filter(move |iteration| iteration.kind.get() == Some(kind));
    let output = |iteration: &Iteration<'_>| usage(&iteration.tokens).output;
    let served: u64 = of_kind("fallback_message").map(output).sum();
    let attempted: u64 = of_kind("message").map(output).sum();
    // Without a fallback there are none. If the sum includes the attempts, they are already counted.
    if of_kind("fallback_message").next().is_none() || usage(tokens).output >= served + attempted {
        return Vec::new();
    }
    let billed = of_kind("message").filter(|iteration| output(iteration) > 0);
    billed.map(|iteration| Advisor { model: iteration.model.name(), usage: usage(&iteration.tokens) }).collect()
}

fn tool_kind<'a>(tool: &'a str, block: &'a Block<'_>) -> ToolKind<'a> {
    match tool {
        "Skill" => ToolKind::Skill { skill: block.input.skill.name().or(block.input.name.name()) },
        "Task" | "Agent" => ToolKind::Subagent { subagent_type: block.input.subagent_type.name() },
        _ => ToolKind::mcp(tool).unwrap_or(ToolKind::Plain),
    }
}

fn prompt(transcript: &Transcript<'_>, entry: &Entry<'_>, message: &Message<'_>, event: &mut dyn FnMut(Agent<'_>)) {
    let is_result = |block: &&Block<'_>| block.kind.get() == Some("tool_result");
    let results = message.content.blocks().filter(is_result).count();
    for (number, block) in message.content.blocks().filter(is_result).enumerate() {
        let call_id = block.tool_use_id.id();
        // The record has one note about the tool's work, so it is counted with the first result only.
        let is_first = number == 0;
        let web_searches = if is_first { entry.tool_searches.0.unwrap_or_default() } else { 0 };
        let agent_id = entry.tool_agent_id.id().filter(|_| is_first);
        let answer = if block.is_error.0 { block.answer() } else { None };
        let declined_by = declined_by(entry, block, answer.as_deref(), results == 1);
        let is_error = declined_by.map_or(block.is_error.0, Decliner::is_error);
        let message = answer.as_deref().or(entry.tool_text.get()).unwrap_or_default();
        let cause = || match entry.tool_denial.get() {
            Some("interrupted") => Cause::Interrupted,
            _ => fault::cause(declined_by, message),
        };
        let has_failed = is_error || declined_by.is_some();
        let fault = has_failed.then(|| Fault { cause: cause(), message: fault::inner(message) });
        if let Some(call_id) = call_id.filter(|_| is_first && entry.is_launched) {
            event(Agent::Launched { call_id });
        }
        let lines = entry.tool_patch.filter(|_| is_first).and_then(work::patched);
        let output = block.result.map_or(Output::Nothing, |Unread(json)| Output::Json(json));
        event(Agent::ToolResult { call_id, is_error, declined_by, web_searches, fault, lines, output });
        if let (Some(call_id), Some(agent_id)) = (call_id, agent_id) {
            event(Agent::Subagent { call_id, agent_id });
        }
    }
    if results > 0 {
        entry.todos.emit(event);
    }
    if let Some(finish) = message.content.texts().find_map(notification::read) {
        event(Agent::Finished(finish));
    }
    if entry.is_compact_summary.0 {
        event(Agent::Compacted);
    }
    if !transcript.side_chain && message.content.texts().any(|text| text.starts_with(INTERRUPTED)) {
        event(Agent::Interrupted);
    }
    let sender = Sender::of(entry);
    if results > 0 || sender == Sender::Other || transcript.side_chain {
        return;
    }
    let is_from_elsewhere = |text: &&str| sender == Sender::Unsaid && text::is_from_elsewhere(text);
    let texts = message.content.texts().map(text::without_injected).filter(|text| !is_from_elsewhere(text));
    let (by_a_person, by_client): (Vec<_>, Vec<_>) = texts.partition(|text| text::is_by_a_person(text));
    // An envelope inside a person's text is a quote, not a command.
    if let Some(name) = by_client.into_iter().find_map(text::slash_command) {
        return event(Agent::SlashCommand { name: json::shortened(name) });
    }
    let said = by_a_person.into_iter().map(text::without_reminders);
    let said: Vec<_> = said.collect();
    let shown = message.content.blocks().any(|block| block.kind.get() == Some("image"));
    match &said[..] {
        [] if shown => event(Agent::Prompt { text: "" }),
        [] => {}
        [text] => event(Agent::Prompt { text }),
        _ => event(Agent::Prompt { text: &said.join("\n") }),
    }
}

/// Who declined the call that a block answers. The record has one field for this. It belongs to the only result, or to
/// those results that are errors.
fn declined_by(entry: &Entry<'_>, block: &Block<'_>, answer: Option<&str>, is_only: bool) -> Option<Decliner> {
    if !block.is_error.0 && !is_only {
        return None;
    }
    let kind = entry.tool_denial.get();
    if kind.is_some() {
        return refusal::decliner(kind, "");
    }
    if !block.is_error.0 {
        return None;
    }
    let noted = || entry.tool_text.get().and_then(|text| refusal::decliner(None, text));
    answer.and_then(|text| refusal::decliner(None, text)).or_else(noted)
}

/// Rules 5 and 8 of COUNTING.md: the flat field is the total of cache writes, and no count is negative.
fn usage(tokens: &Tokens<'_>) -> Usage {
    let count = |count: json::Count| count.0.unwrap_or_default();
    let parts = (count(tokens.write_5m) + count(tokens.write_1h)).min(Usage::MAX_COUNT);
    let cache_write = if tokens.cache_write.0.is_some() { count(tokens.cache_write) } else { parts };
    Usage {
        input: count(tokens.input),
        output: count(tokens.output),
        cache_write,
        cache_write_1h: count(tokens.write_1h).min(cache_write),
        cache_read: count(tokens.cache_read),
        // Only newer clients report it separately, and the output includes it.
        reasoning: 0,
    }
}
