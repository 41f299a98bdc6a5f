-- Why keys could not be settled.

CREATE TABLE IF NOT EXISTS settling_failures (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    strikes BIGINT NOT NULL,
    first_failed_at TIMESTAMP NOT NULL,
    last_failed_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE settling_failures IS 'one row per key whose entities could not be made from its facts; the next run tries again';
COMMENT ON COLUMN settling_failures.processor_name IS 'processor that failed';
COMMENT ON COLUMN settling_failures.facts_table IS 'table of the facts, in schema facts';
COMMENT ON COLUMN settling_failures.key_hash IS 'the number by which the facts of the key are found';
COMMENT ON COLUMN settling_failures.key IS 'such as a message id, a session or a domain';
COMMENT ON COLUMN settling_failures.class IS 'environment, transient, permanent or panic';
COMMENT ON COLUMN settling_failures.message IS 'what went wrong, without a word of a transcript';
COMMENT ON COLUMN settling_failures.strikes IS 'failures in a row';
COMMENT ON COLUMN settling_failures.first_failed_at IS 'UTC';
COMMENT ON COLUMN settling_failures.last_failed_at IS 'UTC';

ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS unsettled_keys BIGINT DEFAULT 0;
COMMENT ON COLUMN processor_runs.unsettled_keys IS 'keys whose entities could not be made from their facts';
