-- Calls that can be in a loop, which are few, are found without looking at all others. The next run fills the table again.

DROP TABLE facts.usage_notable_calls;
CREATE TABLE facts.usage_notable_calls (
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
    round BIGINT,
    is_retried BOOLEAN NOT NULL
);
COMMENT ON TABLE facts.usage_notable_calls IS 'calls that came to nothing, and those that started subagents, as in usage_tool_events';
DELETE FROM facts.settlements WHERE processor_name = '(lookup)' AND name = 'usage_tool_calls';
