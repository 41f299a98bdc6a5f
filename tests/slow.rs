//! A second implementation of the counting rules: slow, with whole files in memory and `serde_json::Value` throughout,
//! written from COUNTING alone. It shares no code with the processor or the dialect, so a mistake must be made twice to
//! go unnoticed.
//!
//! It is compared with the database on the fixtures, and on real transcripts if they are available.

#![allow(clippy::disallowed_methods, reason = "no database is read as a file here")]

use crate::golden;
use crate::world::World;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

/// No time, time, path and line. The earliest copy is the smallest (rule 3).
type Order = (bool, i64, String, usize);

/// A copy of a response, from one line.
#[derive(Clone)]
struct Copy {
    order: Order,
    user: String,
    session: String,
    project: Option<String>,
    side_chain: bool,
    /// Branch, subagent, slash command and skill.
    within: [Option<String>; 4],
    mcp_server: Option<String>,
    /// Model and counts of the response, then of its advisors and its compactions.
    parts: Vec<(Option<String>, [i64; 5])>,
}

#[derive(Clone, Debug, PartialEq)]
struct Call {
    kind: &'static str,
    tool: String,
    detail: String,
    is_error: Option<bool>,
    subagent: Option<String>,
    /// Caller, slash command and skill.
    within: [Option<String>; 3],
}

#[derive(Default)]
struct Slow {
    /// By message id.
    copies: BTreeMap<String, Vec<Copy>>,
    /// By event id: each call, with the order of the copy.
    calls: BTreeMap<String, Vec<(Order, Call)>>,
    /// By source file: active seconds, prompts, responses, tool calls, slash commands, tool errors, API
    /// errors, malformed lines.
    files: BTreeMap<String, String>,
}

/// A record, with where and when it was written.
struct Told<'v> {
    record: &'v Value,
    line: usize,
    time: Option<i64>,
    session: String,
    project: Option<String>,
    branch: Option<String>,
    subagent: Option<String>,
    side_chain: bool,
}

impl Slow {
    fn root(root: &Path) -> Self {
        let mut slow = Self::default();
        for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
            let path = entry.unwrap().into_path();
            if path.is_file() && path.extension().is_some_and(|e| e == "jsonl") && is_claude(&path) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                slow.file(&name, &fs::read(&path).unwrap());
            }
        }
        slow
    }

    fn file(&mut self, name: &str, bytes: &[u8]) {
        let (records, malformed) = records(bytes);
        let mut session = session_of(name);
        let (mut project, mut branch, mut clock) = (None, None, None);
        let mut told = Vec::new();
        for (line, record) in &records {
            let own = ["sessionId", "session_id"].iter().find_map(|key| identity(&record[key]));
            session = own.map_or(session, str::to_owned);
            project = record["cwd"].as_str().map(str::to_owned).or(project);
            branch =
                record["gitBranch"].as_str().map_or(branch, |name| Some(name.to_owned()).filter(|b| !b.is_empty()));
            clock = micros(&record["timestamp"]).or(clock);
            let side_chain = record["isSidechain"] == true;
            let (session, project, branch) = (session.clone(), project.clone(), branch.clone());
            let agent = |value: &Value| identity(&value["agentId"]).map(str::to_owned);
            let subagent = agent(record);
            told.push(Told { record, line: *line, time: clock, session, project, branch, subagent, side_chain });
            let inner = &record["data"]["message"];
            if inner.is_object() && record["type"] == "progress" {
                let Told { line, time, session, project, branch, .. } = told.last().unwrap();
                let time = micros(&inner["timestamp"]).or(*time);
                let (line, session, project, branch) = (*line, session.clone(), project.clone(), branch.clone());
                let subagent = agent(inner).or(agent(&record["data"])).or(agent(record));
                told.push(Told { record: inner, line, time, session, project, branch, subagent, side_chain: true });
            }
        }
        let mut times: Vec<i64> = records.iter().filter_map(|(_, record)| micros(&record["timestamp"])).collect();
        // Records before the first time get the first time (rule 9).
        let first = records.iter().find_map(|(_, record)| micros(&record["timestamp"]));
        told.iter_mut().for_each(|told| told.time = told.time.or(first));

        let mut results: HashMap<String, bool> = HashMap::new();
        for told in &told {
            for block in
                blocks(told.record).filter(|block| role(told.record) == "user" && block["type"] == "tool_result")
            {
                if let Some(id) = identity(&block["tool_use_id"]) {
                    results.entry(id.to_owned()).or_insert(block["is_error"] == true && !is_declined(block));
                }
            }
        }
        let mut subagents: HashMap<String, String> = HashMap::new();
        for record in told.iter().map(|told| told.record) {
            let answered = blocks(record).find(|block| role(record) == "user" && block["type"] == "tool_result");
            let answered = answered.map(|block| (&block["tool_use_id"], &record["toolUseResult"]["agentId"]));
            let followed = record["data"]["message"].is_object() && record["type"] == "progress";
            let followed = followed.then(|| (&record["parentToolUseID"], &record["data"]["agentId"]));
            for (call, agent) in answered.into_iter().chain(followed) {
                if let (Some(call), Some(agent)) = (identity(call), identity(agent)) {
                    subagents.entry(call.to_owned()).or_insert(agent.to_owned());
                }
            }
        }
        // Slash command and skill, by subagent.
        let mut turns: HashMap<Option<String>, [Option<String>; 2]> = HashMap::new();
        let mut servers: HashMap<String, String> = HashMap::new();
        let mut responses = BTreeSet::new();
        let mut calls: BTreeMap<String, Call> = BTreeMap::new();
        // Calls without an id, by response and tool: the records that make them, with their positions there.
        let mut idless: HashMap<String, Vec<String>> = HashMap::new();
        let (mut prompts, mut api_errors) = (0, 0);
        for (position, told) in told.iter().enumerate() {
            let record = told.record;
            let order = (told.time.is_none(), told.time.unwrap_or_default(), name.to_owned(), told.line);
            let uuid = identity(&record["uuid"]).map(str::to_owned);
            let nameless = uuid.unwrap_or_else(|| format!("{name} {position}"));
            api_errors += usize::from(record["type"] == "system" && record["subtype"] == "api_error");
            let mut call = |id: String, call: Call| {
                self.calls.entry(id.clone()).or_default().push((order.clone(), call.clone()));
                calls.insert(id, call);
            };
            if let Some(command) = slash_command(told) {
                let tool = format!("/{command}");
                turns.insert(told.subagent.clone(), [Some(command.clone()), None]);
                let (is_error, subagent) = (None, None);
                let within = [told.subagent.clone(), Some(command.clone()), None];
                call(
                    nameless.clone(),
                    Call { kind: "slash_command", tool, detail: command, is_error, subagent, within },
                );
            } else if is_prompt(told) {
                prompts += 1;
                turns.remove(&told.subagent);
            }
            if role(record) != "assistant" {
                continue;
            }
            api_errors += usize::from(record["isApiErrorMessage"] == true);
            let message = message(record);
            let turn = turns.get(&told.subagent).cloned().unwrap_or_default();
            let response = identity(&message["id"]).map_or(nameless.clone(), str::to_owned);
            for (number, block) in blocks(record).filter(|block| block["type"] == "tool_use").enumerate() {
                let call_id = identity(&block["id"]);
                let (kind, tool, detail) = tool(block);
                let id = match (identity(&message["id"]), call_id) {
                    (Some(response), Some(call_id)) => format!("{response} {call_id}"),
                    (None, Some(call_id)) => format!("{nameless} {call_id}"),
                    (Some(response), None) => {
                        let place = format!("{nameless} {number}");
                        let alike = idless.entry(format!("{response} {tool}")).or_default();
                        let known = alike.iter().position(|known| *known == place).unwrap_or(alike.len());
                        if known == alike.len() {
                            alike.push(place);
                        }
                        format!("{response} {tool} #{}", known + 1)
                    }
                    (None, None) => format!("{nameless} {number}"),
                };
                let is_error = call_id.and_then(|call_id| results.get(call_id).copied());
                let [command, skill] = turns.get(&told.subagent).cloned().unwrap_or_default();
                let within = [told.subagent.clone(), command, skill];
                match (kind, &*tool) {
                    ("mcp_call", _) => {
                        let server = detail.split(' ').next().unwrap().to_owned();
                        servers.entry(response.clone()).or_insert(server);
                    }
                    ("tool_use", "Skill") if !detail.is_empty() => {
                        turns.entry(told.subagent.clone()).or_default()[1] = Some(detail.clone());
                    }
                    _ => {}
                }
                let subagent = call_id.and_then(|call_id| subagents.get(call_id).cloned());
                call(id, Call { kind, tool, detail, is_error, subagent, within });
            }
            if message["usage"].is_object() && message["model"] != "<synthetic>" {
                let [command, skill] = turn;
                responses.insert(response.clone());
                self.copies.entry(response).or_default().push(Copy {
                    order: order.clone(),
                    user: name.split('/').next().unwrap().to_owned(),
                    session: told.session.clone(),
                    project: told.project.clone(),
                    side_chain: told.side_chain,
                    within: [told.branch.clone(), told.subagent.clone(), command, skill],
                    mcp_server: None,
                    parts: parts(message),
                });
            }
        }
        for (response, server) in servers {
            let copies = self.copies.get_mut(&response).into_iter().flatten();
            copies.filter(|copy| copy.order.2 == name).for_each(|copy| copy.mcp_server = Some(server.clone()));
        }
        times.sort_unstable();
        let active: i64 = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap <= 600_000_000).sum();
        let active = first.map_or("-".to_owned(), |_| (active / 1_000_000).to_string());
        let of = |kind: &str| calls.values().filter(|call| (call.kind == "slash_command") == (kind == "slash")).count();
        let errors = calls.values().filter(|call| call.is_error == Some(true)).count();
        let summary = format!(
            "active {active} prompts {prompts} responses {} calls {} commands {} errors {errors} api {api_errors} malformed {malformed}",
            responses.len(),
            of("tool"),
            of("slash"),
        );
        self.files.insert(name.to_owned(), summary);
    }

    /// Message id and part → user, day, session, project, branch, subagent, command, skill, MCP server, model
    /// and counts.
    fn responses(&self) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for (id, copies) in &self.copies {
            let earliest = copies.iter().min_by_key(|copy| &copy.order).unwrap();
            // If several are equal, any of them will do, because only their numbers are compared.
            let rank = |copy: &Copy| {
                let total = |[input, output, write, _, read]: [i64; 5]| input + output + write + read;
                let totals = copy.parts.iter().map(|(_, counts)| total(*counts));
                (!copy.side_chain, copy.parts[0].1[1], totals.sum::<i64>())
            };
            let copies: Vec<_> = copies.iter().filter(|copy| copy.user == earliest.user).collect();
            let best = copies.iter().map(|copy| rank(copy)).max().unwrap();
            let mut winners: Vec<_> = copies.iter().filter(|copy| rank(copy) == best).collect();
            winners.sort_by_key(|copy| &copy.order);
            for (part, (model, counts)) in winners[0].parts.iter().enumerate() {
                let (untimed, time, ..) = earliest.order;
                let time = if untimed { "-".to_owned() } else { instant(time) };
                let calling = copies.iter().filter(|copy| copy.mcp_server.is_some()).min_by_key(|copy| &copy.order);
                let server = calling.and_then(|copy| copy.mcp_server.as_ref());
                let named =
                    [earliest.project.as_ref()].into_iter().chain(earliest.within.each_ref().map(Option::as_ref));
                let named = named.chain([server, model.as_ref()]).map(|name| name.map_or("-", |name| name.as_str()));
                let place: Vec<_> = [&*earliest.user, &*time, &*earliest.session].into_iter().chain(named).collect();
                let row = format!("{} {counts:?}", place.join(" "));
                rows.insert(format!("{id} {part}"), row);
            }
        }
        rows
    }

    /// Event id → kind, tool, details of the tool's kind, result, and the person, place and turn of the call.
    fn tool_events(&self) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for (id, copies) in &self.calls {
            let mut copies = copies.clone();
            copies.sort_by(|a, b| a.0.cmp(&b.0));
            let user = |order: &Order| order.2.split('/').next().unwrap().to_owned();
            let earliest = user(&copies[0].0);
            copies.retain(|copy| user(&copy.0) == earliest);
            let Call { kind, tool, detail, within, .. } = &copies[0].1;
            let ended = copies.iter().find_map(|(_, call)| call.is_error);
            let ended = ended.map_or("-".into(), |e| e.to_string());
            let subagent = copies.iter().find_map(|(_, call)| call.subagent.clone()).unwrap_or("-".into());
            let within = within.each_ref().map(|name| name.as_deref().unwrap_or("-")).join(" ");
            rows.insert(id.clone(), format!("{kind} {tool} {detail} {ended} {subagent} {within}"));
        }
        rows
    }
}

/// There are no rules here for logs of other agents, and for documents.
fn is_claude(path: &Path) -> bool {
    let name = path.to_str().unwrap();
    !name.contains("/alan/") && !name.ends_with("/pretty-printed-document.jsonl")
}

/// The records with their line numbers, and the number of malformed lines.
fn records(bytes: &[u8]) -> (Vec<(usize, Value)>, usize) {
    let (mut records, mut malformed) = (Vec::new(), 0);
    let ends: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    for (number, line) in ends.iter().enumerate() {
        let unfinished = number + 1 == ends.len();
        let text = readable(line);
        let text = text.trim().trim_start_matches('\u{feff}');
        if text.is_empty() {
            continue;
        }
        let mut found = Vec::new();
        let mut whole = true;
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            match value {
                Ok(value @ Value::Object(_)) => found.push((number + 1, value)),
                _ => {
                    whole = false;
                    break;
                }
            }
        }
        if unfinished && !whole {
            continue;
        }
        records.extend(found);
        malformed += usize::from(!whole);
    }
    (records, malformed)
}

/// The text for a strict parser: invalid UTF-8, lone surrogates and overlong numbers are replaced.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut readable = String::new();
    let mut rest = &*text;
    let mut inside = false;
    while let Some(c) = rest.chars().next() {
        let unit = |at: usize| {
            let hex = rest.get(at..at + 6)?.strip_prefix("\\u")?;
            u32::from_str_radix(hex, 16).ok()
        };
        let (taken, put) = match (c, inside) {
            ('"', _) => {
                inside = !inside;
                (1, None)
            }
            ('\\', true) => match (unit(0), unit(6)) {
                (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
                (Some(0xD800..=0xDFFF), _) => (6, Some("\\ufffd".to_owned())),
                (Some(_), _) => (6, None),
                _ => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
            },
            ('0'..='9', false) => {
                let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
                let number = &rest[..end.unwrap_or(rest.len())];
                let endless = number.parse().is_ok_and(f64::is_infinite);
                (number.len(), endless.then(|| "1e308".to_owned()))
            }
            (c, _) => (c.len_utf8(), None),
        };
        readable += put.as_deref().unwrap_or(&rest[..taken]);
        rest = &rest[taken..];
    }
    readable
}

/// The folder above `subagents`, or the name of the file.
fn session_of(name: &str) -> String {
    let parts: Vec<_> = name.split('/').collect();
    match parts.iter().position(|part| *part == "subagents") {
        Some(position) if position > 0 => parts[position - 1].to_owned(),
        _ => parts.last().unwrap().trim_end_matches(".jsonl").to_owned(),
    }
}

/// A text that can be an id: empty texts cannot.
fn identity(value: &Value) -> Option<&str> {
    value.as_str().filter(|id| !id.is_empty())
}

fn micros(timestamp: &Value) -> Option<i64> {
    Some(DateTime::parse_from_rfc3339(timestamp.as_str()?).ok()?.timestamp_micros())
}

fn instant(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The content of `message`, or the record itself if it is flat.
fn message(record: &Value) -> &Value {
    if record["message"].is_object() { &record["message"] } else { record }
}

fn role(record: &Value) -> &str {
    let kind = record["type"].as_str();
    match kind {
        Some("system" | "cost-state") => kind.unwrap(),
        _ => message(record)["role"].as_str().or(kind).unwrap_or_default(),
    }
}

fn blocks(record: &Value) -> impl Iterator<Item = &Value> {
    message(record)["content"].as_array().into_iter().flatten()
}

fn texts(record: &Value) -> Vec<&str> {
    let content = &message(record)["content"];
    let texts = blocks(record).filter_map(|block| {
        let block_text = if block["type"] == "text" { block["text"].as_str() } else { None };
        block.as_str().or(block_text)
    });
    content.as_str().into_iter().chain(texts).collect()
}

fn parts(message: &Value) -> Vec<(Option<String>, [i64; 5])> {
    let model = |value: &Value| value["model"].as_str().map(str::to_owned);
    let mut parts = vec![(model(message), counts(&message["usage"]))];
    let of_kind = |kind| {
        let iterations = message["usage"]["iterations"].as_array().into_iter().flatten();
        iterations.filter(move |iteration| iteration["type"] == kind)
    };
    parts.extend(of_kind("advisor_message").map(|advisor| (model(advisor), counts(advisor))));
    parts.extend(of_kind("compaction").map(|compaction| (model(message), counts(compaction))));
    let served: i64 = of_kind("fallback_message").map(|served| counts(served)[1]).sum();
    let attempted: i64 = of_kind("message").map(|attempt| counts(attempt)[1]).sum();
    if of_kind("fallback_message").next().is_some() && counts(&message["usage"])[1] < served + attempted {
        let billed = of_kind("message").filter(|attempt| counts(attempt)[1] > 0);
        parts.extend(billed.map(|attempt| (model(attempt), counts(attempt))));
    }
    parts
}

/// Input, output, cache write, its 1-hour part, cache read.
fn counts(usage: &Value) -> [i64; 5] {
    let field = |name: &str| count(&usage[name]);
    let hour = count(&usage["cache_creation"]["ephemeral_1h_input_tokens"]).unwrap_or(0);
    let five = count(&usage["cache_creation"]["ephemeral_5m_input_tokens"]).unwrap_or(0);
    let write = field("cache_creation_input_tokens").unwrap_or(hour.saturating_add(five).min(1 << 40));
    let zero = |name| field(name).unwrap_or(0);
    [zero("input_tokens"), zero("output_tokens"), write, hour.min(write), zero("cache_read_input_tokens")]
}

/// The integer part of a number. Negative numbers count as 0; numbers above 2^40 are not counts.
fn count(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| !number.is_nan())?,
        _ => return None,
    };
    (number < (1_i64 << 40) as f64 + 1.0).then_some(number.max(0.0) as i64)
}

/// Kind, name, and details of the kind.
fn tool(block: &Value) -> (&'static str, String, String) {
    let name = block["name"].as_str().unwrap_or("(unnamed)").to_owned();
    let input = |key: &str| block["input"][key].as_str().map(str::to_owned);
    let mcp: Vec<_> = name.splitn(3, "__").collect();
    let (kind, detail) = match name.as_str() {
        "Skill" => ("tool_use", input("skill").or(input("name")).unwrap_or_default()),
        "Task" | "Agent" => ("subagent", input("subagent_type").unwrap_or_default()),
        _ if mcp.len() == 3 && mcp[0] == "mcp" => ("mcp_call", format!("{} {}", mcp[1], mcp[2])),
        _ => ("tool_use", String::new()),
    };
    (kind, name, detail)
}

/// Whether only a person can have written the record: it is not a result, meta, a summary, or a subagent's task.
fn may_be_a_person(told: &Told<'_>) -> bool {
    let record = told.record;
    role(record) == "user"
        && !blocks(record).any(|block| block["type"] == "tool_result")
        && record["isMeta"] != true
        && record["isCompactSummary"] != true
        && !told.side_chain
}

fn slash_command(told: &Told<'_>) -> Option<String> {
    let local = told.record["type"] == "system" && told.record["subtype"] == "local_command";
    if !local && !may_be_a_person(told) {
        return None;
    }
    texts(told.record).into_iter().find_map(|text| {
        text.match_indices("<command-name>/").find_map(|(at, envelope)| {
            let name = text[at + envelope.len()..].split_once("</command-name>")?.0;
            let first = name.chars().next()?.is_ascii_alphabetic();
            let all = name.chars().all(|c| c.is_alphanumeric() || ['_', ':', '-'].contains(&c));
            (first && all).then(|| name.to_owned())
        })
    })
}

/// Whether a result says that a person declined the call. No fixture and no transcript is from a client that states the
/// kind.
fn is_declined(block: &Value) -> bool {
    let text = block["content"].as_str().or(block["content"][0]["text"].as_str()).unwrap_or_default();
    text.starts_with("The user doesn't want to ") || text.starts_with("[Request interrupted by user")
}

fn is_prompt(told: &Told<'_>) -> bool {
    const INJECTED: [&str; 16] = [
        "<teammate-message ",
        "Operation stopped by hook: ",
        "Stop hook feedback:\n",
        "<task-notification",
        "<local-command-",
        "<bash-",
        "<command-message>",
        "<command-name>",
        "<command-args>",
        "<system-reminder>",
        "<ide_opened_file>",
        "<ide_selection>",
        "<user-prompt-submit-hook>",
        "Caveat: The messages below were generated by the user while running local commands",
        "This session is being continued from a previous conversation",
        "[Request interrupted by user",
    ];
    let said = |text: &&str| {
        let text = text.trim_start();
        !text.is_empty() && !INJECTED.iter().any(|start| text.starts_with(start))
    };
    let shown = blocks(told.record).any(|block| block["type"] == "image");
    may_be_a_person(told) && (shown || texts(told.record).iter().any(said))
}

/// The contents of the database, in the same form.
struct Quick {
    responses: BTreeMap<String, String>,
    tool_events: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl Quick {
    fn of(world: &World) -> Self {
        let pairs = |sql: &str| {
            let rows = world.rows(sql);
            let count = rows.len();
            // A name can contain a line feed but no form feed, so a form feed separates key and row.
            let pairs: BTreeMap<_, _> = rows
                .iter()
                .map(|row| row.split_once('\u{c}').unwrap())
                .map(|(key, row)| (key.to_owned(), row.to_owned()))
                .collect();
            assert_eq!(pairs.len(), count);
            pairs
        };
        let responses = pairs(
            "SELECT message_id || ' ' || part || chr(12) || concat_ws(' ', username,
                 coalesce(strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ'), '-'), session_id, coalesce(project, '-'),
                 coalesce(branch, '-'), coalesce(subagent_id, '-'), coalesce(command, '-'), coalesce(skill, '-'),
                 coalesce(mcp_server, '-'), coalesce(model, '-'),
                 [input_tokens, output_tokens, cache_creation_input_tokens, cache_creation_1h_input_tokens,
                  cache_read_input_tokens]::VARCHAR)
             FROM usage_responses WHERE agent = 'claude-code'",
        );
        let tool_events = pairs(
            "SELECT event_id || chr(12) || concat_ws(' ', kind, tool,
                 coalesce(skill, subagent_type, command, mcp_server || ' ' || mcp_tool, ''),
                 coalesce(is_error::VARCHAR, '-'), coalesce(subagent_id, '-'),
                 coalesce(caller_id, '-'), coalesce(turn_command, '-'), coalesce(turn_skill, '-'))
             FROM usage_tool_events WHERE agent = 'claude-code'",
        );
        let files = pairs(
            "SELECT session_file || chr(12) || format('active {} prompts {} responses {} calls {} commands {} \
                 errors {} api {} malformed {}', coalesce(active_seconds::VARCHAR, '-'), prompts,
                 assistant_messages, tool_calls, slash_commands, tool_errors, api_errors, malformed_lines)
             FROM usage_sessions WHERE session_file NOT LIKE 'alan/%' AND session_file NOT LIKE '%/pretty-printed-document.jsonl'",
        );
        Self { responses, tool_events, files }
    }
}

/// Rows without an id of their own. The implementations name them differently, so only their contents are compared.
fn anonymous(
    rows: BTreeMap<String, String>,
    is_named: impl Fn(&str) -> bool,
) -> (BTreeMap<String, String>, Vec<String>) {
    let (named, others): (BTreeMap<_, _>, BTreeMap<_, _>) = rows.into_iter().partition(|(key, _)| is_named(key));
    let mut others: Vec<_> = others.into_values().collect();
    others.sort();
    (named, others)
}

fn compare(root: &Path, world: &World) {
    let (slow, quick) = (Slow::root(root), Quick::of(world));
    let named = |key: &str| key.starts_with("msg_") || key.starts_with("toolu_");
    for (slow, quick) in [(slow.responses(), quick.responses), (slow.tool_events(), quick.tool_events)] {
        assert!(!slow.is_empty());
        let ((slow, slow_others), (quick, quick_others)) = (anonymous(slow, named), anonymous(quick, named));
        let differences: Vec<_> = slow
            .keys()
            .chain(quick.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|key| slow.get(*key) != quick.get(*key))
            .map(|key| format!("{key}\n  slow:  {:?}\n  quick: {:?}", slow.get(key), quick.get(key)))
            .collect();
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert_eq!(slow_others, quick_others);
    }
    assert_eq!(slow.files, quick.files);
}

#[test]
fn a_second_implementation_says_the_same_of_the_fixtures() {
    let world = World::new();
    let root = golden::fixtures().join("sessions");
    for name in golden::names() {
        world.write(&name, fs::read(root.join(&name)).unwrap());
    }
    world.pass();
    compare(&root, &world);
}

#[test]
fn a_second_implementation_says_the_same_of_real_transcripts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/user_sessions");
    if !root.is_dir() {
        return eprintln!("skipped: `../shared/corpus` is not there");
    }
    let world = World::new();
    let run = world.mill(&["run", "--sessions", root.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{run:?}");
    compare(&root, &world);
}
