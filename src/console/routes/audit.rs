//! The audit log. Admins see all of it; other users see what they did and who read their content.

use super::paging::Paging;
use crate::console::accounts::audit::Written;
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::problem::{Problem, ProblemDocument};
use crate::plug::call::Page;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/audit", get(audit))
}

/// Entries, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::console) struct Entries {
    pub(in crate::console) entries: Vec<Written>,
    /// On all pages.
    pub(in crate::console) total: u64,
    /// None on the last page.
    pub(in crate::console) next_cursor: Option<String>,
}

/// The audit log, the newest entries first.
#[utoipa::path(get, path = "/audit", operation_id = "audit", tag = "auth", params(Paging),
    responses((status = 200, body = Entries), (status = 400, body = ProblemDocument), (status = 401, body = ProblemDocument)))]
pub(super) async fn audit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Entries>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(app.entries(&caller, paging.page()?).await?))
}

impl App {
    /// The entries that a caller may see. A page is given by the id below which it begins, so new entries do not shift
    /// it.
    pub(in crate::console) async fn entries(&self, caller: &Caller, page: Page) -> Result<Entries, Problem> {
        let sees_all = caller.is_owner || caller.user.role == Role::Admin;
        let of = (!sees_all).then_some(&caller.user);
        let before = page.from.and_then(|from| i64::try_from(from).ok());
        // One more than the page holds: whether there is a next page.
        let (mut entries, total) = self.accounts.audit(of, before, page.limit + 1, self.micros()).await?;
        let has_more = entries.len() > page.limit as usize;
        entries.truncate(page.limit as usize);
        let last = entries.last().filter(|_| has_more);
        let next_cursor = last.and_then(|last| u64::try_from(last.id).ok()).map(Page::cursor);
        Ok(Entries { entries, total, next_cursor })
    }
}
