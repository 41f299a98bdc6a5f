//! The page of the audit log.

use super::{Failure, Visitor, page};
use crate::console::app::App;
use crate::console::routes::text;
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::html;
use serde::Deserialize;
use std::sync::Arc;

/// Entries of a page.
const ENTRIES: u32 = 100;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/audit", get(show))
}

#[derive(Deserialize)]
struct Page {
    before: Option<i64>,
}

async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Query(asked): Query<Page>,
) -> Result<Response, Failure> {
    let entries = app.entries(&caller, asked.before, ENTRIES).await?;
    let before = entries.last().filter(|_| entries.len() >= ENTRIES as usize).map(|entry| entry.id);
    let body = html! {
        @if entries.is_empty() { p { "Nothing." } } @else {
            div.scroll { table {
                thead { tr { th { "Time" } th { "Who" } th { "What" } th { "Of" } th { "Detail" } th { "Address" } } }
                tbody {
                    @for entry in &entries {
                        tr {
                            td { (text(entry.at).replace('T', " ").split('.').next().unwrap_or_default()) " UTC" }
                            td { (entry.actor.as_deref().unwrap_or("nobody")) }
                            td { (entry.event) }
                            td { (entry.object.as_deref().unwrap_or_default()) }
                            td { (entry.detail.as_deref().unwrap_or_default()) }
                            td { (entry.ip_address.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            } }
        }
        @if let Some(before) = before {
            p { a href={ "/audit?before=" (before) } { "Older" } }
        }
    };
    Ok(page("Audit log", Some(&caller.user.name), &body).into_response())
}
