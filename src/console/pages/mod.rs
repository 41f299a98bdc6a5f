//! The pages: log-in, the user's own login sessions and tokens, and the audit log.
//!
//! They consist of forms and tables, without scripts. All values are escaped when they are written.

mod account;
mod audit;
mod login;

use super::app::App;
use super::caller::{Caller, Via};
use super::problem::Problem;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    let style = async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("console.css"));
    Router::new()
        .route("/assets/console.css", get(style))
        .merge(login::routes())
        .merge(account::routes())
        .merge(audit::routes())
}

/// A page. `user` is the name of the user who is logged in.
fn page(title: &str, user: Option<&str>, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · sessionmill" }
                link rel="stylesheet" href="/assets/console.css";
            }
            body {
                header {
                    a.brand href="/" { "sessionmill" }
                    @if let Some(user) = user {
                        nav {
                            a href="/" { "Account" }
                            a href="/audit" { "Audit log" }
                            form method="post" action="/logout" { button { "Log out " (user) } }
                        }
                    }
                }
                main { h1 { (title) } (body) }
            }
        }
    };
    Html(page.into_string())
}

/// A user with a login session, or one whom a trusted proxy names. All others are redirected to the log-in page, including
/// programs with a token: a token has scopes, which only the API checks.
struct Visitor(Caller);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Redirect> {
        let caller = parts.extensions.get::<Caller>().filter(|caller| !matches!(caller.via, Via::Token(_)));
        caller.cloned().map(Self).ok_or_else(|| Redirect::to("/login"))
    }
}

/// A page that shows a problem.
pub(super) struct Failure(Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = html! { p.problem role="alert" { (self.0.detail) } p { a href="/" { "Back" } } };
        self.0.as_page(page("Something went wrong", None, &body))
    }
}
