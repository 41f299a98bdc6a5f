-- Responses added up, which most questions are about: one row stands for about six responses.

CREATE TABLE IF NOT EXISTS facts.usage_sums (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    side_chain BOOLEAN NOT NULL,
    model VARCHAR,
    fast BOOLEAN NOT NULL,
    service_tier VARCHAR,
    inference_geo VARCHAR,
    above BIGINT NOT NULL,
    agent VARCHAR,
    branch VARCHAR,
    subagent_id VARCHAR,
    command VARCHAR,
    skill VARCHAR,
    mcp_server VARCHAR,
    time TIMESTAMP,
    first_time TIMESTAMP,
    last_time TIMESTAMP,
    responses BIGINT NOT NULL,
    placeholders BIGINT NOT NULL,
    advisor_calls BIGINT NOT NULL,
    compactions BIGINT NOT NULL,
    declined BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_creation_input_tokens BIGINT NOT NULL,
    cache_creation_1h_input_tokens BIGINT NOT NULL,
    cache_read_input_tokens BIGINT NOT NULL,
    reasoning_output_tokens BIGINT NOT NULL,
    web_searches BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_sums IS 'responses of a source file in five minutes, added up where reports tell them by the same';

-- The same of calls of tools, by quarter of an hour. Slash commands are none: people type them.
CREATE TABLE IF NOT EXISTS facts.usage_call_sums (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    agent VARCHAR,
    tool VARCHAR NOT NULL,
    time TIMESTAMP,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    rejections BIGINT NOT NULL,
    lines_added BIGINT NOT NULL,
    lines_removed BIGINT NOT NULL,
    commits BIGINT NOT NULL,
    pull_requests BIGINT NOT NULL,
    test_runs BIGINT NOT NULL,
    failed_test_runs BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_call_sums IS 'calls of a source file in a quarter of an hour, added up where reports tell them by the same';

-- One in twenty calls is of these.
CREATE TABLE IF NOT EXISTS facts.usage_notable_calls (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR,
    project VARCHAR,
    message_id VARCHAR,
    agent VARCHAR,
    kind VARCHAR NOT NULL,
    tool VARCHAR NOT NULL,
    subagent_type VARCHAR,
    subagent_id VARCHAR,
    caller_id VARCHAR,
    turn_command VARCHAR,
    turn_skill VARCHAR,
    cause VARCHAR,
    error VARCHAR,
    round BIGINT
);
COMMENT ON TABLE facts.usage_notable_calls IS 'calls that came to nothing, and those that started subagents, as in usage_tool_events';

CREATE TABLE IF NOT EXISTS facts.usage_file_changes (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_id VARCHAR,
    project VARCHAR,
    agent VARCHAR,
    file VARCHAR NOT NULL,
    time TIMESTAMP,
    changes BIGINT NOT NULL
);
COMMENT ON TABLE facts.usage_file_changes IS 'files that the calls of a source file changed in a quarter of an hour, each with the number of these calls';
