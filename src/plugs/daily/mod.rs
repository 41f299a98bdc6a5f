//! Commands for every day: the start page, budgets, the digest, and the live view. They read the tables of several
//! processors.
//!
//! | module | noun |
//! | --- | --- |
//! | [`budget`] | the state of each budget in a month |
//! | `budgets` | `report budgets` |
//! | `digest` | the digest of some days |
//! | `letter` | `digest`, as text, as a page, or as JSON |
//! | `measures` | metrics for monitoring |
//! | `overview` | the start page |
//! | `top`, `now` | the live view, and what it shows |

pub mod budget;
mod budgets;
mod digest;
mod letter;
pub(super) mod measures;
mod now;
mod overview;
mod top;

use crate::plug::command::{Command, parsed};
use clap::Args as _;

pub(super) const BUDGETS: Command = Command {
    name: "budgets",
    arguments: budgets::Args::augment_args,
    run: |matches, context| budgets::budgets(&parsed(matches)?, context),
};

pub(super) const DIGEST: Command = Command {
    name: "digest",
    arguments: letter::Args::augment_args,
    run: |matches, context| letter::digest(&parsed(matches)?, context),
};

pub(super) const TOP: Command = Command {
    name: "top",
    arguments: top::Args::augment_args,
    run: |matches, context| top::top(&parsed(matches)?, context),
};

pub(super) const OVERVIEW: Command = Command {
    name: "overview",
    arguments: overview::Args::augment_args,
    run: |matches, context| overview::overview(&parsed(matches)?, context),
};
