-- How the root of a source was last seen, to tell a folder that is not mounted from one that is empty.

ALTER TABLE sources ADD COLUMN IF NOT EXISTS device BIGINT;
ALTER TABLE sources ADD COLUMN IF NOT EXISTS alarm VARCHAR;
COMMENT ON COLUMN sources.device IS 'number of the device that the root was on';
COMMENT ON COLUMN sources.alarm IS 'why nothing is marked as gone for now';
