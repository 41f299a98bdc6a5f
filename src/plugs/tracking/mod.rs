//! The plug of the processor that finds activity sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | [`report`] | queries on its tables |
//! | [`settings`] | its table of the configuration |
//! | `erased` | visitors of a site who are kept out |
//! | `geo` | the file that maps network addresses to places |
//! | `commands` | reports and commands of the command line |
//! | `api` | calls of the HTTP API |

#[cfg(feature = "console")]
mod api;
mod commands;
mod erased;
mod geo;
pub mod report;
pub mod settings;

use crate::config::section::Table;
use crate::plug::{Obstacle, Plug, Plugged};
use crate::store::migrations::Migration;
use sessionmill_tracking::{NAME, Tracking};
use settings::Settings;
use std::sync::LazyLock;

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    persons: Some(erased::PERSONS),
    check: geo::check,
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    #[cfg(feature = "console")]
    calls: &api::CALLS,
    ..Plug::new(
        || &*DEFAULT,
        |config, resources| {
            let erased = erased::of_run(&resources.database)?;
            let settings = config.settings::<Settings>().of_processor();
            let places = geo::of(config).map_err(|reason| Obstacle::Disabled { reason, is_local: false })?;
            let processor = Tracking::new(sessionmill_tracking::Settings { erased, ..settings }, places);
            Ok(Plugged { processor: Box::new(processor), network: None })
        },
    )
};

/// The processor without configuration.
static DEFAULT: LazyLock<Tracking> = LazyLock::new(Tracking::default);

const MIGRATIONS: [Migration; 5] = [
    ("0029_tracking", include_str!("../../../migrations/0029_tracking.sql")),
    ("0032_members", include_str!("../../../migrations/0032_members.sql")),
    ("0041_activity_usage", include_str!("../../../migrations/0041_activity_usage.sql")),
    ("0053_linked_ids", include_str!("../../../migrations/0053_linked_ids.sql")),
    ("0056_content_ids", include_str!("../../../migrations/0056_content_ids.sql")),
];
