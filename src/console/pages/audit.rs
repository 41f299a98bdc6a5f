//! The page of the audit log.

use super::frame::{Failure, Visitor, page};
use crate::console::app::App;
use crate::console::routes::{Entries, Paging};
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use maud::html;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/audit", get(show))
}

async fn show(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Query(paging): Query<Paging>,
) -> Result<Response, Failure> {
    let Entries { entries, next_cursor, .. } = app.entries(&caller, paging.page()?).await?;
    let body = html! {
        @if entries.is_empty() { p { "Nothing." } } @else {
            div.scroll { table {
                thead { tr { th { "Time" } th { "Who" } th { "What" } th { "Of" } th { "Detail" } th { "Address" } th { "Session" } } }
                tbody {
                    @for entry in &entries {
                        tr {
                            td { (entry.at.replace('T', " ").split('.').next().unwrap_or_default()) " UTC" }
                            td { (entry.actor.as_deref().unwrap_or("nobody")) }
                            td { (entry.event) }
                            td { (entry.object.as_deref().unwrap_or_default()) }
                            td { (entry.detail.as_deref().unwrap_or_default()) }
                            td { (entry.ip_address.as_deref().unwrap_or_default()) }
                            td { (entry.session_mark.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            } }
        }
        @if let Some(next) = next_cursor {
            p { a href={ "/audit?cursor=" (next) } { "Older" } }
        }
    };
    Ok(page("Audit log", Some(&caller.user.name), &body).into_response())
}
