-- Views that a new database has of the declared tables. What the database says of these views and of the columns that
-- are declared is in the declarations; what it says of other views and columns is here.

CREATE VIEW verification_claims AS
SELECT * EXCLUDE (key_hash) REPLACE (likelihood / 1000 AS likelihood) FROM facts.verification_claims;
COMMENT ON COLUMN verification_claims.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN verification_claims.username IS 'who said it';

CREATE VIEW knowledge_items AS
SELECT * EXCLUDE (key_hash) REPLACE (likelihood / 1000 AS likelihood),
    corrections + confirmations + definitions + instructions AS evidence
FROM facts.knowledge_items;
COMMENT ON COLUMN knowledge_items.evidence IS 'pieces of evidence';

-- The quote is kept with the claim alone, so that it is gone when that is.
CREATE VIEW verification_evidence AS
SELECT evidence.* EXCLUDE (key_hash), claims.user_quote
FROM facts.verification_evidence AS evidence LEFT JOIN (
    SELECT session_file, claim_id, min(user_quote) AS user_quote FROM facts.verification_claims GROUP BY ALL
) AS claims USING (session_file, claim_id);
COMMENT ON COLUMN verification_evidence.user_quote IS 'what the person wrote, letter by letter';

CREATE VIEW knowledge_relations AS
SELECT * EXCLUDE (key_hash, score, judge), score / 1000 AS score, judge FROM facts.knowledge_relations;
