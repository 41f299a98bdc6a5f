-- Where in somebody's work a response stands: branch, subagent, and the turn of the conversation.
-- Views are made again, because one of all columns does not see new ones.

ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS branch VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS subagent_id VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS command VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS skill VARCHAR;
ALTER TABLE facts.usage_copies ADD COLUMN IF NOT EXISTS mcp_server VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS branch VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS subagent_id VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS command VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS skill VARCHAR;
ALTER TABLE facts.usage_responses ADD COLUMN IF NOT EXISTS mcp_server VARCHAR;
ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS subagent_id VARCHAR;
ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS caller_id VARCHAR;
ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS turn_command VARCHAR;
ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS turn_skill VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS subagent_id VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS caller_id VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS turn_command VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS turn_skill VARCHAR;

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
COMMENT ON COLUMN usage_responses.reasoning_output_tokens IS 'part of output_tokens, where the agent tells it';
COMMENT ON COLUMN usage_responses.branch IS 'git branch';
COMMENT ON COLUMN usage_responses.subagent_id IS 'subagent that it is by; null in the main conversation';
COMMENT ON COLUMN usage_responses.command IS 'slash command that the turn of the conversation began with';
COMMENT ON COLUMN usage_responses.skill IS 'skill that was called last in the turn, before the response';
COMMENT ON COLUMN usage_responses.mcp_server IS 'server of the first MCP call that the response makes';

CREATE OR REPLACE VIEW usage_tool_events AS SELECT * EXCLUDE (key_hash) FROM facts.usage_tool_events;
COMMENT ON VIEW usage_tool_events IS 'one row per tool call or slash command';
COMMENT ON COLUMN usage_tool_events.kind IS 'tool_use, mcp_call, subagent or slash_command';
COMMENT ON COLUMN usage_tool_events.is_error IS 'null while no result is seen';
COMMENT ON COLUMN usage_tool_events.agent IS 'the agent whose log it is';
COMMENT ON COLUMN usage_tool_events.subagent_id IS 'subagent that worked on the call';
COMMENT ON COLUMN usage_tool_events.caller_id IS 'subagent that made the call; null in the main conversation';
COMMENT ON COLUMN usage_tool_events.turn_command IS 'slash command that the turn of the conversation began with';
COMMENT ON COLUMN usage_tool_events.turn_skill IS 'skill that was called last in the turn, before the call';

-- A later call can go on with a subagent that is there.
CREATE OR REPLACE VIEW usage_subagents AS
SELECT session_id, subagent_id, subagent_type, time AS started_at, caller_id AS started_by, turn_command AS command, turn_skill AS skill
FROM facts.usage_tool_events WHERE kind = 'subagent' AND subagent_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY session_id, subagent_id ORDER BY time, event_id) = 1;
COMMENT ON VIEW usage_subagents IS 'one row per subagent that a call started; ids are unique within a session';
COMMENT ON COLUMN usage_subagents.started_by IS 'subagent that called; null for the main conversation';
COMMENT ON COLUMN usage_subagents.command IS 'slash command that the turn of the call began with';
COMMENT ON COLUMN usage_subagents.skill IS 'skill that was called last in the turn, before the call';
