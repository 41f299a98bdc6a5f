//! Reports of activity, and the commands about it.
//!
//! | module | noun |
//! | --- | --- |
//! | [`activity`] | `report activity` |
//! | [`timeline`] | everything that somebody did, in one order |

mod activity;
mod timeline;

use crate::plugs::command::{Command, parsed};
use clap::Args as _;

pub(super) const REPORTS: [Command; 1] = [Command {
    name: "activity",
    arguments: activity::Args::augment_args,
    run: |matches, context| activity::activity(&parsed(matches)?, context),
}];

pub(super) const COMMANDS: [Command; 1] = [Command {
    name: "timeline",
    // Whose timeline it is, is no choice among others.
    arguments: |command| timeline::Args::augment_args(command).mut_arg("user", |user| user.hide(true)),
    run: |matches, context| timeline::timeline(&parsed(matches)?, context),
}];
