//! The pages: log-in, the user's own login sessions and tokens, and the audit log.
//!
//! They consist of forms and tables, without scripts. All values are escaped when they are written.

mod account;
mod audit;
pub(super) mod frame;
mod login;

use super::app::App;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    let style = async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("console.css"));
    Router::new()
        .route("/assets/console.css", get(style))
        .merge(login::routes())
        .merge(account::routes())
        .merge(audit::routes())
}
