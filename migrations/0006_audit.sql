-- Who asked for a run, and what came of those that could not begin.

ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS action VARCHAR;
ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS requested_by VARCHAR;
ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS request_id VARCHAR;
ALTER TABLE processor_runs ADD COLUMN IF NOT EXISTS message VARCHAR;
UPDATE processor_runs SET action = 'run_session_processor:' || processor_name WHERE action IS NULL;
COMMENT ON COLUMN processor_runs.trigger IS 'schedule, cli, report, trigger (a file) or watch';
COMMENT ON COLUMN processor_runs.outcome IS 'running; done; failed: some files did, or it could not run; stopped: by a signal; busy: another run was at it; refused: the request made no sense; killed: its process ended before it did';
COMMENT ON COLUMN processor_runs.action IS 'run_session_processor:<name>';
COMMENT ON COLUMN processor_runs.requested_by IS 'login of who asked; of a trigger file its owner';
COMMENT ON COLUMN processor_runs.request_id IS 'id of the trigger file';
COMMENT ON COLUMN processor_runs.message IS 'why it was busy, refused or could not run';
