-- Claims say for whom they hold, how likely the detector finds them, and why; there are instructions among them.

ALTER TABLE facts.verification_claims ADD COLUMN IF NOT EXISTS scope VARCHAR;
ALTER TABLE facts.verification_claims ADD COLUMN IF NOT EXISTS project VARCHAR;
ALTER TABLE facts.verification_claims ADD COLUMN IF NOT EXISTS likelihood BIGINT;
ALTER TABLE facts.verification_claims ADD COLUMN IF NOT EXISTS signs VARCHAR;

CREATE OR REPLACE VIEW verification_claims AS
    SELECT * EXCLUDE (key_hash) REPLACE (likelihood / 1000 AS likelihood) FROM facts.verification_claims;
COMMENT ON VIEW verification_claims IS 'one row per source file and fact that a person stated in a conversation; a copy of the conversation repeats its claim_id';
COMMENT ON COLUMN verification_claims.session_file IS '<user>/<path below the user>';
COMMENT ON COLUMN verification_claims.username IS 'who said it';
COMMENT ON COLUMN verification_claims.domain IS 'finance, engineering, product, data, operations, infrastructure or general';
COMMENT ON COLUMN verification_claims.claim_id IS 'uuid:<record>:<number>, or line:… where the log gives no uuid';
COMMENT ON COLUMN verification_claims.detection_type IS 'correction, confirmation, unprompted_definition or instruction';
COMMENT ON COLUMN verification_claims.title IS '60 characters at most';
COMMENT ON COLUMN verification_claims.content IS 'the fact, to be understood without the conversation';
COMMENT ON COLUMN verification_claims.user_quote IS 'what the person wrote, letter by letter';
COMMENT ON COLUMN verification_claims.entities IS 'what the fact is about: a JSON list of texts, in order';
COMMENT ON COLUMN verification_claims.time IS 'UTC; of a neighbouring record where the line has none';
COMMENT ON COLUMN verification_claims.session_id IS 'session id of the transcript';
COMMENT ON COLUMN verification_claims.line IS 'line of the source file that holds the quote';
COMMENT ON COLUMN verification_claims.scope IS 'for whom it holds: person, project or domain';
COMMENT ON COLUMN verification_claims.project IS 'working directory of the conversation';
COMMENT ON COLUMN verification_claims.likelihood IS 'how likely the detector finds it that somebody would write this down, from 0 to 1; null if it does not say';
COMMENT ON COLUMN verification_claims.signs IS 'what the detector saw in it, the weightiest first: a JSON list of texts';

ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS instructions BIGINT DEFAULT 0;
ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS sessions BIGINT DEFAULT 0;
ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS scope VARCHAR;
ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS project VARCHAR;
ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS likelihood BIGINT;
ALTER TABLE facts.knowledge_items ADD COLUMN IF NOT EXISTS signs VARCHAR;

CREATE OR REPLACE VIEW knowledge_items AS
    SELECT * EXCLUDE (key_hash) REPLACE (likelihood / 1000 AS likelihood),
        corrections + confirmations + definitions + instructions AS evidence
    FROM facts.knowledge_items;
COMMENT ON VIEW knowledge_items IS 'one row per domain and fact that people stated, however many of them';
COMMENT ON COLUMN knowledge_items.domain IS 'finance, engineering, product, data, operations, infrastructure or general';
COMMENT ON COLUMN knowledge_items.item_id IS 'kv_ and 12 hexadecimal digits of the SHA-256 of <title>:<content>';
COMMENT ON COLUMN knowledge_items.title IS 'of its canonical claim, 60 characters at most';
COMMENT ON COLUMN knowledge_items.content IS 'the fact, in the words of its canonical claim';
COMMENT ON COLUMN knowledge_items.detection_type IS 'of the claim that it is told in: correction, confirmation, unprompted_definition or instruction';
COMMENT ON COLUMN knowledge_items.entities IS 'what it is about: a JSON list of texts';
COMMENT ON COLUMN knowledge_items.status IS 'pending, approved or rejected';
COMMENT ON COLUMN knowledge_items.corrections IS 'pieces of evidence that corrected the assistant';
COMMENT ON COLUMN knowledge_items.confirmations IS 'pieces of evidence that confirm it';
COMMENT ON COLUMN knowledge_items.definitions IS 'pieces of evidence that define it';
COMMENT ON COLUMN knowledge_items.verifiers IS 'people that the evidence is from';
COMMENT ON COLUMN knowledge_items.first_verified IS 'time of the oldest evidence';
COMMENT ON COLUMN knowledge_items.last_verified IS 'UTC; confidence decays from here on';
COMMENT ON COLUMN knowledge_items.reviewer IS 'who approved or rejected it last';
COMMENT ON COLUMN knowledge_items.reviewed_at IS 'time of the last decision; null if there is none';
COMMENT ON COLUMN knowledge_items.instructions IS 'pieces of evidence that say to work so';
COMMENT ON COLUMN knowledge_items.sessions IS 'sessions that the evidence is from';
COMMENT ON COLUMN knowledge_items.scope IS 'for whom it holds: person, project or domain';
COMMENT ON COLUMN knowledge_items.project IS 'working directory of all its evidence; null if it is from several';
COMMENT ON COLUMN knowledge_items.likelihood IS 'of its likeliest evidence; null if the detector does not say';
COMMENT ON COLUMN knowledge_items.signs IS 'what the detector saw in its likeliest evidence: a JSON list of texts';
COMMENT ON COLUMN knowledge_items.evidence IS 'pieces of evidence';

COMMENT ON COLUMN verification_evidence.detection_type IS 'correction, confirmation, unprompted_definition or instruction';
