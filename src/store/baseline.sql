-- The newest schema of a new database, but for what is of processors: their tables are declared beside the code that
-- fills them (`table!`), and views of them are in `src/plugs/<name>/views.sql`.
--
-- Databases of older versions get the same by the numbered migrations. A test holds both against each other.

CREATE SCHEMA IF NOT EXISTS facts;

-- What is read

CREATE TABLE sources (
    name VARCHAR NOT NULL,
    root VARCHAR NOT NULL,
    layout VARCHAR NOT NULL,
    device BIGINT,
    alarm VARCHAR,
    retired_at TIMESTAMP,
    found BOOLEAN,
    username VARCHAR
);
COMMENT ON TABLE sources IS 'the trees of transcripts that this database is made of';
COMMENT ON COLUMN sources.name IS 'of the source';
COMMENT ON COLUMN sources.root IS 'absolute path';
COMMENT ON COLUMN sources.layout IS 'users, claude-projects or codex-sessions';
COMMENT ON COLUMN sources.device IS 'number of the device that the root was on';
COMMENT ON COLUMN sources.alarm IS 'why nothing of it is read, and none of its files marked as gone';
COMMENT ON COLUMN sources.retired_at IS
    'UTC; since then it is not read, and its files keep what they said; null while it is in use';
COMMENT ON COLUMN sources.found IS
    'sessionmill found it by itself; false if somebody named it; null if an older version added it';
COMMENT ON COLUMN sources.username IS
    'whose logs it has, as configured; null where each user has a folder, or they are of whoever runs sessionmill';

CREATE TABLE session_files (
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
COMMENT ON COLUMN session_files.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_files.username IS 'whose transcript it is';
COMMENT ON COLUMN session_files.source IS 'of sources';
COMMENT ON COLUMN session_files.size IS 'bytes';
COMMENT ON COLUMN session_files.mtime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_files.ctime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_files.inode IS 'number of the file in its file system';
COMMENT ON COLUMN session_files.file_hash IS 'MD5 of the bytes';
COMMENT ON COLUMN session_files.dialect IS 'first format that was recognised in the log: claude-code, codex or document, else unknown';
COMMENT ON COLUMN session_files.lines IS 'blank and malformed ones included';
COMMENT ON COLUMN session_files.malformed_lines IS 'lines that are no JSON object, or too long';
COMMENT ON COLUMN session_files.first_seen IS 'start of the run that first saw the file, UTC';
COMMENT ON COLUMN session_files.verified_at IS 'the start of the pass that last compared the bytes';
COMMENT ON COLUMN session_files.settled IS 'an equal size, mtime, ctime and inode prove equal bytes';
COMMENT ON COLUMN session_files.first_look_boot IS 'id of the boot that first_look_ns counts from';
COMMENT ON COLUMN session_files.first_look_ns IS
    'while not settled: end of the first look that found these bytes, in nanoseconds since first_look_boot';
COMMENT ON COLUMN session_files.gone_since IS 'the file was missing at a walk; what it said is kept';

CREATE TABLE session_dialects (
    session_file VARCHAR NOT NULL,
    dialect VARCHAR NOT NULL,
    lines BIGINT NOT NULL
);
COMMENT ON TABLE session_dialects IS 'formats of the lines of a source file';
COMMENT ON COLUMN session_dialects.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_dialects.dialect IS 'claude-code, codex, document or unknown';
COMMENT ON COLUMN session_dialects.lines IS 'how many; those of a file are session_files.lines together';

CREATE TABLE session_unknown_lines (
    session_file VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    lines BIGINT NOT NULL
);
COMMENT ON TABLE session_unknown_lines IS 'records of types that no rule is known for, per source file';
COMMENT ON COLUMN session_unknown_lines.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_unknown_lines.kind IS 'type of the record';
COMMENT ON COLUMN session_unknown_lines.lines IS 'how many';

CREATE TABLE files_left_out (
    source VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    reason VARCHAR NOT NULL
);
COMMENT ON TABLE files_left_out IS 'files and links of the last walk that can hold transcripts and are not read';
COMMENT ON COLUMN files_left_out.source IS 'of sources';
COMMENT ON COLUMN files_left_out.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN files_left_out.reason IS 'why it is not read';

CREATE TABLE forgotten_users (
    username VARCHAR NOT NULL,
    forgotten_at TIMESTAMP NOT NULL,
    erased_files VARCHAR,
    erased_answers BIGINT
);
COMMENT ON TABLE forgotten_users IS 'people whose transcripts are not read; not part of snapshots';
COMMENT ON COLUMN forgotten_users.username IS 'person whose transcripts are not read';
COMMENT ON COLUMN forgotten_users.forgotten_at IS 'UTC';
COMMENT ON COLUMN forgotten_users.erased_files IS
    'beginnings of the MD5 digests of the names of the source files that were erased, separated by blanks; null if not known';
COMMENT ON COLUMN forgotten_users.erased_answers IS 'answers of a language model that were erased; null if not known';

-- What each processor made of it

CREATE TABLE session_processor_state (
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
COMMENT ON TABLE session_processor_state IS
    'one row per processor and source file: what the processor last made of the file';
COMMENT ON COLUMN session_processor_state.processor_name IS 'usage, verification';
COMMENT ON COLUMN session_processor_state.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_processor_state.username IS 'whose transcript it is';
COMMENT ON COLUMN session_processor_state.processed_at IS 'the start of the pass, before the first byte was read';
COMMENT ON COLUMN session_processor_state.items_extracted IS 'facts that the file gave, repeated ones included';
COMMENT ON COLUMN session_processor_state.file_hash IS 'MD5 of the bytes that were processed';
COMMENT ON COLUMN session_processor_state.processor_version IS
    'version of the processor; null in rows of an older program, which are due again';
COMMENT ON COLUMN session_processor_state.run_id IS 'of processor_runs';

CREATE TABLE session_failures (
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
COMMENT ON COLUMN session_failures.processor_name IS 'processor that failed';
COMMENT ON COLUMN session_failures.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_failures.username IS 'whose transcript it is';
COMMENT ON COLUMN session_failures.source IS 'of sources';
COMMENT ON COLUMN session_failures.class IS
    'what happens next: changed, environment, transient, permanent, panic, crash or rejected';
COMMENT ON COLUMN session_failures.message IS 'what went wrong, without a word of the transcript';
COMMENT ON COLUMN session_failures.state IS
    'retry, dead (until the bytes or the processor''s version change) or dropped (by hand)';
COMMENT ON COLUMN session_failures.attempts IS 'failures that count against the file';
COMMENT ON COLUMN session_failures.strikes IS 'failures in a row, of whatever class';
COMMENT ON COLUMN session_failures.first_failed_at IS 'UTC';
COMMENT ON COLUMN session_failures.last_failed_at IS 'UTC';
COMMENT ON COLUMN session_failures.next_try_at IS 'UTC';
COMMENT ON COLUMN session_failures.processor_version IS 'version that failed';
COMMENT ON COLUMN session_failures.size IS 'bytes of the file that it failed on';
COMMENT ON COLUMN session_failures.mtime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_failures.ctime_ns IS 'nanoseconds since 1970';
COMMENT ON COLUMN session_failures.inode IS 'of the file that it failed on';
COMMENT ON COLUMN session_failures.file_hash IS 'MD5 of the bytes that it failed on, where they were read';

CREATE TABLE session_waits (
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    since TIMESTAMP NOT NULL
);
COMMENT ON TABLE session_waits IS 'source files that have changed and wait until nobody writes to them';
COMMENT ON COLUMN session_waits.processor_name IS 'processor that waits';
COMMENT ON COLUMN session_waits.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_waits.since IS 'the start of the pass that first saw the change';

-- Runs

CREATE TABLE processor_runs (
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
    elapsed_ms BIGINT NOT NULL,
    action VARCHAR,
    requested_by VARCHAR,
    request_id VARCHAR,
    message VARCHAR,
    dropped BIGINT DEFAULT 0,
    alarms VARCHAR,
    unsettled_keys BIGINT DEFAULT 0
);
COMMENT ON TABLE processor_runs IS 'one row per run and processor';
COMMENT ON COLUMN processor_runs.run_id IS 'one per run; its processors share it';
COMMENT ON COLUMN processor_runs.processor_name IS 'usage, verification';
COMMENT ON COLUMN processor_runs.trigger IS 'schedule, cli, report, trigger (a file) or watch';
COMMENT ON COLUMN processor_runs.started_at IS 'UTC';
COMMENT ON COLUMN processor_runs.ended_at IS 'UTC; null while it runs';
COMMENT ON COLUMN processor_runs.outcome IS
    'running; done; failed: some files did, or it could not run; stopped: by a signal; busy: another run was at it; refused: the request made no sense; killed: its process ended before it did';
COMMENT ON COLUMN processor_runs.files IS 'transcripts that the walk found: unchanged + scanned';
COMMENT ON COLUMN processor_runs.unchanged IS 'proven unchanged by size, times and inode';
COMMENT ON COLUMN processor_runs.scanned IS 'processed + skipped + deferred + rejected + errors';
COMMENT ON COLUMN processor_runs.processed IS 'files whose facts were made anew';
COMMENT ON COLUMN processor_runs.skipped IS 'proven unchanged by their hash';
COMMENT ON COLUMN processor_runs.touched IS 'the part of skipped whose size, times or inode had changed';
COMMENT ON COLUMN processor_runs.deferred IS 'left for the next run';
COMMENT ON COLUMN processor_runs.rejected IS 'not taken: links, files over a cap, files of people who are excluded';
COMMENT ON COLUMN processor_runs.errors IS 'files that failed';
COMMENT ON COLUMN processor_runs.items_extracted IS 'facts of the processed files';
COMMENT ON COLUMN processor_runs.malformed_lines IS 'in the processed files';
COMMENT ON COLUMN processor_runs.bytes_read IS 'of files that were read to their end';
COMMENT ON COLUMN processor_runs.elapsed_ms IS 'milliseconds';
COMMENT ON COLUMN processor_runs.action IS 'run_session_processor:<name>';
COMMENT ON COLUMN processor_runs.requested_by IS 'login of who asked; of a trigger file its owner';
COMMENT ON COLUMN processor_runs.request_id IS 'id of the trigger file';
COMMENT ON COLUMN processor_runs.message IS 'why it was busy, refused or could not run; else its alarms in words';
COMMENT ON COLUMN processor_runs.dropped IS
    'responses and tool calls that were known and are in no transcript any more: a log was rewritten, or is read in another way';
COMMENT ON COLUMN processor_runs.alarms IS
    'alarms of a run that went through, as a JSON list; null if there are none';
COMMENT ON COLUMN processor_runs.unsettled_keys IS 'keys whose entities could not be made from their facts';

CREATE TABLE processor_run_errors (
    run_id BIGINT NOT NULL,
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    error VARCHAR NOT NULL
);
COMMENT ON TABLE processor_run_errors IS 'source files that failed in a run';
COMMENT ON COLUMN processor_run_errors.run_id IS 'of processor_runs';
COMMENT ON COLUMN processor_run_errors.processor_name IS 'of processor_runs';
COMMENT ON COLUMN processor_run_errors.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN processor_run_errors.class IS
    'what happens next: changed, environment, transient, permanent, panic or crash';
COMMENT ON COLUMN processor_run_errors.error IS 'in words';

CREATE TABLE processor_deferrals (
    processor_name VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    files BIGINT NOT NULL
);
COMMENT ON TABLE processor_deferrals IS 'why the last run of a processor left files to the next one';
COMMENT ON COLUMN processor_deferrals.processor_name IS 'processor that left them';
COMMENT ON COLUMN processor_deferrals.reason IS 'a limit, a pause, or that somebody may still write to them';
COMMENT ON COLUMN processor_deferrals.files IS 'source files that were left for it';

CREATE TABLE processor_pauses (
    processor_name VARCHAR NOT NULL,
    paused_until TIMESTAMP NOT NULL,
    strikes BIGINT NOT NULL,
    reason VARCHAR NOT NULL,
    server VARCHAR
);
COMMENT ON TABLE processor_pauses IS 'processors that were asked to leave their server alone for a while';
COMMENT ON COLUMN processor_pauses.processor_name IS 'processor that pauses';
COMMENT ON COLUMN processor_pauses.paused_until IS 'UTC';
COMMENT ON COLUMN processor_pauses.strikes IS 'pauses in a row';
COMMENT ON COLUMN processor_pauses.reason IS 'what its server said';
COMMENT ON COLUMN processor_pauses.server IS
    'address that asked for the pause, and four digits of the digest of the key that was used; another server is asked at once';

-- How facts become entities

CREATE TABLE facts.touched_keys (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL
);
COMMENT ON TABLE facts.touched_keys IS
    'keys whose facts, decisions or rules have changed since they were last settled or tried';

CREATE TABLE facts.touched_moments (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    span VARCHAR
);
COMMENT ON TABLE facts.touched_moments IS 'when the facts of keys have changed that are settled in parts, since they were last settled or tried';
COMMENT ON COLUMN facts.touched_moments.first_at IS 'time of the first fact that differs';
COMMENT ON COLUMN facts.touched_moments.last_at IS 'time of the last one';
COMMENT ON COLUMN facts.touched_moments.span IS 'name of the span that these facts are of, if any';

CREATE TABLE facts.key_groups (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    id_hash BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL
);
COMMENT ON TABLE facts.key_groups IS 'ids that are joined to others, each with the key of all of them, the smallest one';

CREATE TABLE facts.settlements (
    processor_name VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    settings VARCHAR NOT NULL
);
COMMENT ON TABLE facts.settlements IS
    'version and settings that each settlement was last made with; none stands for version 1 without settings';

CREATE TABLE facts.changed_files (
    facts_table VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL
);
COMMENT ON TABLE facts.changed_files IS 'source files whose entities have changed since the table of their sums was brought up to date';

CREATE TABLE facts.erased_ids (
    processor_name VARCHAR NOT NULL,
    content VARCHAR,
    erased_at TIMESTAMP
);
COMMENT ON TABLE facts.erased_ids IS 'the content of the file beside the database that keeps ids of people out, as the database follows it; not part of snapshots';
COMMENT ON COLUMN facts.erased_ids.content IS 'null if the database is to be compared with the file';
COMMENT ON COLUMN facts.erased_ids.erased_at IS 'when facts about such an id were last erased, UTC';

CREATE TABLE settling_failures (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    class VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    strikes BIGINT NOT NULL,
    first_failed_at TIMESTAMP NOT NULL,
    last_failed_at TIMESTAMP NOT NULL,
    state VARCHAR,
    attempts BIGINT,
    next_try_at TIMESTAMP
);
COMMENT ON TABLE settling_failures IS
    'one row per key whose entities could not be made from its facts; they stay what they were';
COMMENT ON COLUMN settling_failures.processor_name IS 'processor that failed';
COMMENT ON COLUMN settling_failures.facts_table IS 'table of the facts, in schema facts';
COMMENT ON COLUMN settling_failures.key_hash IS 'the number by which the facts of the key are found';
COMMENT ON COLUMN settling_failures.key IS 'such as a message id, a session or a domain';
COMMENT ON COLUMN settling_failures.class IS 'environment, transient, permanent or panic';
COMMENT ON COLUMN settling_failures.message IS 'what went wrong, without a word of a transcript';
COMMENT ON COLUMN settling_failures.strikes IS 'failures in a row, of whatever class';
COMMENT ON COLUMN settling_failures.first_failed_at IS 'UTC';
COMMENT ON COLUMN settling_failures.last_failed_at IS 'UTC';
COMMENT ON COLUMN settling_failures.state IS
    'retry, dead (until what it is settled from or by changes) or dropped (by hand)';
COMMENT ON COLUMN settling_failures.attempts IS 'failures that count against the key';
COMMENT ON COLUMN settling_failures.next_try_at IS 'UTC; of keys in state retry';

-- The schema itself

CREATE TABLE schema_migrations (
    version INTEGER,
    name VARCHAR,
    applied_at TIMESTAMP
);
COMMENT ON TABLE schema_migrations IS 'migrations that were done';
COMMENT ON COLUMN schema_migrations.version IS 'number of the migration';
COMMENT ON COLUMN schema_migrations.name IS 'of the migration';
COMMENT ON COLUMN schema_migrations.applied_at IS 'UTC';

CREATE TABLE people (
    username VARCHAR NOT NULL,
    person VARCHAR NOT NULL,
    team VARCHAR
);
COMMENT ON TABLE people IS 'one row per folder of a user: who it belongs to, as the configured identities say';
COMMENT ON COLUMN people.username IS 'name of the folder';
COMMENT ON COLUMN people.person IS 'name in reports; the folder where no identity names it';
COMMENT ON COLUMN people.team IS 'null where no identity gives one';
