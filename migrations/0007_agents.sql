-- Which agent wrote a log; searches of the web by tools; the client's total for a session by itself.
-- Views are made again, because one of all columns does not see new ones.

ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS agent VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS tool_web_searches BIGINT DEFAULT 0;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS agent VARCHAR;
ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS agent VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS agent VARCHAR;
ALTER TABLE facts.usage_sessions ADD COLUMN IF NOT EXISTS agent VARCHAR;
ALTER TABLE facts.usage_sessions ADD COLUMN IF NOT EXISTS client_total_micro_usd BIGINT;

CREATE OR REPLACE VIEW usage_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_responses;
COMMENT ON VIEW usage_responses IS 'one row per response (part 0) and per call of its advisors (part 1 and up)';
COMMENT ON COLUMN usage_responses.message_id IS 'message.id, or uuid:… or line:… where the log gives none';
COMMENT ON COLUMN usage_responses.session_file IS 'source file of the earliest copy, which also gives username, line, time, session_id and project';
COMMENT ON COLUMN usage_responses.time IS 'UTC; of a neighbouring record where the line has none';
COMMENT ON COLUMN usage_responses.session_id IS 'session id of the transcript; subagents have their parent''s';
COMMENT ON COLUMN usage_responses.project IS 'working directory';
COMMENT ON COLUMN usage_responses.counted_file IS 'source file of the copy that the numbers are taken from';
COMMENT ON COLUMN usage_responses.cache_creation_input_tokens IS 'cache writes, 1-hour ones included';
COMMENT ON COLUMN usage_responses.placeholder IS 'the output count is from the start of the stream: older clients did not write the final one';
COMMENT ON COLUMN usage_responses.fast IS 'billed at the fast rate';
COMMENT ON COLUMN usage_responses.web_searches IS 'by the server, and by the WebSearch tool that the response called';
COMMENT ON COLUMN usage_responses.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_responses.copies IS 'source files that hold the response';
COMMENT ON COLUMN usage_responses.agent IS 'the agent whose log it is: claude-code, codex';

CREATE OR REPLACE VIEW usage_tool_events AS SELECT * EXCLUDE (key_hash) FROM facts.usage_tool_events;
COMMENT ON VIEW usage_tool_events IS 'one row per tool call or slash command';
COMMENT ON COLUMN usage_tool_events.kind IS 'tool_use, mcp_call, subagent or slash_command';
COMMENT ON COLUMN usage_tool_events.is_error IS 'null while no result is seen';
COMMENT ON COLUMN usage_tool_events.agent IS 'the agent whose log it is';

CREATE OR REPLACE VIEW usage_sessions AS SELECT * FROM facts.usage_sessions;
COMMENT ON VIEW usage_sessions IS 'one row per source file; tokens are those of its own copies, so sums over files count what files repeat';
COMMENT ON COLUMN usage_sessions.wall_seconds IS 'last minus first record';
COMMENT ON COLUMN usage_sessions.active_seconds IS 'wall time without pauses of more than 600 s';
COMMENT ON COLUMN usage_sessions.prompts IS 'messages that a person wrote';
COMMENT ON COLUMN usage_sessions.assistant_messages IS 'responses in the file';
COMMENT ON COLUMN usage_sessions.tool_calls IS 'calls of tools, MCP servers and subagents';
COMMENT ON COLUMN usage_sessions.tool_errors IS 'failed calls of tools, MCP servers and subagents';
COMMENT ON COLUMN usage_sessions.primary_model IS 'the model of most output';
COMMENT ON COLUMN usage_sessions.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_sessions.agent IS 'the agent whose log it is; null for a file that says nothing';
COMMENT ON COLUMN usage_sessions.client_total_micro_usd IS 'the client''s own total for its session, in millionths of a US dollar; not a sum over lines';
