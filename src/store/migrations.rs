//! The numbered migrations of the tables that belong to no processor.

/// A migration: its name, which begins with its number, and its SQL statements. A released migration is never changed.
pub type Migration = (&'static str, &'static str);

/// The migrations of tables that belong to no processor, and of the time before processors had migrations of their own.
/// Together with those of all processors, they form one numbered sequence.
pub const ENGINE: &[Migration] = &[
    ("0001_ledger", include_str!("../../migrations/0001_ledger.sql")),
    ("0003_source_marks", include_str!("../../migrations/0003_source_marks.sql")),
    ("0005_network", include_str!("../../migrations/0005_network.sql")),
    ("0006_audit", include_str!("../../migrations/0006_audit.sql")),
    ("0010_forgotten", include_str!("../../migrations/0010_forgotten.sql")),
    ("0012_dropped", include_str!("../../migrations/0012_dropped.sql")),
    ("0013_comments", include_str!("../../migrations/0013_comments.sql")),
    ("0016_waiting", include_str!("../../migrations/0016_waiting.sql")),
    ("0020_sources", include_str!("../../migrations/0020_sources.sql")),
    ("0021_bans", include_str!("../../migrations/0021_bans.sql")),
    ("0022_settling", include_str!("../../migrations/0022_settling.sql")),
    ("0023_settlements", include_str!("../../migrations/0023_settlements.sql")),
    ("0024_retries", include_str!("../../migrations/0024_retries.sql")),
    ("0025_dialects", include_str!("../../migrations/0025_dialects.sql")),
    ("0027_groups", include_str!("../../migrations/0027_groups.sql")),
    ("0030_people", include_str!("../../migrations/0030_people.sql")),
    ("0043_source_users", include_str!("../../migrations/0043_source_users.sql")),
    ("0044_rounds", include_str!("../../migrations/0044_rounds.sql")),
    ("0048_changed_files", include_str!("../../migrations/0048_changed_files.sql")),
    ("0055_erased_ids", include_str!("../../migrations/0055_erased_ids.sql")),
];
