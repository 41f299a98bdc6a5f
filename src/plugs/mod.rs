//! The processors of the program: an explicit list with one [`Plug`] for each.
//!
//! To add a processor, write its crate, a migration, and a plug in a new folder here, and add it to [`PLUGS`]. The rest
//! of the program takes the list as an argument and names no processor.
//!
//! | module | noun |
//! | --- | --- |
//! | [`daily`] | the start page, budgets and the digest, from several processors |
//! | [`tasks`] | task sessions: their settings, reports and commands |
//! | [`tracking`] | activity sessions of web events and of work with agents |
//! | [`usage`] | tokens and tool calls: its reports and commands |
//! | [`verification`] | knowledge: its settings, its language model, its reports and commands |
//!
//! [`Plug`]: crate::plug::Plug

pub mod daily;
pub mod tasks;
pub mod tracking;
pub mod usage;
pub mod verification;

use crate::plug::Plugs;

/// The processors of this program. To add one, add it here.
pub const PLUGS: Plugs = Plugs(&[&usage::PLUG, &verification::PLUG, &tasks::PLUG, &tracking::PLUG]);
