-- Keys that are touched in a part of their time only, and ids that are joined to one key.

CREATE TABLE IF NOT EXISTS facts.touched_moments (
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

CREATE TABLE IF NOT EXISTS facts.key_groups (
    processor_name VARCHAR NOT NULL,
    facts_table VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    id_hash BIGINT NOT NULL,
    key VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL
);
COMMENT ON TABLE facts.key_groups IS 'ids that are joined to others, each with the key of all of them, the smallest one';
