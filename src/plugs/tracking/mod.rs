//! The plug of the processor that finds activity sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | [`report`] | questions to its tables |
//! | [`settings`] | its table of the configuration |
//! | `erased` | people of a site who are kept out |
//! | `commands` | reports and commands of the command line |

mod commands;
mod erased;
pub mod report;
pub mod settings;

pub use settings::Settings;

use crate::config::section::Table;
use crate::plugs::{Plug, Plugged};
use crate::store::migrate::Migration;
use sessionmill_tracking::Tracking;
use std::sync::LazyLock;

pub(in crate::plugs) const NAME: &str = "tracking";

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    persons: Some(erased::PERSONS),
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    ..Plug::new(
        || &*DEFAULT,
        |config, world| {
            let erased = erased::of_run(&world.database)?;
            let settings = config.settings::<Settings>().of_processor();
            let processor = Tracking::new(sessionmill_tracking::Settings { erased, ..settings });
            Ok(Plugged { processor: Box::new(processor), network: None })
        },
    )
};

/// The processor as it is without any configuration.
static DEFAULT: LazyLock<Tracking> = LazyLock::new(Tracking::default);

const MIGRATIONS: [Migration; 1] = [("0029_tracking", include_str!("../../../migrations/0029_tracking.sql"))];
