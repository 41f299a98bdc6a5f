-- A fact of a key that only one source file knows is stored once: its entity is no row of its own any more.

CREATE OR REPLACE TEMP TABLE several AS
SELECT key_hash FROM facts.usage_copies GROUP BY key_hash HAVING min(session_file) <> max(session_file)
UNION ALL SELECT key_hash FROM facts.touched_keys WHERE facts_table = 'usage_copies'
UNION ALL SELECT key_hash FROM settling_failures WHERE facts_table = 'usage_copies';
CREATE TABLE facts.usage_copies_new (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    alone BOOLEAN NOT NULL,
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
    reported_cost_micro_usd BIGINT,
    agent VARCHAR,
    tool_web_searches BIGINT DEFAULT 0,
    reasoning_output_tokens BIGINT DEFAULT 0,
    branch VARCHAR,
    subagent_id VARCHAR,
    command VARCHAR,
    skill VARCHAR,
    mcp_server VARCHAR,
    service_tier VARCHAR,
    inference_geo VARCHAR,
    part_kind VARCHAR,
    placeholder BOOLEAN DEFAULT 0
);
INSERT INTO facts.usage_copies_new
SELECT session_file, username, key_hash, key_hash NOT IN (FROM several),
    message_id, part, line, time, session_id, project, side_chain, counted_line, model, input_tokens, output_tokens,
    cache_creation_input_tokens, cache_creation_1h_input_tokens, cache_read_input_tokens, stopped, fast, web_searches,
    client_version, reported_cost_micro_usd, agent, tool_web_searches, reasoning_output_tokens, branch, subagent_id,
    command, skill, mcp_server, service_tier, inference_geo, part_kind,
    -- Rule 11 of COUNTING: versions before 2.1.59.
    coalesce(part = 0 AND NOT stopped AND output_tokens <= 8 AND list_transform(
        regexp_extract_all(regexp_extract(client_version, '^\d{1,9}[-.+ ]\d{1,9}[-.+ ]\d{1,9}([-.+ ]|$)'), '\d+'),
        lambda number: number::BIGINT) < [2, 1, 59]
        AND regexp_matches(client_version, '^\d{1,9}[-.+ ]\d{1,9}[-.+ ]\d{1,9}([-.+ ]|$)'), false)
FROM facts.usage_copies;
DROP TABLE facts.usage_copies;
ALTER TABLE facts.usage_copies_new RENAME TO usage_copies;
DROP TABLE several;
DELETE FROM facts.usage_responses WHERE key_hash IN (SELECT key_hash FROM facts.usage_copies WHERE alone);

CREATE OR REPLACE TEMP TABLE several AS
SELECT key_hash FROM facts.usage_tool_calls GROUP BY key_hash HAVING min(session_file) <> max(session_file)
UNION ALL SELECT key_hash FROM facts.touched_keys WHERE facts_table = 'usage_tool_calls'
UNION ALL SELECT key_hash FROM settling_failures WHERE facts_table = 'usage_tool_calls';
CREATE TABLE facts.usage_tool_calls_new (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    alone BOOLEAN NOT NULL,
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
    is_error BOOLEAN,
    agent VARCHAR,
    subagent_id VARCHAR,
    caller_id VARCHAR,
    turn_command VARCHAR,
    turn_skill VARCHAR,
    declined_by VARCHAR,
    cause VARCHAR,
    error VARCHAR,
    files VARCHAR,
    lines_added BIGINT DEFAULT 0,
    lines_removed BIGINT DEFAULT 0,
    acts VARCHAR
);
INSERT INTO facts.usage_tool_calls_new
SELECT session_file, username, key_hash, key_hash NOT IN (FROM several),
    event_id, line, time, session_id, project, message_id, side_chain, kind, tool, skill, subagent_type, command,
    mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill, declined_by, cause,
    error, files, lines_added, lines_removed, acts
FROM facts.usage_tool_calls;
DROP TABLE facts.usage_tool_calls;
ALTER TABLE facts.usage_tool_calls_new RENAME TO usage_tool_calls;
DROP TABLE several;
DELETE FROM facts.usage_tool_events WHERE key_hash IN (SELECT key_hash FROM facts.usage_tool_calls WHERE alone);

CREATE OR REPLACE VIEW usage_responses AS SELECT message_id, part, session_file, username, line, time, session_id, project, side_chain, session_file AS counted_file, counted_line, model, input_tokens, output_tokens, cache_creation_input_tokens, cache_creation_1h_input_tokens, cache_read_input_tokens, placeholder, fast, web_searches + tool_web_searches AS web_searches, client_version, reported_cost_micro_usd, 1 AS copies, agent, reasoning_output_tokens, branch, subagent_id, command, skill, mcp_server, service_tier, inference_geo, CASE WHEN part > 0 THEN coalesce(part_kind, 'advisor') END AS part_kind FROM facts.usage_copies WHERE alone UNION ALL SELECT message_id, part, session_file, username, line, time, session_id, project, side_chain, counted_file, counted_line, model, input_tokens, output_tokens, cache_creation_input_tokens, cache_creation_1h_input_tokens, cache_read_input_tokens, placeholder, fast, web_searches, client_version, reported_cost_micro_usd, copies, agent, reasoning_output_tokens, branch, subagent_id, command, skill, mcp_server, service_tier, inference_geo, part_kind FROM facts.usage_responses;
COMMENT ON VIEW usage_responses IS 'one row per response (part 0) and per call that its numbers leave out (part 1 and up): of advisors, compactions, declined attempts';
COMMENT ON COLUMN usage_responses.message_id IS 'message.id, or uuid:… or line:… where the log gives none';
COMMENT ON COLUMN usage_responses.part IS '0 for the response itself, from 1 on for calls that its numbers leave out';
COMMENT ON COLUMN usage_responses.session_file IS 'source file of the earliest copy, which also gives username, line, time, session_id and project';
COMMENT ON COLUMN usage_responses.username IS 'whose transcript it is';
COMMENT ON COLUMN usage_responses.line IS 'of session_file';
COMMENT ON COLUMN usage_responses.time IS 'UTC; of a neighbouring record where the line has none';
COMMENT ON COLUMN usage_responses.session_id IS 'session id of the transcript; subagents have their parent''s';
COMMENT ON COLUMN usage_responses.project IS 'working directory, in one spelling';
COMMENT ON COLUMN usage_responses.side_chain IS 'said in a subagent''s conversation';
COMMENT ON COLUMN usage_responses.counted_file IS 'source file of the copy that the numbers are taken from';
COMMENT ON COLUMN usage_responses.counted_line IS 'of counted_file';
COMMENT ON COLUMN usage_responses.model IS 'as the log has it';
COMMENT ON COLUMN usage_responses.input_tokens IS 'without those read from or written to the cache';
COMMENT ON COLUMN usage_responses.output_tokens IS 'thinking included';
COMMENT ON COLUMN usage_responses.cache_creation_input_tokens IS 'cache writes, 1-hour ones included';
COMMENT ON COLUMN usage_responses.cache_creation_1h_input_tokens IS 'part of cache_creation_input_tokens that is kept for an hour';
COMMENT ON COLUMN usage_responses.cache_read_input_tokens IS 'read from the cache';
COMMENT ON COLUMN usage_responses.placeholder IS 'the output count is from the start of the stream: older clients did not write the final one';
COMMENT ON COLUMN usage_responses.fast IS 'billed at the fast rate';
COMMENT ON COLUMN usage_responses.web_searches IS 'by the server, and by the WebSearch tool that the response called';
COMMENT ON COLUMN usage_responses.client_version IS 'of the agent';
COMMENT ON COLUMN usage_responses.reported_cost_micro_usd IS 'what the client says it cost, in millionths of a US dollar';
COMMENT ON COLUMN usage_responses.copies IS 'source files that hold the response';
COMMENT ON COLUMN usage_responses.agent IS 'the agent whose log it is: claude-code, codex';
COMMENT ON COLUMN usage_responses.reasoning_output_tokens IS 'part of output_tokens, where the agent tells it';
COMMENT ON COLUMN usage_responses.branch IS 'git branch';
COMMENT ON COLUMN usage_responses.subagent_id IS 'subagent that it is by; null in the main conversation';
COMMENT ON COLUMN usage_responses.command IS 'slash command that the turn of the conversation began with';
COMMENT ON COLUMN usage_responses.skill IS 'skill that was called last in the turn, before the response';
COMMENT ON COLUMN usage_responses.mcp_server IS 'server of the first MCP call that the response makes';
COMMENT ON COLUMN usage_responses.service_tier IS 'service tier, as the log names it: standard, priority, batch, flex; null where it names none';
COMMENT ON COLUMN usage_responses.inference_geo IS 'where inference may run, as the log names it: us, global, not_available; null where it names none';
COMMENT ON COLUMN usage_responses.part_kind IS 'what a part from 1 on is for: advisor, compaction, declined; null for the response itself, and for calls of advisors that an older version read';

CREATE OR REPLACE VIEW usage_tool_events AS SELECT event_id, session_file, username, line, time, session_id, project, message_id, side_chain, kind, tool, skill, subagent_type, command, mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill, declined_by, cause, error, files, lines_added, lines_removed, acts FROM facts.usage_tool_calls WHERE alone UNION ALL SELECT event_id, session_file, username, line, time, session_id, project, message_id, side_chain, kind, tool, skill, subagent_type, command, mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill, declined_by, cause, error, files, lines_added, lines_removed, acts FROM facts.usage_tool_events;
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
COMMENT ON COLUMN usage_tool_events.lines_added IS 'new lines of these files; those of a file that is written whole are all new';
COMMENT ON COLUMN usage_tool_events.lines_removed IS 'lines that go';
COMMENT ON COLUMN usage_tool_events.acts IS 'what its command does: test, commit and pull_request, with spaces between them';

-- A later call can go on with a subagent that is there.
CREATE OR REPLACE VIEW usage_subagents AS
SELECT session_id, subagent_id, subagent_type, time AS started_at, caller_id AS started_by, turn_command AS command,
    turn_skill AS skill
FROM usage_tool_events WHERE kind = 'subagent' AND subagent_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY session_id, subagent_id ORDER BY time, event_id) = 1;
COMMENT ON VIEW usage_subagents IS 'one row per subagent that a call started; ids are unique within a session';
COMMENT ON COLUMN usage_subagents.session_id IS 'session that the subagent works for';
COMMENT ON COLUMN usage_subagents.subagent_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_subagents.subagent_type IS 'type that the call names';
COMMENT ON COLUMN usage_subagents.started_at IS 'time of the call, UTC';
COMMENT ON COLUMN usage_subagents.started_by IS 'subagent that called; null for the main conversation';
COMMENT ON COLUMN usage_subagents.command IS 'slash command that the turn of the call began with';
COMMENT ON COLUMN usage_subagents.skill IS 'skill that was called last in the turn, before the call';

COMMENT ON TABLE facts.usage_copies IS 'responses as each source file tells them, before they are counted once';
COMMENT ON TABLE facts.usage_tool_calls IS 'tool calls and slash commands as each source file tells them, before they are counted once';

-- A run that was killed can have left the tables that are made of values of the database behind: the next run makes them.
UPDATE facts.settlements SET settings = '!' || settings
WHERE processor_name = '(lookup)' AND NOT starts_with(settings, '!');
