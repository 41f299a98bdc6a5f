//! What an error of DuckDB says about the database, as far as somebody can act on it.
//!
//! DuckDB distinguishes its kinds of errors by words only, so this is the one place that reads them. The
//! words are those of version 1.5.6.

use crate::base::holder::with_state;

/// What an error says about the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Another process has the database open.
    Held,
    /// There is no room to write.
    Room,
    /// The machine is in the way: permissions, a device, the limits of the process.
    Machine,
    /// More memory is needed than the database may use.
    Memory,
    /// The log cannot be replayed. The database file is what it was at the last checkpoint.
    Log,
    /// The database file is not what was written.
    Damage,
    /// The instance cannot be used any more, and nothing that it says can be relied on.
    Fatal,
    /// A commit failed: what it was about is kept or not, and only opening the database again shows which.
    Unsure,
    /// The statement or its rows.
    Refused,
}

/// From the strongest to the weakest: the first that fits is meant. A log that cannot be replayed for
/// want of memory is no damaged log, and a checkpoint that fails at a damaged page is damage.
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
    (Fault::Memory, &["Out of Memory Error", "could not allocate block", "failed to pin block"]),
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

/// Kinds of errors that are about a statement or its rows, whatever they quote: a message may hold what
/// somebody wrote into a transcript, and that must not pass for damage.
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

/// In front of what an appender says.
pub(crate) const APPENDER: &str = "Failed to append: ";

impl Fault {
    /// Of an error's text.
    pub(crate) fn of(text: &str) -> Self {
        let text = text.strip_prefix(APPENDER).unwrap_or(text);
        let kind = text.split_once(": ").map(|(kind, _)| kind).filter(|kind| kind.ends_with("Error"));
        if kind.is_some_and(|kind| ABOUT_ROWS.contains(&kind)) {
            return Self::Refused;
        }
        // Errors of an appender come without their kind: what they quote stands further on.
        let strict = |fault| kind.is_none() && matches!(fault, Self::Damage | Self::Log);
        let plain = unquoted(text);
        // A file of DuckDB's own is recognised by its name, which stands in quotes.
        let said =
            |words: &str| if words.starts_with("duckdb_temp_") { text.contains(words) } else { plain.contains(words) };
        let fits = |(fault, words): &&(Fault, &[&str])| {
            words.iter().any(|words| if strict(*fault) { text.starts_with(words) } else { said(words) })
        };
        WORDS.iter().find(fits).map_or(Self::Refused, |(fault, _)| *fault)
    }
}

/// The program that has the database open, as DuckDB names it: ` (/usr/bin/duckdb, pid 7)`.
pub(crate) fn holder(text: &str) -> String {
    let told = |(program, pid)| format!(" ({program}, {})", with_state(&format!("pid {pid}")));
    named(text).map_or_else(String::new, told)
}

/// Its process.
pub(crate) fn pid(text: &str) -> Option<&str> {
    named(text).map(|(_, pid)| pid)
}

fn named(text: &str) -> Option<(&str, &str)> {
    let (program, rest) = text.split_once("lock is held in ")?.1.split_once(" (PID ")?;
    Some((program, rest.split_once(')')?.0))
}

/// A message without what it quotes. A path or a value can have any words in it, also those that mean damage.
fn unquoted(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_can_be_done() {
        let replay = "IO Error: Failure while replaying WAL file \"/d.wal\": ";
        for (text, fault) in [
            ("IO Error: Could not set lock on file \"/d\": Conflicting lock is held in x (PID 7)", Fault::Held),
            (&format!("{replay}Corrupt WAL file: entry at byte position 1 computed checksum 2"), Fault::Log),
            (&format!("{replay}unordered_map::at"), Fault::Log),
            ("INTERNAL Error: Failure while replaying WAL file \"/d.wal\": Invalid WAL entry type!", Fault::Log),
            (&format!("{replay}Corrupt database file: computed checksum 1"), Fault::Damage),
            (&format!("{replay}could not allocate block of size 256.0 KiB"), Fault::Memory),
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
