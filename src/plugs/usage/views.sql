-- Views that a new database has of the declared tables. What the database says of these views and of the columns that
-- are declared is in the declarations; what it says of other views and columns is here.

CREATE VIEW usage_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_responses;

CREATE VIEW usage_shared_responses AS SELECT * EXCLUDE (key_hash) FROM facts.usage_shared_responses;

CREATE VIEW usage_tool_events AS SELECT * EXCLUDE (key_hash) FROM facts.usage_tool_events;

-- A later call can go on with a subagent that is there.
CREATE VIEW usage_subagents AS
SELECT session_id, subagent_id, subagent_type, time AS started_at, caller_id AS started_by, turn_command AS command,
    turn_skill AS skill
FROM facts.usage_tool_events WHERE kind = 'subagent' AND subagent_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY session_id, subagent_id ORDER BY time, event_id) = 1;
COMMENT ON VIEW usage_subagents IS 'one row per subagent that a call started; ids are unique within a session';
COMMENT ON COLUMN usage_subagents.session_id IS 'session that the subagent works for';
COMMENT ON COLUMN usage_subagents.subagent_id IS 'as in usage_responses';
COMMENT ON COLUMN usage_subagents.subagent_type IS 'type that the call names';
COMMENT ON COLUMN usage_subagents.started_at IS 'time of the call, UTC';
COMMENT ON COLUMN usage_subagents.started_by IS 'subagent that called; null for the main conversation';
COMMENT ON COLUMN usage_subagents.command IS 'slash command that the turn of the call began with';
COMMENT ON COLUMN usage_subagents.skill IS 'skill that was called last in the turn, before the call';

CREATE VIEW usage_sessions AS SELECT * FROM facts.usage_sessions;
COMMENT ON COLUMN usage_sessions.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN usage_sessions.username IS 'whose transcript it is';
