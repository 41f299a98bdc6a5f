-- Clones of one repository in the folders of several people are one project.

COMMENT ON COLUMN usage_repositories.repository IS 'name of the project, as the configured identities say; else the name that clones of several people share, as */NAME; else the folder of the repository, as far as the path tells';
