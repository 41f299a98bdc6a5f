-- A file may hold records of several formats.

CREATE TABLE IF NOT EXISTS session_dialects (
    session_file VARCHAR NOT NULL,
    dialect VARCHAR NOT NULL,
    lines BIGINT NOT NULL
);
COMMENT ON TABLE session_dialects IS 'formats of the lines of a source file';
COMMENT ON COLUMN session_dialects.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN session_dialects.dialect IS 'claude-code, codex, document or unknown';
COMMENT ON COLUMN session_dialects.lines IS 'how many; those of a file are session_files.lines together';

UPDATE session_files SET dialect = 'unknown' WHERE dialect = 'other';
COMMENT ON COLUMN session_files.dialect IS 'first format that was recognised in the log: claude-code, codex or document, else unknown';

-- A file that is not read again has one format, as it was read.
INSERT INTO session_dialects SELECT session_file, dialect, lines FROM session_files
WHERE lines > 0 AND session_file NOT IN (SELECT session_file FROM session_dialects);
