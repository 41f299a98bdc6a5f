//! All paths of the console: those of the API and of the pages, with the gate in front.

use super::app::App;
use super::gate::gate;
use super::paths::{BASE, BODY};
use super::problem::Problem;
use super::{pages, routes};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// All paths, with the gate in front.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .nest(BASE, routes::routes(&app))
        .merge(routes::outside())
        .merge(pages::routes())
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is no such path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the path has no such method")
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(CatchPanicLayer::custom(broken))
        .layer(from_fn_with_state(Arc::clone(&app), gate))
        .with_state(app)
}

/// The answer if a handler panicked.
fn broken(_: Box<dyn Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed because of a bug").into_response()
}
