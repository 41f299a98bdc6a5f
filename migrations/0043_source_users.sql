-- One person's logs on a server: whose they are is configured.

ALTER TABLE sources ADD COLUMN IF NOT EXISTS username VARCHAR;
COMMENT ON COLUMN sources.username IS
    'whose logs it has, as configured; null where each user has a folder, or they are of whoever runs sessionmill';
