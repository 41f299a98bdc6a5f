-- Rules of before version 8 took questions, pasted text and orders of the moment for knowledge. What they heard in files
-- that are gone can never be heard anew, so it goes, unless somebody approved it.

CREATE OR REPLACE TEMPORARY TABLE sessionmill_stale AS
SELECT claims.rowid AS row_number, claims.key_hash
FROM facts.verification_claims AS claims
JOIN session_files AS files ON files.session_file = claims.session_file AND files.gone_since IS NOT NULL
JOIN session_processor_state AS state ON state.session_file = claims.session_file
    AND state.processor_name = 'verification' AND state.processor_version < 8
WHERE NOT EXISTS (
    SELECT 1 FROM facts.verification_evidence AS evidence
    JOIN facts.knowledge_items AS items ON items.domain = evidence.domain AND items.item_id = evidence.item_id
    WHERE items.status = 'approved' AND evidence.domain = claims.domain AND evidence.claim_id = claims.claim_id
);

INSERT INTO facts.touched_keys
    SELECT DISTINCT 'verification', 'verification_claims', key_hash FROM sessionmill_stale;
DELETE FROM facts.verification_claims WHERE rowid IN (SELECT row_number FROM sessionmill_stale);

DROP TABLE sessionmill_stale;
