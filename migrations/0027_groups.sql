-- Keys that are touched in a part of their time only, and ids that are joined to one key.

ALTER TABLE facts.touched_keys ADD COLUMN IF NOT EXISTS first_at TIMESTAMP;
ALTER TABLE facts.touched_keys ADD COLUMN IF NOT EXISTS last_at TIMESTAMP;
ALTER TABLE facts.touched_keys ADD COLUMN IF NOT EXISTS span VARCHAR;
COMMENT ON COLUMN facts.touched_keys.first_at IS 'time of the first fact that differs; null where the whole key is touched';
COMMENT ON COLUMN facts.touched_keys.last_at IS 'time of the last one';
COMMENT ON COLUMN facts.touched_keys.span IS 'name of the span that these facts are of, if any';

CREATE TABLE IF NOT EXISTS facts.key_groups (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    id_hash BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL
);
COMMENT ON TABLE facts.key_groups IS 'ids that are joined to others, each with the key of all of them, the smallest one';
