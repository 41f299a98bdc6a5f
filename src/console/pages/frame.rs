//! What all pages have in common: the frame around their content, who may see them, and the page that shows a problem.

use crate::console::caller::{Caller, Via};
use crate::console::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, html};

/// A page. `user` is the name of the user who is logged in.
pub(super) fn page(title: &str, user: Option<&str>, body: &Markup) -> Html<String> {
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
pub(super) struct Visitor(pub(super) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Redirect> {
        let caller = parts.extensions.get::<Caller>().filter(|caller| !matches!(caller.via, Via::Token(_)));
        caller.cloned().map(Self).ok_or_else(|| Redirect::to("/login"))
    }
}

/// A page that shows a problem.
pub(in crate::console) struct Failure(Problem);

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
