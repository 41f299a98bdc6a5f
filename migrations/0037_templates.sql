-- Claims know the long prompt that they stand in, so that templates are nobody's evidence.

ALTER TABLE facts.verification_claims ADD COLUMN IF NOT EXISTS template_id VARCHAR;

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
COMMENT ON COLUMN verification_claims.template_id IS 'of a long prompt: in several sessions, a tool or a template wrote it, and it is nobody''s evidence';
