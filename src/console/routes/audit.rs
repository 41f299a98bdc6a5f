//! The audit log: all of it for admins, for everybody else what they did and what was read of theirs.

use crate::console::accounts::audit::Written;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::problem::{Problem, ProblemDocument};
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/audit", get(audit))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Entries, 100 unless it is said, 500 at most.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
}

/// Entries, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Entries {
    entries: Vec<Written>,
    /// None on the last page.
    next_cursor: Option<i64>,
}

/// The audit log, the newest entries first.
#[utoipa::path(get, path = "/audit", operation_id = "audit", tag = "auth", params(Page),
    responses((status = 200, body = Entries), (status = 401, body = ProblemDocument)))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Entries>, Problem> {
    caller.require(Scope::Read)?;
    let limit = page.limit.unwrap_or(100).clamp(1, 500);
    let entries = app.entries(&caller, page.cursor, limit).await?;
    let is_full = entries.len() as u64 >= u64::from(limit);
    let next_cursor = entries.last().filter(|_| is_full).map(|entry| entry.id);
    Ok(Json(Entries { entries, next_cursor }))
}

impl App {
    /// The entries that somebody may see.
    pub(crate) async fn entries(
        &self,
        caller: &Caller,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Written>, Problem> {
        let sees_all = caller.is_owner || caller.user.role == Role::Admin;
        let of = (!sees_all).then_some(&*caller.user.name);
        Ok(self.accounts.audit(of, before, limit, self.micros()).await?)
    }
}
