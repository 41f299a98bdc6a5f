-- What settling a domain remembers of itself, so that one claim more does not cost as much as all.

CREATE TABLE IF NOT EXISTS facts.verification_founders (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    history BIGINT NOT NULL,
    founder_id VARCHAR NOT NULL
);

-- Items follow from decisions in another way than before: all are settled again.
INSERT INTO facts.touched_keys
    SELECT DISTINCT 'verification', 'verification_claims', key_hash FROM facts.verification_claims;
