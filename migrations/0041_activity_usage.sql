-- Responses are shown by a view of two tables.

CREATE OR REPLACE VIEW activity_usage AS
SELECT sessions.session_id, responses.message_id, responses.part
FROM usage_responses AS responses ASOF JOIN (
    SELECT username, started_at, seen_until, session_id FROM facts.activity_sessions WHERE kind = 'agent'
) AS sessions ON responses.username = sessions.username AND responses.time >= sessions.started_at
WHERE responses.time <= sessions.seen_until;
COMMENT ON VIEW activity_usage IS 'one row per response that was made in an activity session of kind agent';
COMMENT ON COLUMN activity_usage.session_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_usage.message_id IS 'as in usage_responses';
COMMENT ON COLUMN activity_usage.part IS 'as in usage_responses';
