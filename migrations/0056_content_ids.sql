-- An event to which the log gives no id is identified by its content.

COMMENT ON COLUMN facts.activity_lines.event_id IS 'identity of the event within the user folder: that of the log, else a hash of the content and a number; null in files that vanished before hashes were made';
COMMENT ON COLUMN activity_events.event_id IS 'identity of the event: that of the log, else a hash of the content and a number; null in files that vanished before hashes were made';
