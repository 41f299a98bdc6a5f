-- Sources that are over, how sources came in, and what a run has to raise an alarm about.

ALTER TABLE sources ADD COLUMN IF NOT EXISTS retired_at TIMESTAMP;
ALTER TABLE sources ADD COLUMN IF NOT EXISTS found BOOLEAN;
COMMENT ON COLUMN sources.retired_at IS 'UTC; since then it is not read, and its files keep what they said; null while it is in use';
COMMENT ON COLUMN sources.found IS 'sessionmill found it by itself; false if somebody named it; null if an older version added it';
COMMENT ON COLUMN sources.alarm IS 'why nothing of it is read, and none of its files marked as gone';

ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS alarms VARCHAR;
COMMENT ON COLUMN processor_runs.message IS 'why it was busy, refused or could not run; else its alarms in words';
COMMENT ON COLUMN processor_runs.alarms IS 'alarms of a run that went through, as a JSON list; null if there are none';
