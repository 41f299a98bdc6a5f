-- A person has the ids that only links name, too.

CREATE OR REPLACE VIEW activity_people AS
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
