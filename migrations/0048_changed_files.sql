-- The source files whose sums are to be made anew.

CREATE TABLE IF NOT EXISTS facts.changed_files (
    facts_table VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL
);
COMMENT ON TABLE facts.changed_files IS 'source files whose entities have changed since the table of their sums was brought up to date';
