-- The ledger: what was seen of each source file, what each processor made of it, and every run.
-- Times are UTC. All statements can be repeated.

CREATE SCHEMA IF NOT EXISTS facts;

CREATE TABLE IF NOT EXISTS sources (
    name VARCHAR NOT NULL,
    root VARCHAR NOT NULL,
    layout VARCHAR NOT NULL
);
COMMENT ON TABLE sources IS 'the trees of transcripts that this database is made of';

CREATE TABLE IF NOT EXISTS session_processor_state (
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    username VARCHAR,
    processed_at TIMESTAMP,
    items_extracted BIGINT,
    file_hash VARCHAR,
    processor_version INTEGER,
    run_id BIGINT,
    PRIMARY KEY (processor_name, session_file)
);
-- A table of the older program lacks these.
ALTER TABLE session_processor_state ADD COLUMN IF NOT EXISTS processor_version INTEGER;
ALTER TABLE session_processor_state ADD COLUMN IF NOT EXISTS run_id BIGINT;
COMMENT ON TABLE session_processor_state IS 'one row per processor and source file: what the processor last made of the file';
COMMENT ON COLUMN session_processor_state.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_processor_state.processed_at IS 'the start of the pass, before the first byte was read';
COMMENT ON COLUMN session_processor_state.items_extracted IS 'facts that the file gave, repeated ones included';
COMMENT ON COLUMN session_processor_state.file_hash IS 'MD5 of the bytes that were processed';
COMMENT ON COLUMN session_processor_state.processor_version IS 'version of the processor; null in rows of an older program, which are due again';

CREATE TABLE IF NOT EXISTS session_files (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    ctime_ns BIGINT NOT NULL,
    inode BIGINT NOT NULL,
    file_hash VARCHAR NOT NULL,
    dialect VARCHAR NOT NULL,
    lines BIGINT NOT NULL,
    malformed_lines BIGINT NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    verified_at TIMESTAMP NOT NULL,
    settled BOOLEAN NOT NULL,
    first_look_boot VARCHAR,
    first_look_ns BIGINT,
    gone_since TIMESTAMP
);
COMMENT ON TABLE session_files IS 'one row per source file: the last look at its bytes';
COMMENT ON COLUMN session_files.mtime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_files.ctime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_files.verified_at IS 'the start of the pass that last compared the bytes';
COMMENT ON COLUMN session_files.settled IS 'an equal size, mtime, ctime and inode prove equal bytes';
COMMENT ON COLUMN session_files.first_look_ns IS 'while not settled: end of the first look that found these bytes, in nanoseconds since first_look_boot';
COMMENT ON COLUMN session_files.gone_since IS 'the file was missing at a walk; what it said is kept';

CREATE TABLE IF NOT EXISTS session_unknown_lines (
    session_file VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    lines BIGINT NOT NULL
);
COMMENT ON TABLE session_unknown_lines IS 'records of types that no rule is known for, per source file';

CREATE TABLE IF NOT EXISTS session_failures (
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    attempts BIGINT NOT NULL,
    strikes BIGINT NOT NULL,
    first_failed_at TIMESTAMP NOT NULL,
    last_failed_at TIMESTAMP NOT NULL,
    next_try_at TIMESTAMP NOT NULL,
    processor_version INTEGER NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    ctime_ns BIGINT NOT NULL,
    inode BIGINT NOT NULL,
    file_hash VARCHAR
);
COMMENT ON TABLE session_failures IS 'one row per processor and source file that it could not deal with';
COMMENT ON COLUMN session_failures.state IS 'retry, dead (until the bytes or the processor''s version change) or dropped (by hand)';
COMMENT ON COLUMN session_failures.attempts IS 'failures that count against the file';
COMMENT ON COLUMN session_failures.strikes IS 'failures in a row, of whatever class';
COMMENT ON COLUMN session_failures.file_hash IS 'MD5 of the bytes that it failed on, where they were read';

CREATE TABLE IF NOT EXISTS processor_runs (
    run_id BIGINT NOT NULL,
    processor_name VARCHAR NOT NULL,
    trigger VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    outcome VARCHAR NOT NULL,
    files BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    scanned BIGINT NOT NULL,
    processed BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    items_extracted BIGINT NOT NULL,
    malformed_lines BIGINT NOT NULL,
    bytes_read BIGINT NOT NULL,
    elapsed_ms BIGINT NOT NULL
);
COMMENT ON TABLE processor_runs IS 'one row per run and processor';
COMMENT ON COLUMN processor_runs.outcome IS 'running, done or failed; a run that was killed stays running';

CREATE TABLE IF NOT EXISTS processor_run_errors (
    run_id BIGINT NOT NULL,
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    error VARCHAR NOT NULL
);
COMMENT ON TABLE processor_run_errors IS 'source files that failed in a run';

CREATE TABLE IF NOT EXISTS facts.touched_keys (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL
);
COMMENT ON TABLE facts.touched_keys IS 'keys whose facts have changed since they were settled';
