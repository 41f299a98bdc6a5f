//! What a processor declares for the configuration, which knows no processor by name.

use crate::config::section::Table;
use std::time::Duration;

/// The part of the configuration that is about one processor.
#[derive(Clone, Copy)]
pub struct Declaration {
    /// Its name, which is its key in `[schedule]`.
    pub name: &'static str,
    /// How often it runs where nobody says otherwise.
    pub cadence: Duration,
    /// Its table.
    pub table: Option<Table>,
    /// The variable of the older Python service that sets its schedule, in seconds.
    pub interval: Option<&'static str>,
}
