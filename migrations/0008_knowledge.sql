-- What the claims of all people come to: items, evidence and relations, settled by domain, and what
-- people decided about them, which nothing derives and nothing deletes.

CREATE TABLE IF NOT EXISTS knowledge_reviews (
    review_id BIGINT NOT NULL,
    item_id VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    other_id VARCHAR,
    reviewer VARCHAR NOT NULL,
    reviewed_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE knowledge_reviews IS 'one row per decision of a person; of the same kind about the same item the last one holds';
COMMENT ON COLUMN knowledge_reviews.item_id IS 'what was decided about: it need not exist for now';
COMMENT ON COLUMN knowledge_reviews.action IS 'approve, reject, merge (into other_id) or split (off other_id)';

CREATE TABLE IF NOT EXISTS facts.knowledge_items (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    item_id VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    content VARCHAR NOT NULL,
    detection_type VARCHAR NOT NULL,
    entities VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    corrections BIGINT NOT NULL,
    confirmations BIGINT NOT NULL,
    definitions BIGINT NOT NULL,
    verifiers BIGINT NOT NULL,
    first_verified TIMESTAMP,
    last_verified TIMESTAMP,
    reviewer VARCHAR,
    reviewed_at TIMESTAMP
);

CREATE TABLE IF NOT EXISTS facts.verification_evidence (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    item_id VARCHAR NOT NULL,
    statement_id VARCHAR NOT NULL,
    claim_id VARCHAR NOT NULL,
    detection_type VARCHAR NOT NULL,
    username VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    time TIMESTAMP,
    session_id VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS facts.knowledge_relations (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    from_item VARCHAR NOT NULL,
    to_item VARCHAR NOT NULL,
    score BIGINT NOT NULL,
    shared_entities BIGINT NOT NULL
);

CREATE OR REPLACE VIEW knowledge_items AS
    SELECT * EXCLUDE (key_hash), corrections + confirmations + definitions AS evidence FROM facts.knowledge_items;
COMMENT ON VIEW knowledge_items IS 'one row per domain and fact that people stated, however many of them';
COMMENT ON COLUMN knowledge_items.item_id IS 'kv_ and 12 hexadecimal digits of the SHA-256 of <title>:<content>';
COMMENT ON COLUMN knowledge_items.detection_type IS 'of the claim that it is told in: correction, confirmation or unprompted_definition';
COMMENT ON COLUMN knowledge_items.entities IS 'what it is about: a JSON list of texts';
COMMENT ON COLUMN knowledge_items.status IS 'pending, approved or rejected';
COMMENT ON COLUMN knowledge_items.corrections IS 'pieces of evidence that corrected the assistant';
COMMENT ON COLUMN knowledge_items.verifiers IS 'people that the evidence is from';
COMMENT ON COLUMN knowledge_items.last_verified IS 'UTC; confidence decays from here on';
COMMENT ON COLUMN knowledge_items.reviewer IS 'who approved or rejected it last';

-- The quote is kept with the claim alone, so that it is gone when that is.
CREATE OR REPLACE VIEW verification_evidence AS
    SELECT evidence.* EXCLUDE (key_hash), claims.user_quote
    FROM facts.verification_evidence AS evidence LEFT JOIN (
        SELECT domain, session_file, claim_id, min(user_quote) AS user_quote
        FROM facts.verification_claims GROUP BY ALL
    ) AS claims USING (domain, session_file, claim_id);
COMMENT ON VIEW verification_evidence IS 'one row per item and piece of evidence: a person and a source file, once';
COMMENT ON COLUMN verification_evidence.statement_id IS 'id of what the claim says in its own words; other than item_id where it says the same in others';
COMMENT ON COLUMN verification_evidence.user_quote IS 'what the person wrote, letter by letter';

CREATE OR REPLACE VIEW knowledge_relations AS
    SELECT * EXCLUDE (key_hash, score), score / 1000 AS score FROM facts.knowledge_relations;
COMMENT ON VIEW knowledge_relations IS 'one row per pair of items of a domain that a curator should look at';
COMMENT ON COLUMN knowledge_relations.kind IS 'likely_duplicate, or contradicts: a correction and what it corrects';
COMMENT ON COLUMN knowledge_relations.score IS 'shared entities over all entities of a likely duplicate; likeness of the texts of a contradiction';
