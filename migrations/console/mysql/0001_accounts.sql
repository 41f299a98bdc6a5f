-- Times are microseconds since 1970, UTC. Hashes are 32 bytes. Text compares byte by byte.
CREATE TABLE IF NOT EXISTS login_sessions (
    token_hash BINARY(32) NOT NULL PRIMARY KEY,
    public_id VARCHAR(64) NOT NULL UNIQUE,
    user_id VARCHAR(255),
    created_at BIGINT NOT NULL,
    last_accessed_at BIGINT NOT NULL,
    auth_at BIGINT,
    idle_expires_at BIGINT NOT NULL,
    absolute_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ip_address VARCHAR(45),
    user_agent VARCHAR(512),
    revoked_at BIGINT,
    revoke_reason VARCHAR(255),
    data JSON NOT NULL,
    version BIGINT NOT NULL,
    prev_token_hash BINARY(32),
    prev_valid_until BIGINT,
    INDEX login_sessions_expires (expires_at),
    INDEX login_sessions_user (user_id, last_accessed_at),
    INDEX login_sessions_previous (prev_token_hash)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS users (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    role VARCHAR(32) NOT NULL,
    person VARCHAR(255),
    password_hash VARCHAR(255),
    created_at BIGINT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS api_tokens (
    token_hash BINARY(32) NOT NULL PRIMARY KEY,
    public_id VARCHAR(64) NOT NULL UNIQUE,
    user_id VARCHAR(255) NOT NULL,
    label VARCHAR(255) NOT NULL,
    scopes VARCHAR(255) NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    INDEX api_tokens_user (user_id, created_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit_log (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor VARCHAR(255),
    event VARCHAR(64) NOT NULL,
    object VARCHAR(1024),
    owner VARCHAR(255),
    detail VARCHAR(1024),
    ip_address VARCHAR(45),
    session_mark VARCHAR(64)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What the marks of login sessions in the audit log are salted with.
CREATE TABLE IF NOT EXISTS audit_salt (id BIGINT NOT NULL PRIMARY KEY, salt VARBINARY(32) NOT NULL)
    ENGINE = InnoDB;
