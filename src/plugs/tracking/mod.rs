//! The plug of the processor that finds activity sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | [`settings`] | its table of the configuration |

pub mod settings;

pub use settings::Settings;

use crate::config::section::Table;
use crate::plugs::{Plug, Plugged};
use crate::store::migrate::Migration;
use sessionmill_tracking::Tracking;
use std::sync::LazyLock;

const NAME: &str = "tracking";

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    table: Some(Table::of::<Settings>(NAME)),
    ..Plug::new(
        || &*DEFAULT,
        |config, _| {
            let processor = Tracking::new(config.settings::<Settings>().of_processor());
            Ok(Plugged { processor: Box::new(processor), network: None })
        },
    )
};

/// The processor as it is without any configuration.
static DEFAULT: LazyLock<Tracking> = LazyLock::new(Tracking::default);

const MIGRATIONS: [Migration; 1] = [("0029_tracking", include_str!("../../../migrations/0029_tracking.sql"))];
