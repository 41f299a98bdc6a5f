-- What was erased of people who are kept out: lifting the ban says what comes back and what does not.

ALTER TABLE forgotten_users ADD COLUMN IF NOT EXISTS erased_files VARCHAR;
ALTER TABLE forgotten_users ADD COLUMN IF NOT EXISTS erased_answers BIGINT;
COMMENT ON TABLE forgotten_users IS 'people whose transcripts are not read; not part of snapshots';
COMMENT ON COLUMN forgotten_users.erased_files IS
    'beginnings of the MD5 digests of the names of the source files that were erased, separated by blanks; null if not known';
COMMENT ON COLUMN forgotten_users.erased_answers IS
    'answers of a language model that were erased; null if not known';
