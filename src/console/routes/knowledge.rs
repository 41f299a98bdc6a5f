//! Decisions of curators about items of knowledge.

use super::body::json;
use super::pipeline::requested;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::problem::{Problem, ProblemDocument};
use crate::service::order::{Args, Command, Order};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::post;
use serde::Deserialize;
use std::sync::Arc;

/// The possible decisions.
const DECISIONS: [&str; 4] = ["approve", "reject", "merge", "split"];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/knowledge/{id}/{decision}", post(decide))
}

#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// The item to merge into.
    into: Option<String>,
}

/// Decide about an item: approve, reject, merge (into another one) or split.
#[utoipa::path(post, path = "/knowledge/{id}/{decision}", operation_id = "decide", tag = "knowledge",
    params(("id" = String, Path), ("decision" = String, Path)), request_body = Option<Decision>,
    responses((status = 200, body = super::pipeline::Requested), (status = 202, body = super::pipeline::Requested),
        (status = 400, body = ProblemDocument), (status = 403, body = ProblemDocument),
        (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument)))]
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, decision)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    caller.require_role(&[Role::Curator])?;
    if !DECISIONS.contains(&&*decision) {
        return Err(Problem::not_found());
    }
    let Decision { into } = if body.is_empty() { Decision::default() } else { json(&body)? };
    // One processor takes decisions about its results.
    let found = app.plugs.iter().find_map(|plug| Some((plug, plug.review?)));
    let (plug, decisions) = found.ok_or_else(Problem::not_found)?;
    let whole = async |id: String| {
        let found = app.read(move |reader| (decisions.find)(reader, &id)).await?;
        found.ok_or_else(Problem::not_found)
    };
    let id = whole(id).await?;
    let into = match into {
        Some(into) => Some(whole(into).await?),
        None => None,
    };
    let args = Args {
        action: Some(decision.clone()),
        ids: Some(vec![id.clone()]),
        into: into.clone(),
        by: Some(caller.user.name.clone()),
        ..Args::default()
    };
    let order = Order { command: Command::Review, processor: Some(plug.name().to_owned()), args, ..Order::default() };
    let asked = app.ask(order).await?;
    app.note(&caller, &format!("knowledge.{decision}"), Some(&id), into.as_deref()).await?;
    Ok(requested(asked))
}
