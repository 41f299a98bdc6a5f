-- Times are microseconds since 1970, UTC. Hashes are 32 bytes. Text compares byte by byte.
CREATE TABLE IF NOT EXISTS login_sessions (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    public_id TEXT NOT NULL UNIQUE,
    user_id TEXT,
    created_at INTEGER NOT NULL,
    last_accessed_at INTEGER NOT NULL,
    auth_at INTEGER,
    idle_expires_at INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ip_address TEXT CHECK (length(ip_address) <= 45),
    user_agent TEXT CHECK (length(user_agent) <= 512),
    revoked_at INTEGER,
    revoke_reason TEXT,
    data TEXT NOT NULL CHECK (json_valid(data)),
    version INTEGER NOT NULL,
    prev_token_hash BLOB,
    prev_valid_until INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS login_sessions_expires ON login_sessions (expires_at);
CREATE INDEX IF NOT EXISTS login_sessions_user ON login_sessions (user_id, last_accessed_at);
CREATE INDEX IF NOT EXISTS login_sessions_previous ON login_sessions (prev_token_hash);

CREATE TABLE IF NOT EXISTS users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    person TEXT,
    password_hash TEXT,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS api_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    public_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS api_tokens_user ON api_tokens (user_id, created_at);

CREATE TABLE IF NOT EXISTS audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT,
    event TEXT NOT NULL,
    object TEXT,
    owner TEXT,
    detail TEXT,
    ip_address TEXT,
    session_mark TEXT
) STRICT;

-- What the marks of login sessions in the audit log are salted with.
CREATE TABLE IF NOT EXISTS audit_salt (id INTEGER NOT NULL PRIMARY KEY, salt BLOB NOT NULL) STRICT;
