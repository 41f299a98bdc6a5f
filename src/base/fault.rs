//! Classifies errors of DuckDB by what the program or its user can do about them.
//!
//! DuckDB's library reports an error as text only, so this is the one place that parses that text. The patterns are
//! those of version 1.5.6.

use crate::base::holder::with_state;

/// What an error means for the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another process has the database open.
    Held,
    /// There is no space to write.
    Room,
    /// The machine prevents it: permissions, a device, limits of the process.
    Machine,
    /// More memory is needed than the database may use.
    Memory,
    /// The write-ahead log cannot be replayed. The database file still has the state of the last checkpoint.
    Log,
    /// The content of the database file is damaged.
    Damage,
    /// The DuckDB instance is unusable; nothing it reports from now on is reliable.
    Fatal,
    /// A commit failed, and it is unknown whether its rows were kept. Opening the database again shows it.
    Unsure,
    /// The statement or its rows are at fault, not the database.
    Refused,
}

/// Patterns by fault, in order of priority: the first that matches wins. For example, an error that says both "Failure
/// while replaying WAL file" and "Out of Memory Error" is about memory: the log itself is not damaged. A checkpoint
/// that fails at a damaged page counts as damage.
const WORDS: [(Fault, &[&str]); 7] = [
    (Fault::Held, &["Could not set lock"]),
    (Fault::Room, &["No space left on device", "File too large", "Disk quota exceeded"]),
    (
        Fault::Machine,
        &[
            "Input/output error",
            "Permission denied",
            "Operation not permitted",
            "Read-only file system",
            "Too many open files",
            "Cannot allocate memory",
            "Stale file handle",
            "duckdb_temp_",
            "Corrupt temporary file",
        ],
    ),
    (
        Fault::Memory,
        &["Out of Memory Error", "bad_alloc", "bad allocation", "could not allocate block", "failed to pin block"],
    ),
    (
        Fault::Damage,
        &[
            "Corrupt database file",
            "is not a valid DuckDB database file",
            "Could not read enough bytes",
            "Serialization Error",
        ],
    ),
    (Fault::Log, &["Failure while replaying WAL file"]),
    (Fault::Fatal, &["FATAL Error", "INTERNAL Error", "database has been invalidated"]),
];

/// Kinds of errors that are about a statement or its rows. Their text is not searched further: it can quote a
/// transcript, and somebody can write "Corrupt database file" there.
const ABOUT_ROWS: [&str; 9] = [
    "Binder Error",
    "Catalog Error",
    "Constraint Error",
    "Conversion Error",
    "Invalid Input Error",
    "Invalid Type Error",
    "Mismatch Type Error",
    "Out of Range Error",
    "Parser Error",
];

/// The prefix of an appender's errors.
pub(crate) const APPENDER: &str = "Failed to append: ";

impl Fault {
    /// Classifies an error by its text.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.strip_prefix(APPENDER).unwrap_or(text);
        let kind = text.split_once(": ").map(|(kind, _)| kind).filter(|kind| kind.ends_with("Error"));
        if kind.is_some_and(|kind| ABOUT_ROWS.contains(&kind)) {
            return Self::Refused;
        }
        // Errors of an appender do not start with a kind, and what they quote can stand anywhere. So these patterns
        // must match at the start of the text.
        let strict = |fault| kind.is_none() && matches!(fault, Self::Damage | Self::Log);
        let plain = unquoted(text);
        // A temporary file of DuckDB is recognised by its name, which stands in quotes.
        let said =
            |words: &str| if words.starts_with("duckdb_temp_") { text.contains(words) } else { plain.contains(words) };
        let fits = |(fault, words): &&(Fault, &[&str])| {
            words.iter().any(|words| if strict(*fault) { text.starts_with(words) } else { said(words) })
        };
        WORDS.iter().find(fits).map_or(Self::Refused, |(fault, _)| *fault)
    }
}

/// The program that has the database open, taken from the error: ` (/usr/bin/duckdb, pid 7)`.
pub(crate) fn holder(text: &str) -> String {
    let told = |(program, pid)| format!(" ({program}, {})", with_state(&format!("pid {pid}")));
    named(text).map_or_else(String::new, told)
}

/// The process id of that program.
pub(crate) fn pid(text: &str) -> Option<&str> {
    named(text).map(|(_, pid)| pid)
}

fn named(text: &str) -> Option<(&str, &str)> {
    let (program, rest) = text.split_once("lock is held in ")?.1.split_once(" (PID ")?;
    Some((program, rest.split_once(')')?.0))
}

/// The text without its quoted parts. A quoted path or value can contain any words, including those of a pattern.
fn unquoted(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_classified_by_what_can_be_done() {
        let replay = "IO Error: Failure while replaying WAL file \"/d.wal\": ";
        for (text, fault) in [
            ("IO Error: Could not set lock on file \"/d\": Conflicting lock is held in x (PID 7)", Fault::Held),
            (&format!("{replay}Corrupt WAL file: entry at byte position 1 computed checksum 2"), Fault::Log),
            (&format!("{replay}unordered_map::at"), Fault::Log),
            ("INTERNAL Error: Failure while replaying WAL file \"/d.wal\": Invalid WAL entry type!", Fault::Log),
            (&format!("{replay}Corrupt database file: computed checksum 1"), Fault::Damage),
            (&format!("{replay}could not allocate block of size 256.0 KiB"), Fault::Memory),
            ("std::bad_alloc", Fault::Memory),
            (&format!("{replay}Could not read from file \"/d.wal\": Input/output error"), Fault::Machine),
            ("IO Error: The file \"/d\" exists, but it is not a valid DuckDB database file!", Fault::Damage),
            ("IO Error: Could not read enough bytes from file \"/d\": attempted to read 9 bytes", Fault::Damage),
            ("IO Error: Could not read enough bytes from file \"/d.tmp/duckdb_temp_storage-0.tmp\"", Fault::Machine),
            ("IO Error: Trying to read a database file with version number 99, but we can only read", Fault::Refused),
            ("IO Error: Cannot open file \"/d\": Permission denied", Fault::Machine),
            (
                "TransactionContext Error: Failed to commit: Could not write file \"/d.wal\": File too large",
                Fault::Room,
            ),
            ("FATAL Error: Failed to create checkpoint because of error: No space left on device", Fault::Room),
            ("FATAL Error: Failed: database has been invalidated because of a previous fatal error.", Fault::Fatal),
            ("INTERNAL Error: Attempted to access index 3 within vector of size 3", Fault::Fatal),
            ("Constraint Error: NOT NULL constraint failed: t.x", Fault::Refused),
            ("Failed to append: NOT NULL constraint failed: t.x", Fault::Refused),
            ("Failed to append: Corrupt database file: computed checksum 1", Fault::Damage),
            ("Failed to append: Could not write file \"/t\": No space left on device", Fault::Room),
            ("Failed to append: Could not convert string 'Corrupt database file' to INT64", Fault::Refused),
            ("IO Error: Cannot open file \"/srv/Corrupt database file/d\": Permission denied", Fault::Machine),
            ("IO Error: Cannot open file \"/srv/Corrupt database file/d\": Not a directory", Fault::Refused),
            ("Permission Error: Cannot access file \"Could not read enough bytes\" - disabled", Fault::Refused),
            ("Constraint Error: Duplicate key \"k: FATAL Error: Corrupt database file\"", Fault::Refused),
        ] {
            assert_eq!(Fault::of(text), fault, "{text}");
        }
    }
}
