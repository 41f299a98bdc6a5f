-- A domain is a label now: claims that say the same are one item, whatever domains they are of. A change of how claims are
-- settled makes every item anew.

ALTER TABLE facts.verification_evidence DROP COLUMN IF EXISTS domain;
ALTER TABLE facts.verification_heirs DROP COLUMN IF EXISTS domain;
ALTER TABLE facts.knowledge_relations DROP COLUMN IF EXISTS domain;

COMMENT ON VIEW knowledge_items IS 'one row per fact that people stated, however many of them';
COMMENT ON COLUMN knowledge_items.domain IS 'finance, engineering, product, data, operations, infrastructure or general: the one that most of its evidence is of';

CREATE OR REPLACE VIEW verification_evidence AS
SELECT evidence.* EXCLUDE (key_hash), claims.user_quote
FROM facts.verification_evidence AS evidence LEFT JOIN (
    SELECT session_file, claim_id, min(user_quote) AS user_quote FROM facts.verification_claims GROUP BY ALL
) AS claims USING (session_file, claim_id);
COMMENT ON VIEW verification_evidence IS 'one row per item and piece of evidence: a person and a source file, once';
COMMENT ON COLUMN verification_evidence.item_id IS 'of knowledge_items';
COMMENT ON COLUMN verification_evidence.statement_id IS 'id of what the claim says in its own words; other than item_id where it says the same in others';
COMMENT ON COLUMN verification_evidence.claim_id IS 'of verification_claims';
COMMENT ON COLUMN verification_evidence.detection_type IS 'correction, confirmation, unprompted_definition or instruction';
COMMENT ON COLUMN verification_evidence.username IS 'who said it';
COMMENT ON COLUMN verification_evidence.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN verification_evidence.line IS 'of session_file';
COMMENT ON COLUMN verification_evidence.time IS 'UTC';
COMMENT ON COLUMN verification_evidence.session_id IS 'session id of the transcript';
COMMENT ON COLUMN verification_evidence.user_quote IS 'what the person wrote, letter by letter';

CREATE OR REPLACE VIEW knowledge_relations AS
SELECT * EXCLUDE (key_hash, score, judge), score / 1000 AS score, judge FROM facts.knowledge_relations;
COMMENT ON VIEW knowledge_relations IS 'one row per correction and item that it contradicts';
COMMENT ON COLUMN knowledge_relations.kind IS 'contradicts';
COMMENT ON COLUMN knowledge_relations.from_item IS 'item_id of the correction';
COMMENT ON COLUMN knowledge_relations.to_item IS 'item_id of what it contradicts';
COMMENT ON COLUMN knowledge_relations.shared_entities IS 'entities that both name';
COMMENT ON COLUMN knowledge_relations.score IS 'likeness of the texts, from 0 to 1; null if only a model sees the contradiction';
COMMENT ON COLUMN knowledge_relations.judge IS '<detector>:<model> that says so; null if only the texts were compared';
