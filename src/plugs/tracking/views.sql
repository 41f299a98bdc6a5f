-- Views that a new database has of the declared tables. What the database says of these views and of the columns that
-- are declared is in the declarations; what it says of other views and columns is here.

-- A session is open while the person can still go on with it.
CREATE VIEW activity_sessions AS
SELECT * EXCLUDE (key_hash, person, attaches_until, active_until, screens, autocaptures, is_active)
    REPLACE (
        CASE WHEN is_active THEN NULL ELSE closed_at END AS closed_at,
        CASE WHEN is_active THEN NULL ELSE close_reason END AS close_reason
    ),
    is_active,
    row_number() OVER person AS session_index,
    lag(session_id) OVER person AS previous_session_id
FROM (
    SELECT *, close_reason IN ('idle', 'client') AND active_until >= make_timestamp(epoch_us(now())) AS is_active
    FROM facts.activity_sessions
) WINDOW person AS (PARTITION BY username, kind, person_id ORDER BY started_at, session_id);
COMMENT ON COLUMN activity_sessions.is_active IS 'the person can still go on with it; closed_at and close_reason are null then';
COMMENT ON COLUMN activity_sessions.session_index IS 'position among the sessions of the person, from 1';
COMMENT ON COLUMN activity_sessions.previous_session_id IS 'session of the person before it';

CREATE VIEW activity_events AS
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
COMMENT ON COLUMN activity_events.event_id IS 'identity of the event: that of the log, else a hash of the content and a number; null in files that vanished before hashes were made';
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

CREATE VIEW activity_people AS
WITH used AS (
    SELECT username, kind, person_id, distinct_id, concat(username, '/', kind, '/', distinct_id) AS node,
        min(started_at) AS first_at, max(last_at) AS last_at, sum(events) AS events, sum(copies) AS copies,
        sum(loose) AS loose, bool_or(nobody) AS nobody
    FROM facts.activity_presence GROUP BY ALL
), named AS (
    -- An id without events that a log says is a user's.
    SELECT DISTINCT username, used.kind, person_id,
        substr(edges.other, length(concat(username, used.kind)) + 3) AS distinct_id, edges.other AS node
    FROM facts.activity_edges AS edges JOIN used ON edges.id = used.node
    WHERE edges.kind = 'identity' AND edges.other NOT IN (SELECT node FROM used)
)
SELECT
    username, kind, person_id, count(DISTINCT distinct_id) AS ids,
    string_agg(DISTINCT distinct_id, ', ' ORDER BY distinct_id) AS distinct_ids,
    min(first_at) AS first_seen, max(last_at) AS last_seen, sum(events)::BIGINT AS events,
    sum(copies)::BIGINT AS copies, sum(loose)::BIGINT AS loose_events,
    coalesce(sum(refused), 0)::BIGINT AS refused_joins, bool_or(nobody) AS nobody
FROM (FROM used UNION ALL BY NAME FROM named)
LEFT JOIN (SELECT node, refused FROM facts.activity_edges WHERE kind = 'refused') USING (node)
GROUP BY ALL;
COMMENT ON VIEW activity_people IS 'one row per person: all ids that are one';
COMMENT ON COLUMN activity_people.username IS 'folder of the log';
COMMENT ON COLUMN activity_people.kind IS 'web, or agent for work with coding agents';
COMMENT ON COLUMN activity_people.person_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_people.ids IS 'ids, also those without events that a log joins to the person';
COMMENT ON COLUMN activity_people.distinct_ids IS 'all ids, in order';
COMMENT ON COLUMN activity_people.first_seen IS 'time of the first event, UTC';
COMMENT ON COLUMN activity_people.last_seen IS 'time of the last event';
COMMENT ON COLUMN activity_people.events IS 'events of any class, copies left out';
COMMENT ON COLUMN activity_people.copies IS 'copies of events, which are not counted';
COMMENT ON COLUMN activity_people.loose_events IS 'events that belong to no session';
COMMENT ON COLUMN activity_people.refused_joins IS 'links to other ids that were refused';
COMMENT ON COLUMN activity_people.nobody IS 'the id means nobody, such as `anonymous` or `null`';

CREATE VIEW activity_replay AS SELECT * FROM facts.activity_replay;
COMMENT ON COLUMN activity_replay.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN activity_replay.username IS 'folder of the log';

CREATE VIEW activity_usage AS
SELECT sessions.session_id, responses.message_id, responses.part
FROM usage_responses AS responses ASOF JOIN (
    SELECT username, started_at, seen_until, session_id FROM facts.activity_sessions WHERE kind = 'agent'
) AS sessions ON responses.username = sessions.username AND responses.time >= sessions.started_at
WHERE responses.time <= sessions.seen_until;
COMMENT ON VIEW activity_usage IS 'one row per response that was made in an activity session of kind agent';
COMMENT ON COLUMN activity_usage.session_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_usage.message_id IS 'as in usage_responses';
COMMENT ON COLUMN activity_usage.part IS 'as in usage_responses';

CREATE VIEW activity_session_properties AS
SELECT
    session_id AS "$session_id", duration_seconds AS "$session_duration", page_views AS "$session_page_views",
    entry_url AS "$entry_url", exit_url AS "$exit_url", referrer AS "$referrer", started_at AS "$start_timestamp",
    seen_until AS "$end_timestamp", entry_url AS "$entry_current_url", landing_page AS "$entry_pathname",
    exit_url AS "$end_current_url", exit_page AS "$end_pathname", exit_url AS "$exit_current_url",
    exit_page AS "$exit_pathname", unique_urls AS "$num_uniq_urls", page_views - screens AS "$pageview_count",
    screens AS "$screen_count", autocaptures AS "$autocapture_count", is_bounce AS "$is_bounce",
    channel AS "$channel_type", referring_domain AS "$entry_referring_domain", utm_source AS "$entry_utm_source",
    utm_medium AS "$entry_utm_medium", utm_campaign AS "$entry_utm_campaign", utm_term AS "$entry_utm_term",
    utm_content AS "$entry_utm_content", gclid AS "$entry_gclid"
FROM facts.activity_sessions WHERE kind = 'web';
COMMENT ON VIEW activity_session_properties IS 'activity sessions of kind web under the names of session properties in web analytics';
COMMENT ON COLUMN activity_session_properties."$session_id" IS 'session_id of activity_sessions';
COMMENT ON COLUMN activity_session_properties."$session_duration" IS 'seconds';
COMMENT ON COLUMN activity_session_properties."$session_page_views" IS 'pages and screens seen';
COMMENT ON COLUMN activity_session_properties."$entry_url" IS 'address of the first view';
COMMENT ON COLUMN activity_session_properties."$exit_url" IS 'address of the last view';
COMMENT ON COLUMN activity_session_properties."$referrer" IS 'where the person came from';
COMMENT ON COLUMN activity_session_properties."$start_timestamp" IS 'time of the first view or event, UTC';
COMMENT ON COLUMN activity_session_properties."$end_timestamp" IS 'time of the last event of any class';
COMMENT ON COLUMN activity_session_properties."$entry_current_url" IS 'address of the first view';
COMMENT ON COLUMN activity_session_properties."$entry_pathname" IS 'path of the first view';
COMMENT ON COLUMN activity_session_properties."$end_current_url" IS 'address of the last view';
COMMENT ON COLUMN activity_session_properties."$end_pathname" IS 'path of the last view';
COMMENT ON COLUMN activity_session_properties."$exit_current_url" IS 'address of the last view';
COMMENT ON COLUMN activity_session_properties."$exit_pathname" IS 'path of the last view';
COMMENT ON COLUMN activity_session_properties."$num_uniq_urls" IS 'different addresses seen';
COMMENT ON COLUMN activity_session_properties."$pageview_count" IS 'pages seen, without screens';
COMMENT ON COLUMN activity_session_properties."$screen_count" IS 'screens seen';
COMMENT ON COLUMN activity_session_properties."$autocapture_count" IS 'clicks and inputs that the client noted by itself';
COMMENT ON COLUMN activity_session_properties."$is_bounce" IS 'one view or click, and gone in less than ten seconds; null without either';
COMMENT ON COLUMN activity_session_properties."$channel_type" IS 'kind of traffic';
COMMENT ON COLUMN activity_session_properties."$entry_referring_domain" IS 'registrable domain of the referrer, if it is another site';
COMMENT ON COLUMN activity_session_properties."$entry_utm_source" IS 'of the campaign';
COMMENT ON COLUMN activity_session_properties."$entry_utm_medium" IS 'of the campaign';
COMMENT ON COLUMN activity_session_properties."$entry_utm_campaign" IS 'name of the campaign';
COMMENT ON COLUMN activity_session_properties."$entry_utm_term" IS 'of the campaign';
COMMENT ON COLUMN activity_session_properties."$entry_utm_content" IS 'of the campaign';
COMMENT ON COLUMN activity_session_properties."$entry_gclid" IS 'click id of Google Ads';
