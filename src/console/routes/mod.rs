//! The calls of the API, one file per family.
//!
//! | module | calls |
//! | --- | --- |
//! | [`auth`] | log-in, login sessions, tokens |
//! | [`audit`] | the audit log |
//! | [`body`] | the JSON body of a request |
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
mod body;
mod calls;
mod events;
mod health;
mod knowledge;
mod lists;
mod openapi;
mod paging;
mod pipeline;

use super::app::App;
use axum::Router;
use std::sync::Arc;

pub(super) use audit::Entries;
pub(super) use auth::{FORGET, SessionView, TOKEN_LIFE, TokenView};
pub(super) use paging::Paging;

/// All calls, below the base of the API.
pub(super) fn routes(app: &App) -> Router<Arc<App>> {
    let api = [
        audit::routes(),
        auth::routes(),
        calls::routes(app),
        events::routes(),
        health::routes(),
        knowledge::routes(),
        lists::routes(),
        openapi::routes(),
        pipeline::routes(),
    ];
    api.into_iter().fold(Router::new(), Router::merge)
}

/// Calls outside of the base of the API: where health probes look, and the path that an older program used.
pub(super) fn outside() -> Router<Arc<App>> {
    pipeline::older().merge(health::routes())
}
