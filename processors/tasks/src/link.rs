//! What ties tasks of one short id together: some are held, others release them.

use chrono::{DateTime, Utc};
use sessionmill_contract::table;

table! {
    /// tasks that are held, and ends of tasks that release them
    pub static LINKS: Table = "task_links", Hidden;

    /// A held task, or an end that releases such. `task_type` is the type that releases; `moment` is when the held task was
    /// created, or when it is released; `ended_at` is when the held task ended.
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

/// What a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A task that has ended and is held.
    Held,
    /// A completed event of a task that releases others.
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
