-- Who the folders belong to, as the configured identities say.

CREATE TABLE IF NOT EXISTS people (
    username VARCHAR NOT NULL,
    person VARCHAR NOT NULL,
    team VARCHAR
);
COMMENT ON TABLE people IS 'one row per folder of a user: who it belongs to, as the configured identities say';
COMMENT ON COLUMN people.username IS 'name of the folder';
COMMENT ON COLUMN people.person IS 'name in reports; the folder where no identity names it';
COMMENT ON COLUMN people.team IS 'null where no identity gives one';
