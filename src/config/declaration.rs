//! What a processor declares for the configuration. The configuration itself knows no processor by name.

use crate::config::section::Table;
use std::time::Duration;

/// The configuration of one processor.
#[derive(Clone, Copy)]
pub struct Declaration {
    /// The name of the processor and its key in `[schedule]`.
    pub name: &'static str,
    /// How often the processor runs by default.
    pub cadence: Duration,
    /// The processor's own table, if it has settings.
    pub table: Option<Table>,
    /// The variable of the older Python service that sets the interval, in seconds.
    pub interval: Option<&'static str>,
}
