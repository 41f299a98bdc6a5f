-- Tool calls are known by their response and the id of the call: an id alone is unique only where its maker
-- says so. What was stored of files that are gone gets the keys under which a copy of them is read now.

-- A call in a rollout of Codex belongs to the response whose count follows. Responses are numbered, so the
-- one after the last is known, too.
UPDATE facts.usage_tool_calls SET message_id = named.response
FROM (
    SELECT calls.rowid AS id, CASE
        WHEN next.message_id LIKE 'codex:%' THEN next.message_id
        WHEN next.message_id IS NULL AND files.others IS NULL OR files.others = 0
            THEN 'codex:' || coalesce(calls.caller_id, calls.session_id) || ':' || (coalesce(files.responses, 0) + 1)
        END AS response
    FROM facts.usage_tool_calls AS calls
    ASOF LEFT JOIN (SELECT session_file, message_id, line FROM facts.usage_copies WHERE part = 0) AS next
        ON calls.session_file = next.session_file AND calls.line < next.line
    LEFT JOIN (
        SELECT session_file, count(*) FILTER (message_id LIKE 'codex:%') AS responses,
            count(*) FILTER (message_id NOT LIKE 'codex:%') AS others
        FROM facts.usage_copies WHERE part = 0 GROUP BY session_file
    ) AS files ON calls.session_file = files.session_file
    WHERE calls.agent = 'codex' AND calls.message_id IS NULL AND calls.kind <> 'slash_command'
) AS named
WHERE usage_tool_calls.rowid = named.id AND named.response IS NOT NULL;

UPDATE facts.usage_tool_calls SET event_id = named.event_id
FROM (
    SELECT id, CASE
        WHEN is_numbered THEN alike || ' #' || number
        WHEN event_id LIKE 'uuid:%' OR event_id LIKE 'session:%' OR starts_with(event_id, message_id || ' ') THEN event_id
        WHEN message_id IS NULL THEN session || ' ' || event_id || ' #1'
        ELSE message_id || ' ' || event_id END AS event_id
    FROM (
        SELECT *, row_number() OVER (
            PARTITION BY session_file, is_numbered, alike ORDER BY line, length(event_id), event_id) AS number
        FROM (
            SELECT *, coalesce(message_id, session || ' ' || coalesce(epoch_us(time)::VARCHAR, '-')) || ' ' || tool AS alike,
                event_id LIKE 'line:%' OR event_id LIKE 'uuid:%' AND message_id IS NOT NULL AS is_numbered
            FROM (
                SELECT rowid AS id, *, 'session:' || coalesce(caller_id, session_id, '') AS session
                FROM facts.usage_tool_calls
            )
        )
    )
) AS named
WHERE usage_tool_calls.rowid = named.id AND usage_tool_calls.event_id <> named.event_id;

-- The first eight bytes of the digest, as a number with a sign.
UPDATE facts.usage_tool_calls SET key_hash = (
    CASE WHEN md5_number_upper(event_id) < 9223372036854775808 THEN md5_number_upper(event_id)::HUGEINT
    ELSE md5_number_upper(event_id)::HUGEINT - 18446744073709551616 END)::BIGINT;

-- Calls as they are settled: what and where are those of the earliest copy; the outcome and the subagent are
-- those of the earliest copy that has them.
DELETE FROM facts.usage_tool_events;
INSERT INTO facts.usage_tool_events (
    key_hash, event_id, session_file, username, line, time, session_id, project, message_id, side_chain, kind, tool,
    skill, subagent_type, command, mcp_server, mcp_tool, is_error, agent, subagent_id, caller_id, turn_command, turn_skill)
SELECT first.key_hash, first.event_id, first.session_file, first.username, first.line, first.time, first.session_id,
    first.project, first.message_id, first.side_chain, first.kind, first.tool, first.skill, first.subagent_type,
    first.command, first.mcp_server, first.mcp_tool, ended.is_error, first.agent, ended.subagent_id, first.caller_id,
    first.turn_command, first.turn_skill
FROM (
    FROM facts.usage_tool_calls
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY time NULLS LAST, session_file, line) = 1
) AS first
JOIN (
    SELECT event_id,
        first(is_error ORDER BY time NULLS LAST, session_file, line) FILTER (is_error IS NOT NULL) AS is_error,
        first(subagent_id ORDER BY time NULLS LAST, session_file, line) FILTER (subagent_id IS NOT NULL) AS subagent_id
    FROM facts.usage_tool_calls GROUP BY event_id
) AS ended USING (event_id);
INSERT INTO facts.touched_keys
    SELECT DISTINCT 'usage', 'usage_tool_calls', key_hash FROM facts.usage_tool_calls;

COMMENT ON COLUMN usage_tool_events.event_id IS
    'response and id of the call; without an id its tool and number in the response, or what a copy has in common with it';
COMMENT ON COLUMN usage_tool_events.message_id IS
    'response that makes the call; in a rollout of Codex the one that is counted next';

-- Files that lie where transcripts do and are left out.
CREATE TABLE IF NOT EXISTS files_left_out (
    source VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE files_left_out IS 'files and links of the last walk that can hold transcripts and are not read';
COMMENT ON COLUMN files_left_out.source IS 'of sources';
COMMENT ON COLUMN files_left_out.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN files_left_out.reason IS 'why it is not read';
