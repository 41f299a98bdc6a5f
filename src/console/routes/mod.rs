//! The paths of the API and of the pages, one file per family of calls.
//!
//! | module | calls |
//! | --- | --- |
//! | [`auth`] | log-in, login sessions, tokens |
//! | [`audit`] | the audit log |
//! | [`calls`] | queries that the processors declare |
//! | [`events`] | events that programs send |
//! | [`health`] | whether the console and its stores work |
//! | [`knowledge`] | decisions about knowledge |
//! | [`lists`] | runs, files, failures |
//! | [`openapi`] | the description of the API |
//! | [`paging`] | which page of a list is requested |
//! | [`pipeline`] | processors, requests for runs, retries |

mod audit;
mod auth;
mod calls;
mod events;
mod health;
mod knowledge;
mod lists;
mod openapi;
mod paging;
mod pipeline;

use super::app::App;
use super::gate::gate;
use super::pages;
use super::problem::Problem;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, body::Bytes};
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

pub(super) use audit::Entries;
pub(super) use auth::{FORGET, SessionView, TOKEN_LIFE, TokenView};
pub(super) use openapi::BASE;
pub(super) use paging::Paging;

/// The most bytes of a request, except for those that append events.
const BODY: usize = 64 << 10;

/// The most bytes of a request to a path.
pub(super) fn body_limit(path: &str) -> usize {
    if path.strip_prefix(BASE) == Some(events::PATH) { events::BODY } else { BODY }
}

/// All paths, with the gate in front.
pub(super) fn router(app: Arc<App>) -> Router {
    let api = [
        audit::routes(),
        auth::routes(),
        calls::routes(&app),
        events::routes(),
        health::routes(),
        knowledge::routes(),
        lists::routes(),
        openapi::routes(),
        pipeline::routes(),
    ];
    Router::new()
        .nest(BASE, api.into_iter().fold(Router::new(), Router::merge))
        .merge(pipeline::older())
        // Also without the base of the API, where health probes look.
        .merge(health::routes())
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

/// Parses a JSON body. The error does not quote the body.
fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("the body is not the JSON that is expected, at line {}", error.line());
        Problem::bad_request(format!("{place}, column {}", error.column()))
    })
}
