-- What settling a domain remembers of itself, so that one claim more does not cost as much as all.

CREATE TABLE IF NOT EXISTS facts.verification_founders (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    history BIGINT NOT NULL,
    founder_id VARCHAR NOT NULL
);
