-- Activity sessions of web events and of work with agents.

CREATE TABLE IF NOT EXISTS facts.activity_lines (
    session_file VARCHAR NOT NULL, username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    person VARCHAR NOT NULL,
    time TIMESTAMP NOT NULL,
    event_id VARCHAR,
    line BIGINT NOT NULL,
    part BIGINT NOT NULL,
    class VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    client_session_id VARCHAR,
    url VARCHAR,
    path VARCHAR,
    referrer VARCHAR,
    source VARCHAR,
    device VARCHAR,
    ip VARCHAR,
    properties VARCHAR,
    agent VARCHAR,
    transcript VARCHAR
);

CREATE TABLE IF NOT EXISTS facts.activity_links (
    session_file VARCHAR NOT NULL, username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    node VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    is_forced BOOLEAN NOT NULL,
    time TIMESTAMP NOT NULL,
    line BIGINT NOT NULL,
    part BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS facts.activity_replay (
    session_file VARCHAR NOT NULL, username VARCHAR NOT NULL,
    distinct_id VARCHAR NOT NULL,
    client_session_id VARCHAR,
    time TIMESTAMP NOT NULL,
    event_type VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    part BIGINT NOT NULL,
    offset_bytes BIGINT NOT NULL,
    length_bytes BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS facts.activity_edges (
    key_hash BIGINT NOT NULL,
    node VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    other VARCHAR NOT NULL,
    refused BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS facts.activity_sessions (
    key_hash BIGINT NOT NULL,
    person VARCHAR NOT NULL,
    session_id VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    person_id VARCHAR NOT NULL,
    distinct_id VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    seen_until TIMESTAMP NOT NULL,
    closed_at TIMESTAMP NOT NULL,
    close_reason VARCHAR NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    attaches_until TIMESTAMP NOT NULL,
    active_until TIMESTAMP NOT NULL,
    page_views BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    screens BIGINT NOT NULL,
    autocaptures BIGINT NOT NULL,
    entry_url VARCHAR,
    exit_url VARCHAR,
    landing_page VARCHAR,
    exit_page VARCHAR,
    referrer VARCHAR,
    referring_domain VARCHAR,
    utm_source VARCHAR,
    utm_medium VARCHAR,
    utm_campaign VARCHAR,
    utm_term VARCHAR,
    utm_content VARCHAR,
    gclid VARCHAR,
    gad_source VARCHAR,
    gclsrc VARCHAR,
    fbclid VARCHAR,
    msclkid VARCHAR,
    ttclid VARCHAR,
    li_fat_id VARCHAR,
    twclid VARCHAR,
    wbraid VARCHAR,
    gbraid VARCHAR,
    dclid VARCHAR,
    mc_cid VARCHAR,
    igshid VARCHAR,
    epik VARCHAR,
    qclid VARCHAR,
    sccid VARCHAR,
    irclid VARCHAR,
    _kx VARCHAR,
    device_type VARCHAR,
    os VARCHAR,
    os_version VARCHAR,
    browser VARCHAR,
    browser_version VARCHAR,
    screen_resolution VARCHAR,
    country VARCHAR,
    region VARCHAR,
    city VARCHAR,
    timezone VARCHAR,
    properties VARCHAR,
    duration_seconds BIGINT NOT NULL,
    active_seconds BIGINT NOT NULL,
    channel VARCHAR,
    is_bounce BOOLEAN,
    is_engaged BOOLEAN NOT NULL,
    unique_urls BIGINT NOT NULL,
    is_bot BOOLEAN NOT NULL,
    client_session_id VARCHAR,
    suspect_time BOOLEAN NOT NULL,
    nobody BOOLEAN NOT NULL,
    files BIGINT NOT NULL,
    prompts BIGINT,
    responses BIGINT,
    tool_calls BIGINT,
    errors BIGINT,
    projects VARCHAR,
    agents VARCHAR,
    parallel_transcripts BIGINT
);

CREATE TABLE IF NOT EXISTS facts.activity_presence (
    key_hash BIGINT NOT NULL,
    person VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    person_id VARCHAR NOT NULL,
    distinct_id VARCHAR NOT NULL,
    nobody BOOLEAN NOT NULL,
    started_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    events BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    loose BIGINT NOT NULL
);

-- A session is open while the person can still go on with it.
CREATE OR REPLACE VIEW activity_sessions AS
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

-- An event of a session that the client names belongs to that one, others by their time.
CREATE OR REPLACE VIEW activity_events AS
WITH ids AS (
    SELECT DISTINCT key_hash, username, kind, distinct_id, person_id FROM facts.activity_presence
), events AS (
    SELECT ids.kind, ids.person_id, ids.distinct_id, lines.*
    FROM facts.activity_lines AS lines JOIN ids
        ON lines.key_hash = ids.key_hash AND lines.person = concat(ids.username, '/', ids.kind, '/', ids.distinct_id)
    QUALIFY row_number() OVER (
        PARTITION BY lines.key_hash,
            coalesce(lines.event_id, concat(lines.session_file, ':', lines.line, ':', lines.part))
        ORDER BY lines.session_file, lines.line, lines.part
    ) = 1
), named AS (
    SELECT key_hash, username, client_session_id, session_id
    FROM facts.activity_sessions WHERE client_session_id IS NOT NULL
), sessions AS (
    SELECT username, kind, person_id, client_session_id IS NOT NULL AS is_named, started_at, attaches_until, session_id
    FROM facts.activity_sessions
)
SELECT
    events.username, events.kind, events.person_id, events.distinct_id,
    coalesce(
        named.session_id,
        CASE WHEN events.time <= among_named.attaches_until THEN among_named.session_id END,
        CASE WHEN events.time <= among_others.attaches_until THEN among_others.session_id END
    ) AS session_id,
    events.time, events.event_id, events.class, events.name, events.client_session_id, events.url, events.path,
    events.referrer, events.source, events.device, events.ip, events.properties, events.agent, events.transcript,
    events.session_file, events.line, events.part
FROM events
LEFT JOIN named ON events.key_hash = named.key_hash AND events.username = named.username
    AND events.client_session_id = named.client_session_id
ASOF LEFT JOIN (SELECT * FROM sessions WHERE is_named) AS among_named
    ON events.username = among_named.username AND events.kind = among_named.kind
    AND events.person_id = among_named.person_id AND events.time >= among_named.started_at
ASOF LEFT JOIN (SELECT * FROM sessions WHERE NOT is_named) AS among_others
    ON events.username = among_others.username AND events.kind = among_others.kind
    AND events.person_id = among_others.person_id AND events.time >= among_others.started_at;
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

CREATE OR REPLACE VIEW activity_people AS
SELECT
    username, kind, person_id, count(DISTINCT distinct_id) AS ids,
    string_agg(DISTINCT distinct_id, ', ' ORDER BY distinct_id) AS distinct_ids,
    min(first_at) AS first_seen, max(last_at) AS last_seen, sum(events)::BIGINT AS events,
    sum(copies)::BIGINT AS copies, sum(loose)::BIGINT AS loose_events,
    coalesce(sum(refused), 0)::BIGINT AS refused_joins, bool_or(nobody) AS nobody
FROM (
    SELECT username, kind, person_id, distinct_id, min(started_at) AS first_at, max(last_at) AS last_at,
        sum(events) AS events, sum(copies) AS copies, sum(loose) AS loose, bool_or(nobody) AS nobody
    FROM facts.activity_presence GROUP BY ALL
) LEFT JOIN (SELECT node, refused FROM facts.activity_edges WHERE kind = 'refused')
    ON node = concat(username, '/', kind, '/', distinct_id)
GROUP BY ALL;
COMMENT ON VIEW activity_people IS 'one row per person: all ids that are one';
COMMENT ON COLUMN activity_people.username IS 'folder of the log';
COMMENT ON COLUMN activity_people.kind IS 'web, or agent for work with coding agents';
COMMENT ON COLUMN activity_people.person_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_people.ids IS 'ids with events';
COMMENT ON COLUMN activity_people.distinct_ids IS 'ids with events, in order';
COMMENT ON COLUMN activity_people.first_seen IS 'time of the first event, UTC';
COMMENT ON COLUMN activity_people.last_seen IS 'time of the last event';
COMMENT ON COLUMN activity_people.events IS 'events of any class, copies left out';
COMMENT ON COLUMN activity_people.copies IS 'copies of events, which are not counted';
COMMENT ON COLUMN activity_people.loose_events IS 'events that belong to no session';
COMMENT ON COLUMN activity_people.refused_joins IS 'links to other ids that were refused';
COMMENT ON COLUMN activity_people.nobody IS 'the id means nobody, such as `anonymous` or `null`';

CREATE OR REPLACE VIEW activity_replay AS SELECT * FROM facts.activity_replay;
COMMENT ON COLUMN activity_replay.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN activity_replay.username IS 'folder of the log';

CREATE OR REPLACE VIEW activity_usage AS
SELECT sessions.session_id, responses.message_id, responses.part
FROM facts.usage_responses AS responses ASOF JOIN (
    SELECT username, started_at, seen_until, session_id FROM facts.activity_sessions WHERE kind = 'agent'
) AS sessions ON responses.username = sessions.username AND responses.time >= sessions.started_at
WHERE responses.time <= sessions.seen_until;
COMMENT ON VIEW activity_usage IS 'one row per response that was made in an activity session of kind agent';
COMMENT ON COLUMN activity_usage.session_id IS 'as in activity_sessions';
COMMENT ON COLUMN activity_usage.message_id IS 'as in usage_responses';
COMMENT ON COLUMN activity_usage.part IS 'as in usage_responses';

CREATE OR REPLACE VIEW activity_session_properties AS
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

COMMENT ON TABLE facts.activity_lines IS 'one row per event of a source file that says who did something and when';
COMMENT ON COLUMN facts.activity_lines.person IS '<user folder>/<kind>/<distinct id>';
COMMENT ON COLUMN facts.activity_lines.time IS 'of the event itself, UTC';
COMMENT ON COLUMN facts.activity_lines.event_id IS 'identity of the event within the user folder; null if the log gives none';
COMMENT ON COLUMN facts.activity_lines.part IS 'position among the events of the line, from 0';
COMMENT ON COLUMN facts.activity_lines.class IS 'view, event, passive, ping, recording, identity or end';
COMMENT ON COLUMN facts.activity_lines.name IS 'as the log has it; for agents prompt, response, tool, tool_error, api_error or command';
COMMENT ON COLUMN facts.activity_lines.client_session_id IS 'the session that the client says it belongs to';
COMMENT ON COLUMN facts.activity_lines.url IS 'address of the page or name of the screen; for agents the working directory';
COMMENT ON COLUMN facts.activity_lines.path IS 'path of the page, where the log gives it apart from the address';
COMMENT ON COLUMN facts.activity_lines.source IS 'campaign and click ids: a JSON object';
COMMENT ON COLUMN facts.activity_lines.device IS 'device and place: a JSON object';
COMMENT ON COLUMN facts.activity_lines.ip IS 'address of the client';
COMMENT ON COLUMN facts.activity_lines.properties IS 'properties that the configuration keeps: a JSON object';
COMMENT ON COLUMN facts.activity_lines.agent IS 'name of the agent';
COMMENT ON COLUMN facts.activity_lines.transcript IS 'session id of the transcript';
COMMENT ON TABLE facts.activity_links IS 'one row per source file and end of a link between two ids, and per client session and id in it';
COMMENT ON COLUMN facts.activity_links.node IS 'the person whose link it is, as in activity_lines; <user folder>/client/<id> for a client session';
COMMENT ON COLUMN facts.activity_links.role IS 'what the node is in it: user, anonymous or client';
COMMENT ON COLUMN facts.activity_links.other IS 'the person at the other end';
COMMENT ON COLUMN facts.activity_links.is_forced IS 'joins whatever else is known of the two';
COMMENT ON COLUMN facts.activity_links.time IS 'of the event that says so, UTC';
COMMENT ON VIEW activity_replay IS 'one row per part of a recording';
COMMENT ON COLUMN activity_replay.distinct_id IS 'id that the client gives the person';
COMMENT ON COLUMN activity_replay.client_session_id IS 'the session that the client says it belongs to';
COMMENT ON COLUMN activity_replay.time IS 'when it was recorded, UTC';
COMMENT ON COLUMN activity_replay.event_type IS 'dom, mouse, scroll, input, viewport or custom';
COMMENT ON COLUMN activity_replay.line IS 'of session_file';
COMMENT ON COLUMN activity_replay.part IS 'position among the parts of the line, from 0';
COMMENT ON COLUMN activity_replay.offset_bytes IS 'byte of the text of session_file at which the line begins';
COMMENT ON COLUMN activity_replay.length_bytes IS 'of the line, in bytes';
COMMENT ON TABLE facts.activity_edges IS 'one row per pair of ids that are settled together, and per link that was refused';
COMMENT ON COLUMN facts.activity_edges.node IS 'as in activity_links';
COMMENT ON COLUMN facts.activity_edges.kind IS 'identity, client or refused';
COMMENT ON COLUMN facts.activity_edges.id IS 'the known user, or the id that stays; for a client session the smallest id in it';
COMMENT ON COLUMN facts.activity_edges.other IS 'the id that is joined to it';
COMMENT ON COLUMN facts.activity_edges.refused IS 'links that were refused to the id; 0 for other kinds';
COMMENT ON VIEW activity_sessions IS 'one row per activity session: what a person did, until they were idle for too long or came from elsewhere';
COMMENT ON COLUMN activity_sessions.session_id IS 'made of the time and the identity of the first event: a UUID of version 7';
COMMENT ON COLUMN activity_sessions.username IS 'folder of the log';
COMMENT ON COLUMN activity_sessions.kind IS 'web, or agent for work with coding agents';
COMMENT ON COLUMN activity_sessions.person_id IS 'smallest id of a known user among those of the person, else the smallest id';
COMMENT ON COLUMN activity_sessions.distinct_id IS 'id of the first event; of the last one in a session that the client names';
COMMENT ON COLUMN activity_sessions.started_at IS 'time of the first view or event, UTC';
COMMENT ON COLUMN activity_sessions.last_at IS 'time of the last view or event';
COMMENT ON COLUMN activity_sessions.seen_until IS 'time of the last event of any class';
COMMENT ON COLUMN activity_sessions.closed_at IS 'last_at, or the time of the event that ended it';
COMMENT ON COLUMN activity_sessions.close_reason IS 'why the next event began another session: end, idle, length, campaign, referrer, day, actions or client';
COMMENT ON COLUMN activity_sessions.expires_at IS 'when it ends if nothing more happens';
COMMENT ON COLUMN activity_sessions.page_views IS 'pages and screens seen; for agents prompts';
COMMENT ON COLUMN activity_sessions.event_count IS 'views and events';
COMMENT ON COLUMN activity_sessions.entry_url IS 'address of the first view, else of the first event';
COMMENT ON COLUMN activity_sessions.exit_url IS 'address of the last view, else of the last event';
COMMENT ON COLUMN activity_sessions.landing_page IS 'path of entry_url, if that was a view';
COMMENT ON COLUMN activity_sessions.exit_page IS 'path of exit_url, if that was a view';
COMMENT ON COLUMN activity_sessions.referrer IS 'where the person came from; $direct for nowhere';
COMMENT ON COLUMN activity_sessions.referring_domain IS 'registrable domain of the referrer, if it is another site';
COMMENT ON COLUMN activity_sessions.utm_source IS 'of the campaign';
COMMENT ON COLUMN activity_sessions.utm_medium IS 'of the campaign';
COMMENT ON COLUMN activity_sessions.utm_campaign IS 'name of the campaign';
COMMENT ON COLUMN activity_sessions.utm_term IS 'of the campaign';
COMMENT ON COLUMN activity_sessions.utm_content IS 'of the campaign';
COMMENT ON COLUMN activity_sessions.gclid IS 'click id of Google Ads';
COMMENT ON COLUMN activity_sessions.gad_source IS 'click id of Google Ads: the kind of source';
COMMENT ON COLUMN activity_sessions.gclsrc IS 'click id of Search Ads 360';
COMMENT ON COLUMN activity_sessions.fbclid IS 'click id of Facebook';
COMMENT ON COLUMN activity_sessions.msclkid IS 'click id of Microsoft Advertising';
COMMENT ON COLUMN activity_sessions.ttclid IS 'click id of TikTok';
COMMENT ON COLUMN activity_sessions.li_fat_id IS 'click id of LinkedIn';
COMMENT ON COLUMN activity_sessions.twclid IS 'click id of X';
COMMENT ON COLUMN activity_sessions.wbraid IS 'click id of Google Ads, from the web to an app';
COMMENT ON COLUMN activity_sessions.gbraid IS 'click id of Google Ads, from an app';
COMMENT ON COLUMN activity_sessions.dclid IS 'click id of Google Marketing Platform';
COMMENT ON COLUMN activity_sessions.mc_cid IS 'campaign id of Mailchimp';
COMMENT ON COLUMN activity_sessions.igshid IS 'click id of Instagram';
COMMENT ON COLUMN activity_sessions.epik IS 'click id of Pinterest';
COMMENT ON COLUMN activity_sessions.qclid IS 'click id of Quora';
COMMENT ON COLUMN activity_sessions.sccid IS 'click id of Snapchat';
COMMENT ON COLUMN activity_sessions.irclid IS 'click id of Impact';
COMMENT ON COLUMN activity_sessions._kx IS 'click id of Klaviyo';
COMMENT ON COLUMN activity_sessions.device_type IS 'Desktop, Mobile, Tablet and others';
COMMENT ON COLUMN activity_sessions.os IS 'operating system';
COMMENT ON COLUMN activity_sessions.os_version IS 'version of the operating system';
COMMENT ON COLUMN activity_sessions.browser IS 'name of the browser';
COMMENT ON COLUMN activity_sessions.browser_version IS 'version of the browser';
COMMENT ON COLUMN activity_sessions.screen_resolution IS 'width and height in pixels, such as 1920x1080';
COMMENT ON COLUMN activity_sessions.country IS 'two letters, ISO 3166';
COMMENT ON COLUMN activity_sessions.region IS 'part of the country';
COMMENT ON COLUMN activity_sessions.city IS 'name of the city';
COMMENT ON COLUMN activity_sessions.timezone IS 'time zone of the client, as the log has it';
COMMENT ON COLUMN activity_sessions.properties IS 'properties that the configuration keeps, each of its earliest event: a JSON object';
COMMENT ON COLUMN activity_sessions.duration_seconds IS 'from started_at to seen_until, whole seconds';
COMMENT ON COLUMN activity_sessions.active_seconds IS 'sum of the gaps of at most ten minutes between neighbouring events';
COMMENT ON COLUMN activity_sessions.channel IS 'kind of traffic that brought the person: Direct, Organic Search, Email and others';
COMMENT ON COLUMN activity_sessions.is_bounce IS 'one view or click, and gone in less than ten seconds; null without either';
COMMENT ON COLUMN activity_sessions.is_engaged IS 'active for more than ten seconds, two views, or a conversion';
COMMENT ON COLUMN activity_sessions.unique_urls IS 'different addresses seen';
COMMENT ON COLUMN activity_sessions.is_bot IS 'the client says that it is a program';
COMMENT ON COLUMN activity_sessions.client_session_id IS 'the session that the client says it is; null where rules found it';
COMMENT ON COLUMN activity_sessions.suspect_time IS 'a time lies outside of the years 2000 to 2099';
COMMENT ON COLUMN activity_sessions.nobody IS 'the id means nobody, such as `anonymous` or `null`';
COMMENT ON COLUMN activity_sessions.files IS 'source files that its events are from';
COMMENT ON COLUMN activity_sessions.prompts IS 'what the person wrote to agents; null for kind web';
COMMENT ON COLUMN activity_sessions.responses IS 'responses of models, those of subagents included; null for kind web';
COMMENT ON COLUMN activity_sessions.tool_calls IS 'calls of tools, those of subagents included; null for kind web';
COMMENT ON COLUMN activity_sessions.errors IS 'failed calls of tools and of the API; null for kind web';
COMMENT ON COLUMN activity_sessions.projects IS 'working directories: a JSON list of texts, in order; null for kind web';
COMMENT ON COLUMN activity_sessions.agents IS 'agents: a JSON list of texts, in order; null for kind web';
COMMENT ON COLUMN activity_sessions.parallel_transcripts IS 'most transcripts at work at one time; null for kind web';
COMMENT ON TABLE facts.activity_presence IS 'one row per id and stretch of activity';
COMMENT ON COLUMN facts.activity_presence.person IS 'smallest of all ids that are settled together, as in activity_lines';
COMMENT ON COLUMN facts.activity_presence.nobody IS 'means nobody, such as `anonymous` or `null`';
COMMENT ON COLUMN facts.activity_presence.events IS 'events, copies left out';
COMMENT ON COLUMN facts.activity_presence.copies IS 'copies of events that are counted elsewhere';
COMMENT ON COLUMN facts.activity_presence.loose IS 'events that belong to no session';
