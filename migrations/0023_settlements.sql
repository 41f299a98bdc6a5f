-- By which rules entities were settled.

CREATE TABLE IF NOT EXISTS facts.settlements (
    processor_name VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    settings VARCHAR NOT NULL
);
COMMENT ON TABLE facts.settlements IS 'version and settings that each settlement was last made with; none stands for version 1 without settings';
