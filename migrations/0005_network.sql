-- What processors that wait for a network remember from run to run.

CREATE TABLE IF NOT EXISTS processor_pauses (
    processor_name VARCHAR NOT NULL,
    paused_until TIMESTAMP NOT NULL,
    strikes BIGINT NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE processor_pauses IS 'processors that were asked to leave their server alone for a while';
COMMENT ON COLUMN processor_pauses.strikes IS 'pauses in a row';

CREATE TABLE IF NOT EXISTS session_waits (
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL
);
COMMENT ON TABLE session_waits IS 'source files that have changed and wait until nobody writes to them';
COMMENT ON COLUMN session_waits.since IS 'the start of the pass that first saw the change';
