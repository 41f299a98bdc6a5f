//! Tool calls and their results.
//!
//! A call belongs to the response whose token count follows. Call ids are not always unique: some providers use the
//! same ids in each turn, and without token counts one response cannot be distinguished from the next. So an id that
//! occurs again after its result is treated as a new call.

use super::collab::Collab;
use super::record::Payload;
use super::refusal;
use super::work::{self, Plan};
use crate::dialect::{fault, json};
use sessionmill_contract::event::{Decliner, ToolCall, ToolKind};
use sessionmill_contract::{Agent, Cause, Edit, Fault, Output, Work};
use std::collections::HashSet;

#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Ids of calls of the current response that have a result.
    done: HashSet<Box<str>>,
    /// How often an id was used again.
    again: u64,
    collab: Collab,
}

impl Calls {
    /// Called when the response has been counted. Later calls belong to the next response.
    pub(super) fn answered(&mut self) {
        self.done.clear();
        self.again = 0;
    }

    /// Emits what a response item says. `response` is the id of the current response.
    pub(super) fn emit(
        &mut self,
        kind: &str,
        payload: &Payload<'_>,
        response: Option<&str>,
        event: &mut dyn FnMut(Agent<'_>),
    ) {
        let call_id = payload.call_id.id();
        let tool = match kind {
            "function_call" | "custom_tool_call" => payload.name.name().unwrap_or("(unnamed)"),
            "image_generation_call" => "image_generation",
            "local_shell_call" => "local_shell",
            "tool_search_call" => "tool_search",
            "web_search_call" => "web_search",
            "function_call_output" | "custom_tool_call_output" | "tool_search_output" => {
                self.done.extend(call_id.map(Into::into));
                let output = payload.output.get().unwrap_or_default();
                let declined_by = refusal::decliner(output);
                let is_error = declined_by.map_or_else(|| has_failed(output), Decliner::is_error);
                self.collab.result(call_id, output, event);
                let body = body(output);
                let cause = || match fault::cause(declined_by, body) {
                    Cause::Other if has_failed(output) => Cause::Exit,
                    cause => cause,
                };
                let has_fault = is_error || declined_by.is_some();
                let fault = has_fault.then(|| Fault { cause: cause(), message: fault::inner(body) });
                return event(Agent::ToolResult {
                    call_id,
                    is_error,
                    declined_by,
                    web_searches: 0,
                    fault,
                    lines: None,
                    output: Output::Text(body),
                });
            }
            _ => return,
        };
        // A tool that runs on the server has no call id, so the item's id is used.
        let call_id = call_id.or(payload.id.id());
        if call_id.is_some_and(|id| self.done.contains(id)) {
            self.again += 1;
            self.done.clear();
        }
        let numbered = response.filter(|_| self.again > 0).map(|id| format!("{id}.{}", self.again));
        let message_id = numbered.as_deref().or(response).filter(|id| json::is_id(id));
        let full = mcp_name(payload.namespace.get().unwrap_or_default(), tool);
        let tool = full.as_deref().map_or(tool, json::shortened);
        let spawned = self.collab.call(tool, call_id, payload.arguments);
        let kind = match tool {
            "spawn_agent" => ToolKind::Subagent { subagent_type: spawned.as_deref() },
            _ => ToolKind::mcp(tool).unwrap_or(ToolKind::Plain),
        };
        let plan = work::of(tool, payload.arguments, payload.input.get().unwrap_or_default());
        let work = match &plan {
            Some(Plan::Edit { files, lines }) => Work::Edit(Edit { files, lines: *lines }),
            Some(Plan::Command(command)) => Work::Command(command),
            None => Work::Other,
        };
        event(Agent::ToolCall(ToolCall { call_id, message_id, tool, kind, work }));
    }
}

/// The name `mcp__<server>__<tool>`, which newer clients write in two fields.
fn mcp_name(namespace: &str, tool: &str) -> Option<String> {
    let namespace = namespace.strip_suffix("__").unwrap_or(namespace);
    let is_mcp = namespace.strip_prefix("mcp__").is_some_and(|server| !server.is_empty());
    (is_mcp && !tool.starts_with("mcp__")).then(|| format!("{namespace}__{tool}"))
}

/// The output of a tool, without the client's header.
fn body(output: &str) -> &str {
    output.split_once("\nOutput:\n").map_or(output, |(_, body)| body)
}

/// Whether a tool's output begins with an exit code other than 0.
fn has_failed(output: &str) -> bool {
    const BEFORE: [&str; 3] = ["Process exited with code ", "Exit code: ", r#""exit_code":"#];
    // Only at the beginning: the output itself can quote such words.
    let head = output.lines().take(4).map(|line| line.get(..200).unwrap_or(line));
    let code = |line: &str| BEFORE.iter().find_map(|before| Some(line.split_once(before)?.1.trim_start().to_owned()));
    head.into_iter().find_map(code).is_some_and(|code| !code.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_the_first_part_of_the_name_of_a_tool_of_a_server() {
        for (namespace, tool, name) in [
            ("mcp__library", "find", Some("mcp__library__find")),
            ("mcp__library__", "find", Some("mcp__library__find")),
            ("mcp__apps__mail", "send", Some("mcp__apps__mail__send")),
            ("mcp__library", "mcp__library__find", None),
            ("web", "run", None),
            ("mcp__", "run", None),
            ("", "run", None),
        ] {
            assert_eq!(mcp_name(namespace, tool).as_deref(), name, "{namespace} {tool}");
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
