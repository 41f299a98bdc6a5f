//! Reports and commands about activity.
//!
//! | module | noun |
//! | --- | --- |
//! | [`activity`] | `report activity` |
//! | [`replay`] | the recording of a session |
//! | [`timeline`] | everything that a person did, in order of time |

mod activity;
mod replay;
mod timeline;

use crate::plug::command::{Command, parsed};
use clap::Args as _;

pub(super) const REPORTS: [Command; 1] = [Command {
    name: "activity",
    arguments: activity::Args::augment_args,
    run: |matches, context| activity::activity(&parsed(matches)?, context),
}];

pub(super) const COMMANDS: [Command; 2] = [REPLAY, TIMELINE];

const REPLAY: Command = Command {
    name: "replay",
    arguments: replay::Args::augment_args,
    run: |matches, context| replay::replay(&parsed(matches)?, context),
};

const TIMELINE: Command = Command {
    name: "timeline",
    // The user is a positional argument, so the flag is hidden.
    arguments: |command| timeline::Args::augment_args(command).mut_arg("user", |user| user.hide(true)),
    run: |matches, context| timeline::timeline(&parsed(matches)?, context),
};
