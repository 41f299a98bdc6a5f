-- Claims of the verification processor: what people said in conversations, letter by letter.

CREATE TABLE IF NOT EXISTS facts.verification_claims (
    session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    claim_id VARCHAR NOT NULL,
    detection_type VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    content VARCHAR NOT NULL,
    user_quote VARCHAR NOT NULL,
    entities VARCHAR NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR NOT NULL,
    line BIGINT NOT NULL
);

CREATE OR REPLACE VIEW verification_claims AS SELECT * EXCLUDE (key_hash) FROM facts.verification_claims;
COMMENT ON VIEW verification_claims IS 'one row per source file and fact that a person stated in a conversation; a copy of the conversation repeats its claim_id';
COMMENT ON COLUMN verification_claims.domain IS 'finance, engineering, product, data, operations or infrastructure';
COMMENT ON COLUMN verification_claims.claim_id IS 'uuid:<record>:<number>, or line:… where the log gives no uuid';
COMMENT ON COLUMN verification_claims.detection_type IS 'correction, confirmation or unprompted_definition';
COMMENT ON COLUMN verification_claims.content IS 'the fact, to be understood without the conversation';
COMMENT ON COLUMN verification_claims.user_quote IS 'what the person wrote, letter by letter';
COMMENT ON COLUMN verification_claims.entities IS 'what the fact is about: a JSON list of texts, in order';
COMMENT ON COLUMN verification_claims.time IS 'UTC; of a neighbouring record where the line has none';
COMMENT ON COLUMN verification_claims.line IS 'line of the source file that holds the quote';
