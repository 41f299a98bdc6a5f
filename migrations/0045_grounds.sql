-- Decisions know what they were taken on, so that they hold when other rules word the same otherwise.

ALTER TABLE knowledge_reviews ADD COLUMN IF NOT EXISTS grounds VARCHAR;
ALTER TABLE knowledge_reviews ADD COLUMN IF NOT EXISTS other_grounds VARCHAR;
COMMENT ON COLUMN knowledge_reviews.grounds IS 'what a person decided on: digests of records and of quoted words, by which the decision holds for an item that is worded otherwise later';
COMMENT ON COLUMN knowledge_reviews.other_grounds IS 'the same of other_id';

CREATE TABLE IF NOT EXISTS facts.verification_heirs (
    key_hash BIGINT NOT NULL,
    domain VARCHAR NOT NULL,
    review_id BIGINT NOT NULL,
    item_id VARCHAR,
    other_id VARCHAR
);
COMMENT ON COLUMN facts.verification_heirs.review_id IS 'of knowledge_reviews';
COMMENT ON COLUMN facts.verification_heirs.item_id IS 'what item_id of the decision stands for';
COMMENT ON COLUMN facts.verification_heirs.other_id IS 'what other_id of the decision stands for';

-- Of each item the claims in its own words come first, then those in others, as grounds of new decisions have them.
CREATE OR REPLACE TEMPORARY TABLE sessionmill_grounds AS
WITH claims AS (
    SELECT 'kv_' || left(sha256(title || ':' || content), 12) AS statement_id, domain, session_file, line, time, claim_id,
        user_quote, regexp_replace(claim_id, ':[^:]*$', '') AS record
    FROM facts.verification_claims
), said AS (
    SELECT statement_id AS id, false AS in_other_words, claims.* EXCLUDE (statement_id) FROM claims
    UNION ALL
    SELECT item_id, true, claims.* EXCLUDE (statement_id)
    FROM facts.verification_evidence AS evidence JOIN claims USING (domain, session_file, claim_id)
    WHERE claims.statement_id <> item_id
), ordered AS (
    SELECT id, record, user_quote, in_other_words,
        row_number() OVER (PARTITION BY id ORDER BY in_other_words, time NULLS LAST, session_file, line, claim_id) AS number
    FROM said WHERE id IN (SELECT item_id FROM knowledge_reviews UNION SELECT other_id FROM knowledge_reviews)
    QUALIFY row_number() OVER (
        PARTITION BY id, claim_id ORDER BY in_other_words, time NULLS LAST, session_file, line) = 1
)
SELECT id, string_agg(ground, ';' ORDER BY number) AS grounds FROM (
    SELECT id, number, if(in_other_words, '~', '') || left(sha256(record), 12) || coalesce((
        SELECT string_agg(' ' || left(sha256(record || ' ' || word), 6), '' ORDER BY position) FROM (
            SELECT unnest(words) AS word, generate_subscripts(words, 1) AS position FROM (
                SELECT regexp_extract_all(
                    translate(user_quote, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'),
                    '[a-z0-9_\x{80}-\x{10FFFF}]+') AS words))), '') AS ground
    FROM ordered QUALIFY row_number() OVER (PARTITION BY id ORDER BY number) <= 8
) GROUP BY id;

UPDATE knowledge_reviews SET grounds = said.grounds FROM sessionmill_grounds AS said
WHERE said.id = item_id AND knowledge_reviews.grounds IS NULL AND action IN ('approve', 'reject', 'merge', 'split');
UPDATE knowledge_reviews SET other_grounds = said.grounds FROM sessionmill_grounds AS said
WHERE said.id = other_id AND knowledge_reviews.other_grounds IS NULL AND action IN ('merge', 'split');

DROP TABLE sessionmill_grounds;
