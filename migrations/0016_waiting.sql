-- Why files wait, and whose pause it is.

CREATE TABLE IF NOT EXISTS processor_deferrals (
    processor_name VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    files BIGINT NOT NULL
);
COMMENT ON TABLE processor_deferrals IS 'why the last run of a processor left files to the next one';
COMMENT ON COLUMN processor_deferrals.processor_name IS 'processor that left them';
COMMENT ON COLUMN processor_deferrals.reason IS 'a limit, a pause, or that somebody may still write to them';
COMMENT ON COLUMN processor_deferrals.files IS 'source files that were left for it';

ALTER TABLE processor_pauses ADD COLUMN IF NOT EXISTS server VARCHAR;
COMMENT ON COLUMN processor_pauses.server IS
    'address that asked for the pause, and four digits of the digest of the key that was used; another server is asked at once';
