-- A repository can be a project that the identities name.

COMMENT ON COLUMN usage_repositories.repository IS 'name of the project, as the configured identities say; else the folder of the repository, as far as the path tells';
