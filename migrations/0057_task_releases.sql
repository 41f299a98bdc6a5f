-- Held tasks and their releases are joined by hashes.

-- Tasks that logs tell of, as they are at a moment.
CREATE OR REPLACE MACRO main.tracked_tasks_at(moment) AS TABLE
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
