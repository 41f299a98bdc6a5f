-- People who are kept out of the database.

CREATE TABLE IF NOT EXISTS forgotten_users (
    username VARCHAR NOT NULL,
    forgotten_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE forgotten_users IS 'people whose transcripts are not read';
