//! The plug of the processor that tracks tasks: which are active, orphaned, or done.
//!
//! | module | noun |
//! | --- | --- |
//! | [`settings`] | its table of the configuration |
//! | [`reserved`] | short ids that have another meaning |
//! | `line` | a line that records what happened to a task |
//! | `tombstone` | decisions that hide tasks |
//! | [`report`] | queries on its tables |
//! | `commands` | reports and commands of the command line |
//! | `api` | calls of the HTTP API |

#[cfg(feature = "console")]
mod api;
mod commands;
mod line;
pub mod report;
pub mod reserved;
pub mod settings;
mod tombstone;

use crate::config::Config;
use crate::config::section::Table;
use crate::plug::{Obstacle, Plug, Plugged, Resources};
use crate::store::migrations::Migration;
use sessionmill_tasks::{NAME, Policy, Tasks};
use settings::Settings;
use std::sync::LazyLock;

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    #[cfg(feature = "console")]
    calls: &api::CALLS,
    #[cfg(feature = "console")]
    task_events: Some(api::events_of),
    #[cfg(feature = "console")]
    held_tasks: Some(api::held),
    remove: Some(tombstone::hide),
    unlisted,
    remark: |config, _, reader, summary| reserved::remarks(config, reader, summary),
    ..Plug::new(|| &*BY_DEFAULT, make)
};

/// The processor with the default policy.
static BY_DEFAULT: LazyLock<Tasks> = LazyLock::new(Tasks::default);

const MIGRATIONS: [Migration; 5] = [
    ("0028_tasks", include_str!("../../../migrations/0028_tasks.sql")),
    ("0033_task_names", include_str!("../../../migrations/0033_task_names.sql")),
    ("0042_tracked_tasks", include_str!("../../../migrations/0042_tracked_tasks.sql")),
    ("0054_task_durations", include_str!("../../../migrations/0054_task_durations.sql")),
    ("0057_task_releases", include_str!("../../../migrations/0057_task_releases.sql")),
];

/// Why the default settings leave a task out of all lists.
fn unlisted(short_id: Option<&str>, task_type: Option<&str>) -> Option<String> {
    if short_id.is_none() {
        return Some("none of its lines has a short id".to_owned());
    }
    let excluded = task_type.filter(|task_type| Policy::default().excludes(task_type))?;
    Some(format!("its type `{excluded}` is `excluded` by default"))
}

fn make(config: &Config, _: &Resources) -> Result<Plugged, Obstacle> {
    let policy = config.settings::<Settings>().policy();
    Ok(Plugged { processor: Box::new(Tasks::new(policy)), network: None })
}
