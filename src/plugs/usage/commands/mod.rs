//! Reports of usage, and commands that are shortcuts for them.
//!
//! | module | noun |
//! | --- | --- |
//! | [`report`] | `report`, and `report usage` |
//! | [`sessions`], [`errors`], [`outcomes`], [`html`] | the other reports |
//! | [`session`] | one session step by step |
//! | [`scope`] | flags that they share |

mod errors;
mod html;
mod outcomes;
mod report;
mod scope;
mod session;
mod sessions;

use crate::base::error::{Result, Status};
use crate::plug::Context;
use crate::plug::command::{Command, parsed};
use crate::plugs::daily;
use crate::plugs::usage::report::by::By;
use clap::{ArgMatches, Args as _};
use sessionmill_usage::NAME;

pub(super) const REPORTS: [Command; 6] = [
    Command {
        name: NAME,
        arguments: report::Usage::augment_args,
        run: |matches, context| report::usage(&parsed(matches)?, context),
    },
    Command {
        name: "sessions",
        arguments: sessions::Args::augment_args,
        run: |matches, context| sessions::sessions(&parsed(matches)?, context),
    },
    Command {
        name: "errors",
        arguments: errors::Args::augment_args,
        run: |matches, context| errors::errors(&parsed(matches)?, context),
    },
    Command {
        name: "outcomes",
        arguments: outcomes::Args::augment_args,
        run: |matches, context| outcomes::outcomes(&parsed(matches)?, context),
    },
    Command {
        name: "html",
        arguments: html::Args::augment_args,
        run: |matches, context| html::html(&parsed(matches)?, context),
    },
    daily::BUDGETS,
];

pub(super) const COMMANDS: [Command; 8] = [
    daily::OVERVIEW,
    Command {
        name: "report",
        arguments: report::Args::augment_args,
        run: |matches, context| report::any(&parsed(matches)?, context),
    },
    Command {
        name: "daily",
        arguments: |command| short(command, "Usage by day: short for `report --by day`"),
        run: |matches, context| by(By::Day, matches, context),
    },
    Command {
        name: "weekly",
        arguments: |command| short(command, "Usage by week: short for `report --by week`"),
        run: |matches, context| by(By::Week, matches, context),
    },
    Command {
        name: "monthly",
        arguments: |command| short(command, "Usage by month: short for `report --by month`"),
        run: |matches, context| by(By::Month, matches, context),
    },
    Command {
        name: "session",
        arguments: session::Args::augment_args,
        run: |matches, context| session::session(&parsed(matches)?, context),
    },
    daily::DIGEST,
    daily::TOP,
];

fn short(command: clap::Command, about: &'static str) -> clap::Command {
    report::Options::augment_args(command).about(about).long_about(None::<&str>)
}

fn by(by: By, matches: &ArgMatches, context: &Context) -> Result<Status> {
    report::report(&[by], &parsed(matches)?, context)
}
