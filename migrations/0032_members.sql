-- Which activity session each event belongs to, as settling finds it. The version of the settlement fills the table.

CREATE TABLE IF NOT EXISTS facts.activity_members (
    key_hash BIGINT NOT NULL,
    person VARCHAR NOT NULL,
    person_id VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    part BIGINT NOT NULL,
    started_at TIMESTAMP NOT NULL,
    session_id VARCHAR
);
COMMENT ON TABLE facts.activity_members IS 'one row per event that is counted, copies left out';
COMMENT ON COLUMN facts.activity_members.person IS 'smallest of all ids that are settled together, as in activity_lines';
COMMENT ON COLUMN facts.activity_members.started_at IS 'time of the event';
COMMENT ON COLUMN facts.activity_members.session_id IS 'null for none';

CREATE OR REPLACE VIEW activity_events AS
SELECT
    lines.username, split_part(lines.person, '/', 2) AS kind, members.person_id,
    substr(lines.person, length(lines.username) + length(split_part(lines.person, '/', 2)) + 3) AS distinct_id,
    members.session_id, lines.time, lines.event_id, lines.class, lines.name, lines.client_session_id, lines.url,
    lines.path, lines.referrer, lines.source, lines.device, lines.ip, lines.properties, lines.agent, lines.transcript,
    lines.session_file, lines.line, lines.part
FROM facts.activity_lines AS lines JOIN facts.activity_members AS members USING (session_file, line, part);
COMMENT ON VIEW activity_events IS 'one row per event, copies counted once';
COMMENT ON COLUMN activity_events.username IS 'folder of the log';
COMMENT ON COLUMN activity_events.kind IS 'web, or agent for work with coding agents';
COMMENT ON COLUMN activity_events.person_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_events.distinct_id IS 'id that the client gives the person';
COMMENT ON COLUMN activity_events.session_id IS 'activity session that it belongs to; null for none';
COMMENT ON COLUMN activity_events.time IS 'time of the event itself, UTC';
COMMENT ON COLUMN activity_events.event_id IS 'identity of the event; null if the log gives none';
COMMENT ON COLUMN activity_events.class IS 'view, event, passive, ping, recording, identity or end';
COMMENT ON COLUMN activity_events.name IS 'as the log has it; for agents prompt, response, tool, tool_error, api_error or command';
COMMENT ON COLUMN activity_events.client_session_id IS 'session that the client says it belongs to';
COMMENT ON COLUMN activity_events.url IS 'address of the page or name of the screen; for agents the working directory';
COMMENT ON COLUMN activity_events.path IS 'path of the page, where the log gives it apart from the address';
COMMENT ON COLUMN activity_events.referrer IS 'as the log has it';
COMMENT ON COLUMN activity_events.source IS 'campaign and click ids: a JSON object';
COMMENT ON COLUMN activity_events.device IS 'device and place: a JSON object';
COMMENT ON COLUMN activity_events.ip IS 'address of the client (empty in snapshots)';
COMMENT ON COLUMN activity_events.properties IS 'properties that the configuration keeps: a JSON object';
COMMENT ON COLUMN activity_events.agent IS 'name of the agent';
COMMENT ON COLUMN activity_events.transcript IS 'session id of the transcript';
COMMENT ON COLUMN activity_events.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN activity_events.line IS 'of session_file';
COMMENT ON COLUMN activity_events.part IS 'position among the events of the line, from 0';
