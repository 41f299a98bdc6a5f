-- Claims are settled by clusters now, which are small, so nothing has to be remembered of an earlier settling. Likely
-- duplicates of an item are looked for where it is shown.

DROP TABLE IF EXISTS facts.verification_founders;

DELETE FROM facts.knowledge_relations WHERE kind <> 'contradicts';
COMMENT ON VIEW knowledge_relations IS 'one row per correction and item of its domain that it contradicts';
COMMENT ON COLUMN knowledge_relations.kind IS 'contradicts';
COMMENT ON COLUMN knowledge_relations.from_item IS 'item_id of the correction';
COMMENT ON COLUMN knowledge_relations.to_item IS 'item_id of what it contradicts';
COMMENT ON COLUMN knowledge_relations.score IS 'likeness of the texts, from 0 to 1; null if only a model sees the contradiction';
