-- What a language model says of corrections: beside the decisions of people, and apart from them.

COMMENT ON TABLE knowledge_reviews IS 'one row per decision of a person, and per finding of a language model; of the same kind about the same item the last one holds';
COMMENT ON COLUMN knowledge_reviews.action IS 'of a person: approve, reject, merge (into other_id) or split (off other_id); of a model: judged, contradicts (other_id) or unjudged, where it did not answer as it should';
COMMENT ON COLUMN knowledge_reviews.other_id IS 'item that a merge, a split or a contradiction names; else null';
COMMENT ON COLUMN knowledge_reviews.reviewer IS 'who decided; <detector>:<model> of a model';

ALTER TABLE facts.knowledge_relations ALTER COLUMN score DROP NOT NULL;
ALTER TABLE facts.knowledge_relations ADD COLUMN IF NOT EXISTS judge VARCHAR;

CREATE OR REPLACE VIEW knowledge_relations AS
    SELECT * EXCLUDE (key_hash, score, judge), score / 1000 AS score, judge FROM facts.knowledge_relations;
COMMENT ON VIEW knowledge_relations IS 'one row per pair of items of a domain that a curator should look at';
COMMENT ON COLUMN knowledge_relations.domain IS 'that both items are of';
COMMENT ON COLUMN knowledge_relations.kind IS 'likely_duplicate, or contradicts: a correction and what it corrects';
COMMENT ON COLUMN knowledge_relations.from_item IS 'item_id';
COMMENT ON COLUMN knowledge_relations.to_item IS 'item_id';
COMMENT ON COLUMN knowledge_relations.shared_entities IS 'entities that both name';
COMMENT ON COLUMN knowledge_relations.score IS 'shared entities over all entities of a likely duplicate; likeness of the texts of a contradiction; null if only a model sees one';
COMMENT ON COLUMN knowledge_relations.judge IS '<detector>:<model> that says so; null if only the texts were compared';
