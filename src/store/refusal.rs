//! Turns DuckDB's errors into messages for users.

use crate::base::error::{Error, Status};
use crate::base::fault::{self, Fault};
use crate::store::question::TABLES_ONLY;

/// The words of DuckDB about a failed statement. If they could quote data, only the kind of the error is kept.
pub(super) fn words(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix(fault::APPENDER).unwrap_or(first);
    let kind = first.split_once(": ").map_or(first, |(kind, _)| kind);
    match kind {
        // The message names only a table and a column.
        "NOT NULL constraint failed" => first.to_owned(),
        "IO Error" | "Catalog Error" | "Out of Memory Error" | "Binder Error" | "Parser Error" => text.to_owned(),
        _ if kind.ends_with("Error") => kind.to_lowercase(),
        _ => "database error".to_owned(),
    }
}

impl Error {
    /// The error of a statement written by a user. DuckDB's message is then about the statement, not about the state of
    /// the database.
    pub(crate) fn of_statement(text: &str) -> Self {
        let error = Self::new(Status::CannotRun, format!("the database refused: {}", words(text)));
        let is_short = ["Out of Memory", "out of memory", "bad allocation", "bad_alloc", "max_temp_directory_size"];
        match text {
            _ if is_short.iter().any(|words| text.contains(words)) => error.hint(SHORT),
            _ if text.starts_with("Permission Error") => error.hint(TABLES_ONLY),
            _ => error.hint(TABLES),
        }
    }
}

/// The hint for a statement that may name what is not there.
const TABLES: &str = "`SHOW TABLES` lists the tables, `DESCRIBE name` the columns of one";

/// The hint for a statement that needs more memory or temporary space than a query may use.
const SHORT: &str =
    "it needs more memory or temporary room than a query may use: ask for less, or for a part at a time";

impl From<duckdb::Error> for Error {
    fn from(error: duckdb::Error) -> Self {
        let text = error.to_string();
        let fault = Fault::of(&text);
        let (message, hint) = match fault {
            Fault::Room => ("there is no room to write the database".to_owned(), Some(GO_ON)),
            Fault::Fatal => (format!("the database broke down: {}", words(&text)), Some(GO_ON)),
            Fault::Damage | Fault::Log => (format!("the database is damaged: {}", words(&text)), Some(REPAIR)),
            _ => (format!("the database refused: {}", words(&text)), None),
        };
        Self { hint: hint.map(str::to_owned), fault: Some(fault), ..Self::new(Status::CannotRun, message) }
    }
}

const GO_ON: &str = "what was committed is kept; the next `sessionmill run` goes on from there";
/// The hint for a damaged database.
pub(super) const REPAIR: &str = "`sessionmill run` moves aside what is damaged and reads the transcripts again";
