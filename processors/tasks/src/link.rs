//! Links between tasks with the same short id: some are held, others release them.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// tasks that are held, and ends of tasks that release them
    pub static LINKS: Table = "task_links", Hidden;

    /// A held task, or an end that releases held tasks. `task_type` is the releasing type. `moment` is the creation of
    /// the held task, or the time of the release. `ended_at` is the end of the held task.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LinkRow<'a> {
        task_id: &'a str,
        short_id: &'a str,
        kind: &'a str,
        task_type: &'a str,
        moment: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
    }
}

/// The kind of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task that has ended and is held.
    Held,
    /// A completion event of a task that releases others.
    Release,
}

impl Kind {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Release => "release",
        }
    }
}
