-- Login sessions that were imported from an older program, whatever became of them, so that a second import does not bring
-- them back. Nothing is deleted: the older program can go on extending its sessions.
CREATE TABLE IF NOT EXISTS imported_sessions (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    imported_at INTEGER NOT NULL
) STRICT;
