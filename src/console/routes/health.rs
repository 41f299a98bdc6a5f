//! Whether the console runs, and whether it can work.

use crate::console::app::App;
use crate::console::problem::Problem;
use crate::store::snapshot::Snapshot;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

/// The console is healthy.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Healthy {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the process answers. Does not use the store; needs no log-in.
#[utoipa::path(get, path = "/health/live", operation_id = "live", tag = "health", security(()),
    responses((status = 200, body = Healthy)))]
pub(super) async fn live() -> axum::Json<Healthy> {
    axum::Json(Healthy { status: "ok" })
}

/// Whether the account store answers and the database can be read. Needs no log-in.
#[utoipa::path(get, path = "/health/ready", operation_id = "ready", tag = "health", security(()),
    responses((status = 200, body = Healthy), (status = 503, body = crate::console::problem::ProblemDocument)))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<axum::Json<Healthy>, Problem> {
    app.accounts.probe(app.micros()).await?;
    if !app.database.exists() && Snapshot::newest(&app.database).is_none() {
        return Err(Problem::unavailable("there is no database yet"));
    }
    // A database of an older or newer program is there, but cannot be read.
    app.read(|_| Ok(())).await?;
    Ok(axum::Json(Healthy { status: "ok" }))
}
