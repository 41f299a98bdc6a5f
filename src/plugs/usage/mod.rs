//! The plug of the processor that counts tokens and tool calls.
//!
//! | module | noun |
//! | --- | --- |
//! | [`report`] | queries on its tables |
//! | `sums` | pre-aggregated responses and calls, kept up to date |
//! | `costs` | tables of prices and repositories, for SQL |
//! | `commands` | reports and commands of the command line |
//! | `api` | calls of the HTTP API |

#[cfg(feature = "console")]
mod api;
mod commands;
mod costs;
pub mod report;
pub(in crate::plugs) mod repositories;
pub(in crate::plugs) mod sums;

use crate::plug::{Plug, Plugged};
use crate::plugs::daily;
use crate::store::migrations::Migration;
use sessionmill_usage::Usage;

/// The plug.
pub static PLUG: Plug = Plug {
    migrations: &MIGRATIONS,
    views: include_str!("views.sql"),
    private: &[sums::PRIVATE],
    interval: Some("SCHEDULER_USAGE_PROCESSOR_INTERVAL"),
    concerns: daily::budget::concerns,
    measures: daily::measures::measures,
    lookups: costs::lookups,
    reports: &commands::REPORTS,
    commands: &commands::COMMANDS,
    #[cfg(feature = "console")]
    calls: &api::CALLS,
    ..Plug::new(|| &Usage, |_, _| Ok(Plugged { processor: Box::new(Usage), network: None }))
};

const MIGRATIONS: [Migration; 16] = [
    ("0002_usage", include_str!("../../../migrations/0002_usage.sql")),
    ("0007_agents", include_str!("../../../migrations/0007_agents.sql")),
    ("0009_reasoning", include_str!("../../../migrations/0009_reasoning.sql")),
    ("0011_whereabouts", include_str!("../../../migrations/0011_whereabouts.sql")),
    ("0017_call_keys", include_str!("../../../migrations/0017_call_keys.sql")),
    ("0018_terms", include_str!("../../../migrations/0018_terms.sql")),
    ("0019_declined", include_str!("../../../migrations/0019_declined.sql")),
    ("0031_costs", include_str!("../../../migrations/0031_costs.sql")),
    ("0035_outcomes", include_str!("../../../migrations/0035_outcomes.sql")),
    ("0036_projects", include_str!("../../../migrations/0036_projects.sql")),
    ("0038_clones", include_str!("../../../migrations/0038_clones.sql")),
    ("0039_remotes", include_str!("../../../migrations/0039_remotes.sql")),
    ("0040_alone", include_str!("../../../migrations/0040_alone.sql")),
    ("0049_sums", include_str!("../../../migrations/0049_sums.sql")),
    ("0050_wide_costs", include_str!("../../../migrations/0050_wide_costs.sql")),
    ("0052_retried_calls", include_str!("../../../migrations/0052_retried_calls.sql")),
];
