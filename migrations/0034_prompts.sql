-- What people ask of agents, so that what comes back can be found.

CREATE TABLE IF NOT EXISTS facts.verification_prompts (
    session_file VARCHAR NOT NULL, username VARCHAR NOT NULL,
    prompt_id VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    time TIMESTAMP,
    until TIMESTAMP,
    session_id VARCHAR NOT NULL,
    project VARCHAR,
    line BIGINT NOT NULL
);
COMMENT ON TABLE facts.verification_prompts IS 'one row per source file and prompt of a person that asks for something';
COMMENT ON COLUMN facts.verification_prompts.prompt_id IS 'prompts that ask for the same have the same one';
COMMENT ON COLUMN facts.verification_prompts.text IS 'the beginning of what the person wrote, without secrets';
COMMENT ON COLUMN facts.verification_prompts.time IS 'UTC; null if the log has no times';
COMMENT ON COLUMN facts.verification_prompts.until IS 'time of the next prompt in the source file, UTC; null if there is none';
COMMENT ON COLUMN facts.verification_prompts.session_id IS 'session id of the transcript';
COMMENT ON COLUMN facts.verification_prompts.project IS 'working directory at that time';
COMMENT ON COLUMN facts.verification_prompts.line IS 'line of the source file';
