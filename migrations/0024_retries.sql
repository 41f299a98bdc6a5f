-- When keys that could not be settled are tried again, and which are given up: by the rules for source files.

ALTER TABLE settling_failures ADD COLUMN IF NOT EXISTS state VARCHAR;
ALTER TABLE settling_failures ADD COLUMN IF NOT EXISTS attempts BIGINT;
ALTER TABLE settling_failures ADD COLUMN IF NOT EXISTS next_try_at TIMESTAMP;
-- These keys are touched still, so the next run tries them, whatever stands here.
UPDATE settling_failures SET state = 'retry', next_try_at = last_failed_at,
    attempts = CASE WHEN class IN ('changed', 'environment', 'throttled', 'budget') THEN 0 ELSE strikes END;
COMMENT ON TABLE settling_failures IS 'one row per key whose entities could not be made from its facts; they stay what they were';
COMMENT ON COLUMN settling_failures.state IS 'retry, dead (until what it is settled from or by changes) or dropped (by hand)';
COMMENT ON COLUMN settling_failures.attempts IS 'failures that count against the key';
COMMENT ON COLUMN settling_failures.strikes IS 'failures in a row, of whatever class';
COMMENT ON COLUMN settling_failures.next_try_at IS 'UTC; of keys in state retry';
COMMENT ON TABLE facts.touched_keys IS 'keys whose facts, decisions or rules have changed since they were last settled or tried';
