-- What a run found to be in no transcript any more.

ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS dropped BIGINT DEFAULT 0;
COMMENT ON COLUMN processor_runs.dropped IS 'responses and tool calls that were known and are in no transcript any more: a log was rewritten, or is read in another way';
