-- What the file that keeps single people out contains, so that a run sees that the database does not follow it.

CREATE TABLE IF NOT EXISTS facts.erased_ids (
    processor_name VARCHAR NOT NULL,
    content VARCHAR,
    erased_at TIMESTAMP
);
COMMENT ON TABLE facts.erased_ids IS 'the content of the file beside the database that keeps ids of people out, as the database follows it; not part of snapshots';
COMMENT ON COLUMN facts.erased_ids.content IS 'null if the database is to be compared with the file';
COMMENT ON COLUMN facts.erased_ids.erased_at IS 'when facts about such an id were last erased, UTC';
