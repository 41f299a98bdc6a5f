//! `sessionmill knowledge approve|reject|merge|split`: the decisions of curators.

use crate::base::error::{Result, Status};
use crate::command::{Database, remark};
use crate::plug::Context;
use crate::plug::Review;
use crate::plugs::verification::review;
use sessionmill_verification::review::Action;

#[derive(Debug, clap::Args)]
pub(super) struct Items {
    /// Ids, as `list` and `show` print them, or the beginnings of ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// Name of the person who decides [default: the user who runs the command]
    #[arg(long, value_name = "NAME", value_parser = super::name)]
    by: Option<String>,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    #[command(flatten)]
    pub(super) items: Items,

    /// The item that says the same
    #[arg(long, value_name = "ID")]
    pub(super) into: String,
}

/// Applies a decision to all of the items, or to none if one of them is invalid.
pub(super) fn decide(items: &Items, action: Action, into: Option<&str>, context: &Context) -> Result<Status> {
    let (_, database) = items.database.find(context)?;
    let review = Review {
        action: action.name().to_owned(),
        ids: items.ids.clone(),
        into: into.map(str::to_owned),
        by: items.by.clone().unwrap_or_else(|| context.environment.login.clone()),
    };
    for note in review::decide(&review, &context.resources(&database))? {
        remark(&note);
    }
    Ok(Status::Done)
}
