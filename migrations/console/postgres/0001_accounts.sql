-- Times are microseconds since 1970, UTC. Hashes are 32 bytes. Text compares byte by byte.
CREATE TABLE IF NOT EXISTS login_sessions (
    token_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    public_id TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    last_accessed_at BIGINT NOT NULL,
    auth_at BIGINT,
    idle_expires_at BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ip_address VARCHAR(45),
    user_agent VARCHAR(512),
    revoked_at BIGINT,
    revoke_reason TEXT,
    data JSONB NOT NULL,
    version BIGINT NOT NULL,
    prev_token_hash BYTEA,
    prev_valid_until BIGINT
);
CREATE INDEX IF NOT EXISTS login_sessions_expires ON login_sessions (expires_at);
CREATE INDEX IF NOT EXISTS login_sessions_user ON login_sessions (user_id, last_accessed_at);
CREATE INDEX IF NOT EXISTS login_sessions_previous ON login_sessions (prev_token_hash);

CREATE TABLE IF NOT EXISTS users (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    person TEXT,
    password_hash TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS api_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    public_id TEXT COLLATE "C" NOT NULL UNIQUE,
    user_id TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX IF NOT EXISTS api_tokens_user ON api_tokens (user_id, created_at);

CREATE TABLE IF NOT EXISTS audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C",
    event TEXT NOT NULL,
    object TEXT,
    owner TEXT COLLATE "C",
    detail TEXT,
    ip_address TEXT,
    session_mark TEXT
);

-- What the marks of login sessions in the audit log are salted with.
CREATE TABLE IF NOT EXISTS audit_salt (id BIGINT NOT NULL PRIMARY KEY, salt BYTEA NOT NULL);
