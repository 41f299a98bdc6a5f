//! The known types of records and of their content. Most of them are not used; types that are not listed here are
//! counted by name as unknown.

use super::record::Entry;
use crate::dialect::Dialect;
use std::borrow::Cow;

/// Types of lines.
pub(super) const LINES: [&str; 10] = [
    "compacted",
    "event_msg",
    "inter_agent_communication",
    "inter_agent_communication_metadata",
    "response_item",
    "retained_context",
    "session_meta",
    "token_usage_record",
    "turn_context",
    "world_state",
];

/// Types of `response_item`. In the first generation of the format, these are types of lines.
pub(super) const RESPONSE_ITEMS: [&str; 19] = [
    "additional_tools",
    "agent_message",
    "compaction",
    "compaction_summary",
    "compaction_trigger",
    "context_compaction",
    "custom_tool_call",
    "custom_tool_call_output",
    "function_call",
    "function_call_output",
    "ghost_snapshot",
    "image_generation_call",
    "local_shell_call",
    "message",
    "other",
    "reasoning",
    "tool_search_call",
    "tool_search_output",
    "web_search_call",
];

/// Types of `event_msg`.
const EVENTS: [&str; 98] = [
    "add_credits_nudge_email_response",
    "agent_message",
    "agent_message_content_delta",
    "agent_message_delta",
    "agent_reasoning",
    "agent_reasoning_delta",
    "agent_reasoning_raw_content",
    "agent_reasoning_raw_content_delta",
    "agent_reasoning_section_break",
    "apply_patch_approval_request",
    "background_event",
    "collab_agent_interaction_begin",
    "collab_agent_interaction_end",
    "collab_agent_spawn_begin",
    "collab_agent_spawn_end",
    "collab_close_begin",
    "collab_close_end",
    "collab_resume_begin",
    "collab_resume_end",
    "collab_waiting_begin",
    "collab_waiting_end",
    "context_compacted",
    "conversation_path",
    "deprecation_notice",
    "dynamic_tool_call_request",
    "dynamic_tool_call_response",
    "elicitation_request",
    "entered_review_mode",
    "error",
    "exec_approval_request",
    "exec_command_begin",
    "exec_command_end",
    "exec_command_output_delta",
    "exited_review_mode",
    "get_history_entry_response",
    "guardian_assessment",
    "guardian_warning",
    "hook_completed",
    "hook_started",
    "image_generation_begin",
    "image_generation_end",
    "injected_message",
    "item_completed",
    "item_started",
    "list_custom_prompts_response",
    "list_remote_skills_response",
    "list_skills_response",
    "mcp_list_tools_response",
    "mcp_startup_complete",
    "mcp_startup_update",
    "mcp_tool_call_begin",
    "mcp_tool_call_end",
    "model_reroute",
    "model_verification",
    "patch_apply_begin",
    "patch_apply_end",
    "patch_apply_updated",
    "plan_delta",
    "plan_update",
    "raw_response_completed",
    "raw_response_item",
    "realtime_conversation_closed",
    "realtime_conversation_list_voices_response",
    "realtime_conversation_realtime",
    "realtime_conversation_sdp",
    "realtime_conversation_started",
    "reasoning_content_delta",
    "reasoning_raw_content_delta",
    "remote_skill_downloaded",
    "request_permissions",
    "request_user_input",
    "safety_buffering",
    "session_configured",
    "shutdown_complete",
    "skills_update_available",
    "stream_error",
    "stream_info",
    "sub_agent_activity",
    "task_complete",
    "task_started",
    "terminal_interaction",
    "thread_goal_updated",
    "thread_name_updated",
    "thread_rolled_back",
    "thread_settings_applied",
    "token_count",
    "turn_aborted",
    "turn_complete",
    "turn_diff",
    "turn_moderation_metadata",
    "turn_started",
    "undo_completed",
    "undo_started",
    "user_message",
    "view_image_tool_call",
    "warning",
    "web_search_begin",
    "web_search_end",
];

/// Types of a turn's items.
const ITEMS: [&str; 20] = [
    "AgentMessage",
    "CollabAgentToolCall",
    "CommandExecution",
    "ContextCompaction",
    "DynamicToolCall",
    "EnteredReviewMode",
    "ExitedReviewMode",
    "Extension",
    "FileChange",
    "FunctionCallOutput",
    "HookPrompt",
    "ImageGeneration",
    "ImageView",
    "McpToolCall",
    "Plan",
    "Reasoning",
    "Sleep",
    "SubAgentActivity",
    "UserMessage",
    "WebSearch",
];

/// The type of a record and whether it is known. If only the type of its content is unknown, the two are joined:
/// `event_msg/new_type`.
pub(super) fn of<'e>(entry: &'e Entry<'_>, line: &'e str, inner: Option<&'e str>) -> (Cow<'e, str>, bool) {
    let inner = inner.unwrap_or(Dialect::NO_TYPE);
    let unknown = |name: String| (Cow::Owned(name), false);
    match line {
        "event_msg" if !EVENTS.contains(&inner) => unknown(format!("{line}/{inner}")),
        "response_item" if !RESPONSE_ITEMS.contains(&inner) => unknown(format!("{line}/{inner}")),
        "event_msg" if matches!(inner, "item_completed" | "item_started") => {
            let item = entry.payload.as_ref().and_then(|payload| payload.item.as_ref()?.kind.get());
            let item = item.unwrap_or(Dialect::NO_TYPE);
            if ITEMS.contains(&item) { (line.into(), true) } else { unknown(format!("{line}/{inner}/{item}")) }
        }
        _ => (line.into(), LINES.contains(&line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_without_doubles() {
        for list in [&LINES[..], &RESPONSE_ITEMS, &EVENTS, &ITEMS] {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
    }
}
