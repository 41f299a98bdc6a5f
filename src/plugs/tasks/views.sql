-- Views that a new database has of the declared tables. What the database says of these views and of the columns that
-- are declared is in the declarations; what it says of other views and columns is here.

-- Tasks that logs tell of, as they are at a moment. All rules that depend on the time are here and in the next macro;
-- nothing else asks for it.
CREATE MACRO main.tracked_tasks_at(moment) AS TABLE
WITH removals AS (
    SELECT task_id, max(removed_at) AS removed_at FROM main.task_tombstones WHERE action = 'remove' GROUP BY task_id
), purges AS (
    SELECT max(closed_before) AS closed_before FROM main.task_tombstones WHERE action = 'purge'
), judged AS (
    SELECT t.*, r.close_reason AS release,
        coalesce(r.closes_at, t.closes_at) AS closing_at, coalesce(r.expires_at, t.expires_at) AS expiring_at,
        -- What has ended is over, even at a time to come; who waits is closed when the moment has come.
        CASE
            WHEN t.state = 'active' THEN t.closes_at <= moment
            WHEN NOT t.is_held OR r.close_reason IN ('released', 'ended') THEN true
            ELSE coalesce(r.closes_at, t.closes_at) <= moment
        END AS is_closed
    FROM facts.task_state AS t
    -- A release of an earlier end says nothing of this one. A condition of one side beside the equalities would make
    -- DuckDB compare every task with every release.
    LEFT JOIN facts.task_releases AS r
        ON r.task_id = CASE WHEN t.is_held THEN t.task_id END AND r.ended_at = t.ended_at
)
SELECT j.task_id, j.short_id, j.task_type, j.username, j.user_id,
    CASE WHEN j.state = 'active' AND j.is_closed THEN 'orphaned' ELSE j.state END AS status,
    NOT j.is_closed AS is_active,
    j.is_held AND NOT j.is_closed AS is_held,
    j.created_at, j.updated_at, j.ended_at,
    CASE WHEN j.is_closed THEN j.closing_at END AS closed_at,
    CASE
        WHEN NOT j.is_closed THEN NULL
        WHEN j.state = 'active' THEN 'orphaned'
        WHEN NOT j.is_held OR j.release = 'ended' THEN j.state
        ELSE coalesce(j.release, 'hold_max')
    END AS close_reason,
    CASE WHEN j.is_closed THEN j.expiring_at END AS expires_at,
    -- Clocks differ: a log can have an end before its beginning.
    CASE WHEN j.ended_at < j.created_at THEN 0 ELSE (epoch_us(j.ended_at) - epoch_us(j.created_at)) / 1000000 END
        AS duration_seconds,
    j.attempt, j.error, j.data, j.is_inferred, j.is_guessed, j.events, j.ignored_events, j.session_file, j.line
FROM judged AS j
LEFT JOIN removals ON removals.task_id = j.task_id
CROSS JOIN purges
WHERE (NOT j.is_closed OR j.expiring_at > moment)
    AND (NOT j.is_closed OR purges.closed_before IS NULL OR j.closing_at > purges.closed_before)
    AND (removals.removed_at IS NULL OR coalesce(j.attempt_began_at > removals.removed_at, false));

-- The same, and the runs of this program, from their history. One that begins at the moment is the one that reads what is
-- asked for.
CREATE MACRO main.task_sessions_at(moment) AS TABLE
FROM main.tracked_tasks_at(moment)
UNION ALL
SELECT 'session_processor:' || r.processor_name || ':' || r.run_id, r.request_id,
    'session_processor:' || r.processor_name, NULL, r.requested_by,
    CASE WHEN r.is_over THEN outcomes.status ELSE 'active' END,
    NOT r.is_over, false, r.started_at, CASE WHEN r.is_over THEN r.ended_at ELSE r.started_at END,
    CASE WHEN r.is_over THEN r.ended_at END, CASE WHEN r.is_over THEN r.ended_at END,
    CASE WHEN r.is_over THEN outcomes.status END,
    NULL, CASE WHEN r.is_over THEN (epoch_us(r.ended_at) - epoch_us(r.started_at)) / 1000000 END,
    1, CASE WHEN r.is_over AND outcomes.status <> 'completed' THEN r.message END, NULL, false, false, 0, 0, NULL, NULL
FROM (SELECT *, coalesce(ended_at <= moment, false) AS is_over FROM main.processor_runs WHERE started_at < moment) AS r
-- A run that was stopped, or found another one at work, was not wanted any more.
LEFT JOIN (VALUES ('done', 'completed'), ('failed', 'failed'), ('killed', 'failed'), ('stopped', 'cancelled'),
    ('busy', 'cancelled'), ('refused', 'cancelled')) AS outcomes(outcome, status) ON outcomes.outcome = r.outcome;

CREATE VIEW task_sessions AS SELECT * FROM main.task_sessions_at(make_timestamp(epoch_us(now())));
COMMENT ON VIEW task_sessions IS 'one row per task that is listed: tracked, not purged and not removed, as of now; and per run of this program';
COMMENT ON COLUMN task_sessions.task_id IS 'unique over all folders';
COMMENT ON COLUMN task_sessions.short_id IS 'group that the task belongs to';
COMMENT ON COLUMN task_sessions.task_type IS 'what sort of task it is; of a run session_processor:<name>';
COMMENT ON COLUMN task_sessions.username IS 'folder of the first event; null for a run';
COMMENT ON COLUMN task_sessions.user_id IS 'for whom it is done, as the lines say it';
COMMENT ON COLUMN task_sessions.status IS 'active, completed, failed, cancelled or orphaned (active, and without an event for too long)';
COMMENT ON COLUMN task_sessions.is_active IS 'not closed: it runs, or it is held';
COMMENT ON COLUMN task_sessions.is_held IS 'it has ended, and waits to be released';
COMMENT ON COLUMN task_sessions.created_at IS 'UTC; time of the first created event, else of the first event';
COMMENT ON COLUMN task_sessions.updated_at IS 'UTC; time of the last event';
COMMENT ON COLUMN task_sessions.ended_at IS 'UTC; time of the event that decided; null while it is active or orphaned';
COMMENT ON COLUMN task_sessions.closed_at IS 'UTC; when it ended, was released, had been held for too long or was orphaned; null while it is active or held';
COMMENT ON COLUMN task_sessions.close_reason IS 'completed, failed, cancelled, released, hold_max or orphaned; null while closed_at is';
COMMENT ON COLUMN task_sessions.expires_at IS 'UTC; when it will be purged; null while closed_at is';
COMMENT ON COLUMN task_sessions.duration_seconds IS 'from created_at to ended_at; 0 if ended_at is the earlier one';
COMMENT ON COLUMN task_sessions.attempt IS 'the highest one of its events';
COMMENT ON COLUMN task_sessions.error IS 'the last one that an event tells, without credentials';
COMMENT ON COLUMN task_sessions.data IS 'of the last event that has any: JSON';
COMMENT ON COLUMN task_sessions.is_inferred IS 'no event says that it was created';
COMMENT ON COLUMN task_sessions.is_guessed IS 'the log says that it ended, and not how';
COMMENT ON COLUMN task_sessions.events IS 'events that count, copies once';
COMMENT ON COLUMN task_sessions.ignored_events IS 'copies of events, and events in folders that do not decide';
COMMENT ON COLUMN task_sessions.session_file IS 'source file of the first event; null for a run';
COMMENT ON COLUMN task_sessions.line IS 'of session_file';

CREATE VIEW task_events AS
SELECT * EXCLUDE (key_hash) FROM facts.task_events SEMI JOIN main.task_sessions USING (task_id);
COMMENT ON COLUMN task_events.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN task_events.username IS 'whose folder it is in';
