-- Login sessions that were imported from an older program, whatever became of them, so that a second import does not bring
-- them back. Nothing is deleted: the older program can go on extending its sessions.
CREATE TABLE IF NOT EXISTS imported_sessions (
    token_hash BINARY(32) NOT NULL PRIMARY KEY,
    imported_at BIGINT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
