-- Tool calls that were declined, and responses that several users hold. The view is made again, because one
-- of all columns does not see new ones.

ALTER TABLE facts.usage_tool_calls ADD COLUMN IF NOT EXISTS declined_by VARCHAR;
ALTER TABLE facts.usage_tool_events ADD COLUMN IF NOT EXISTS declined_by VARCHAR;

CREATE OR REPLACE VIEW usage_tool_events AS SELECT * EXCLUDE (key_hash) FROM facts.usage_tool_events;
COMMENT ON VIEW usage_tool_events IS 'one row per tool call or slash command';
COMMENT ON COLUMN usage_tool_events.event_id IS
    'response and id of the call; without an id its tool and number in the response, or what a copy has in common with it';
COMMENT ON COLUMN usage_tool_events.session_file IS 'source file of the earliest copy';
COMMENT ON COLUMN usage_tool_events.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_tool_events.line IS 'of session_file';
COMMENT ON COLUMN usage_tool_events.time IS 'UTC';
COMMENT ON COLUMN usage_tool_events.session_id IS 'session id of the transcript';
COMMENT ON COLUMN usage_tool_events.project IS 'working directory, in one spelling';
COMMENT ON COLUMN usage_tool_events.message_id IS
    'response that makes the call; in a rollout of Codex the one that is counted next';
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
COMMENT ON COLUMN usage_tool_events.declined_by IS
    'who did not let the call through: person, policy (a rule, mode, classifier or hook) or client (its turn had ended); else null';
COMMENT ON COLUMN usage_responses.project IS 'working directory, in one spelling';

CREATE TABLE IF NOT EXISTS facts.usage_shared_responses (
    key_hash BIGINT NOT NULL,
    message_id VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    is_counted BOOLEAN NOT NULL,
    session_file VARCHAR NOT NULL,
    time TIMESTAMP,
    copies BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL
);
CREATE OR REPLACE VIEW usage_shared_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_shared_responses;
COMMENT ON VIEW usage_shared_responses IS 'one row per response that several users hold, and user: only the copies of the user with the earliest one are counted';
COMMENT ON COLUMN usage_shared_responses.message_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_shared_responses.username IS 'user who holds copies';
COMMENT ON COLUMN usage_shared_responses.is_counted IS 'it is the user in whose name the response is counted';
COMMENT ON COLUMN usage_shared_responses.session_file IS 'source file of the user''s earliest copy';
COMMENT ON COLUMN usage_shared_responses.time IS 'of the user''s earliest copy, UTC';
COMMENT ON COLUMN usage_shared_responses.copies IS 'source files of the user that hold the response';
COMMENT ON COLUMN usage_shared_responses.output_tokens IS 'the most that a copy of the user claims';

-- What several users hold is settled again by the new rule, also where all its files are gone.
INSERT INTO facts.touched_keys
    SELECT 'usage', 'usage_copies', key_hash FROM facts.usage_copies
    GROUP BY key_hash HAVING count(DISTINCT username) > 1;
