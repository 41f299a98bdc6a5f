//! The plug of the processor that keeps track of tasks: what runs, what is stuck, what is done.
//!
//! | module | noun |
//! | --- | --- |
//! | [`settings`] | its table of the configuration |
//! | [`reserved`] | short ids that mean something else |
//! | `line` | a line that says what happened to a task |
//! | [`report`] | questions to its tables |
//! | `commands` | reports and commands of the command line |

mod commands;
mod line;
pub mod report;
pub mod reserved;
pub mod settings;

pub use settings::Settings;

use crate::config::Config;
use crate::config::section::Table;
use crate::plugs::{Obstacle, Plug, Plugged, World};
use crate::store::migrate::Migration;
use sessionmill_tasks::Tasks;
use std::sync::LazyLock;

pub(in crate::plugs) const NAME: &str = "tasks";

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    remark: |config, database, summary| reserved::warn(config, database, summary),
    ..Plug::new(|| &*BY_DEFAULT, make)
};

/// The processor with the default policy.
static BY_DEFAULT: LazyLock<Tasks> = LazyLock::new(Tasks::default);

const MIGRATIONS: [Migration; 1] = [("0028_tasks", include_str!("../../../migrations/0028_tasks.sql"))];

fn make(config: &Config, _: &World) -> Result<Plugged, Obstacle> {
    let policy = config.settings::<Settings>().policy();
    Ok(Plugged { processor: Box::new(Tasks::new(policy)), network: None })
}
