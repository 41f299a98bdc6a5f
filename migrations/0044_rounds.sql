-- Calls that are tried again stand in responses that follow each other.

ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS round BIGINT DEFAULT 0;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS round BIGINT DEFAULT 0;

CREATE OR REPLACE VIEW usage_tool_events AS SELECT event_id, session_file, username, line, time, session_id, project, message_id, side_chain, kind, tool, skill, subagent_type, command, mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill, declined_by, cause, error, files, lines_added, lines_removed, acts, round FROM facts.usage_tool_calls WHERE alone UNION ALL SELECT event_id, session_file, username, line, time, session_id, project, message_id, side_chain, kind, tool, skill, subagent_type, command, mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill, declined_by, cause, error, files, lines_added, lines_removed, acts, round FROM facts.usage_tool_events;
COMMENT ON VIEW usage_tool_events IS 'one row per tool call or slash command';
COMMENT ON COLUMN usage_tool_events.event_id IS 'response and id of the call; without an id its tool and number in the response, or what a copy has in common with it';
COMMENT ON COLUMN usage_tool_events.session_file IS 'source file of the earliest copy';
COMMENT ON COLUMN usage_tool_events.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_tool_events.line IS 'of session_file';
COMMENT ON COLUMN usage_tool_events.time IS 'UTC';
COMMENT ON COLUMN usage_tool_events.session_id IS 'session id of the transcript';
COMMENT ON COLUMN usage_tool_events.project IS 'working directory, in one spelling';
COMMENT ON COLUMN usage_tool_events.message_id IS 'response that makes the call; in a rollout of Codex the one that is counted next';
COMMENT ON COLUMN usage_tool_events.side_chain IS 'made in a subagent''s conversation';
COMMENT ON COLUMN usage_tool_events.kind IS 'tool_use, mcp_call, subagent or slash_command';
COMMENT ON COLUMN usage_tool_events.tool IS 'name of the tool';
COMMENT ON COLUMN usage_tool_events.skill IS 'name of the skill that was called';
COMMENT ON COLUMN usage_tool_events.subagent_type IS 'type of the subagent that was called';
COMMENT ON COLUMN usage_tool_events.command IS 'name of the slash command';
COMMENT ON COLUMN usage_tool_events.mcp_server IS 'server of an MCP call';
COMMENT ON COLUMN usage_tool_events.mcp_tool IS 'tool of that server';
COMMENT ON COLUMN usage_tool_events.is_error IS 'null while no result is seen; a call that a person declined is no error';
COMMENT ON COLUMN usage_tool_events.agent IS 'the agent whose log it is';
COMMENT ON COLUMN usage_tool_events.subagent_id IS 'subagent that worked on the call';
COMMENT ON COLUMN usage_tool_events.caller_id IS 'subagent that made the call; null in the main conversation';
COMMENT ON COLUMN usage_tool_events.turn_command IS 'slash command that the turn of the conversation began with';
COMMENT ON COLUMN usage_tool_events.turn_skill IS 'skill that was called last in the turn, before the call';
COMMENT ON COLUMN usage_tool_events.declined_by IS 'who did not let the call through: person, policy (a rule, mode, classifier or hook) or client (its turn had ended); else null';
COMMENT ON COLUMN usage_tool_events.cause IS 'why it came to nothing: declined, interrupted, not_run, permission, exit, edit_target, not_read, no_file, timeout, unknown_tool, arguments, too_large or other; else null';
COMMENT ON COLUMN usage_tool_events.error IS 'what the model was told then: two lines of it, without credentials';
COMMENT ON COLUMN usage_tool_events.files IS 'files that it changes: paths, one on each line';
COMMENT ON COLUMN usage_tool_events.lines_added IS 'new lines of these files: of the patch that the result has, else of the arguments, to which a file that is written whole is all new';
COMMENT ON COLUMN usage_tool_events.lines_removed IS 'lines that go';
COMMENT ON COLUMN usage_tool_events.acts IS 'what its command does: test, commit and pull_request, with spaces between them';
COMMENT ON COLUMN usage_tool_events.round IS 'number of the response that makes the call, of those with calls in its conversation and in session_file; 0 for a slash command';
