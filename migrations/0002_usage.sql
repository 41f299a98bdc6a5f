-- Facts and entities of the usage processor, and the views that show them.

CREATE TABLE IF NOT EXISTS facts.usage_copies (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    message_id VARCHAR NOT NULL,
    part BIGINT NOT NULL,
    line BIGINT NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    side_chain BOOLEAN NOT NULL,
    counted_line BIGINT NOT NULL,
    model VARCHAR,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_creation_1h_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens BIGINT NOT NULL,
    stopped BOOLEAN NOT NULL,
    fast BOOLEAN NOT NULL,
    web_searches BIGINT NOT NULL,
    client_version VARCHAR,
    reported_cost_micro_usd BIGINT
);
COMMENT ON TABLE facts.usage_copies IS 'responses as each source file tells them, before they are counted once';

CREATE TABLE IF NOT EXISTS facts.usage_responses (
    key_hash BIGINT NOT NULL,
    message_id VARCHAR NOT NULL,
    part BIGINT NOT NULL,
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    side_chain BOOLEAN NOT NULL,
    counted_file VARCHAR NOT NULL,
    counted_line BIGINT NOT NULL,
    model VARCHAR,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_creation_1h_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens BIGINT NOT NULL,
    placeholder BOOLEAN NOT NULL,
    fast BOOLEAN NOT NULL,
    web_searches BIGINT NOT NULL,
    client_version VARCHAR,
    reported_cost_micro_usd BIGINT,
    copies BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS facts.usage_tool_calls (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    event_id VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    message_id VARCHAR,
    side_chain BOOLEAN NOT NULL,
    kind VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    skill VARCHAR,
    subagent_type VARCHAR,
    command VARCHAR,
    mcp_server VARCHAR,
    mcp_tool VARCHAR,
    is_error BOOLEAN
);
COMMENT ON TABLE facts.usage_tool_calls IS 'tool calls and slash commands as each source file tells them, before they are counted once';

CREATE TABLE IF NOT EXISTS facts.usage_tool_events (
    key_hash BIGINT NOT NULL,
    event_id VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    message_id VARCHAR,
    side_chain BOOLEAN NOT NULL,
    kind VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    skill VARCHAR,
    subagent_type VARCHAR,
    command VARCHAR,
    mcp_server VARCHAR,
    mcp_tool VARCHAR,
    is_error BOOLEAN
);

CREATE TABLE IF NOT EXISTS facts.usage_sessions (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR NOT NULL,
    started TIMESTAMP,
    ended TIMESTAMP,
    wall_seconds BIGINT,
    active_seconds BIGINT,
    prompts BIGINT NOT NULL,
    assistant_messages BIGINT NOT NULL,
    tool_calls BIGINT NOT NULL,
    mcp_calls BIGINT NOT NULL,
    subagent_calls BIGINT NOT NULL,
    slash_commands BIGINT NOT NULL,
    tool_errors BIGINT NOT NULL,
    mcp_errors BIGINT NOT NULL,
    subagent_errors BIGINT NOT NULL,
    api_errors BIGINT NOT NULL,
    distinct_tools BIGINT NOT NULL,
    distinct_skills BIGINT NOT NULL,
    primary_model VARCHAR,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_creation_1h_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens BIGINT NOT NULL,
    malformed_lines BIGINT NOT NULL,
    client_version VARCHAR,
    reported_cost_micro_usd BIGINT
);

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
COMMENT ON COLUMN usage_responses.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_responses.copies IS 'source files that hold the response';

CREATE OR REPLACE VIEW usage_tool_events AS SELECT * EXCLUDE (key_hash) FROM facts.usage_tool_events;
COMMENT ON VIEW usage_tool_events IS 'one row per tool call or slash command';
COMMENT ON COLUMN usage_tool_events.kind IS 'tool_use, mcp_call, subagent or slash_command';
COMMENT ON COLUMN usage_tool_events.is_error IS 'null while no result is seen';

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
