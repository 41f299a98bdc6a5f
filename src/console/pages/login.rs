//! The log-in page, the one-time link, and log-out.

use super::frame::{Failure, page};
use crate::console::accounts::secret::Secret;
use crate::console::app::App;
use crate::console::caller::{Caller, Presented};
use crate::console::client::Client;
use crate::console::cookie;
use crate::console::problem::Problem;
use crate::console::routes::FORGET;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    // HEAD looks at the link and must not use it up.
    let link = get(by_link).head(async || StatusCode::NO_CONTENT);
    Router::new().route("/login", get(form).post(log_in)).route("/link", link).route("/logout", post(log_out))
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct Link {
    token: String,
}

async fn form(State(app): State<Arc<App>>, caller: Option<Caller>) -> Response {
    if caller.is_some() {
        return Redirect::to("/").into_response();
    }
    page("Log in", None, &fields(&app, None)).into_response()
}

fn fields(app: &App, problem: Option<&Problem>) -> Markup {
    let has_link = app.link.lock().is_some();
    html! {
        @if let Some(problem) = problem {
            p.problem role="alert" { (problem.detail) }
        }
        @if has_link {
            p { "There are no users yet. Open the link that " code { "sessionmill console" } " printed." }
        }
        form.stack method="post" action="/login" {
            label { "Name" input name="username" autocomplete="username" required autofocus; }
            label { "Password" input type="password" name="password" autocomplete="current-password" required; }
            button { "Log in" }
        }
    }
}

async fn log_in(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(before): Extension<Presented>,
    Form(form): Form<Credentials>,
) -> Response {
    match app.log_in(&form.username, &form.password, &client, before).await {
        Ok(secret) => enter(&app, &secret),
        Err(problem) => {
            let page = page("Log in", None, &fields(&app, Some(&problem)));
            problem.as_page(page)
        }
    }
}

async fn by_link(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    caller: Option<Caller>,
    Query(link): Query<Link>,
) -> Result<Response, Failure> {
    if caller.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    let secret = Secret::presented(&link.token).ok_or_else(Problem::not_found)?;
    let secret = app.log_in_by_link(&secret, &client).await?;
    // Not a redirect: after a link from elsewhere, such as a terminal, the browser would not send a same-site cookie
    // with it.
    let cookie = cookie::set(&secret, app.settings()).map(|cookie| [(header::SET_COOKIE, cookie)]);
    let body = html! { p { "This browser is logged in." } p { a href="/" { "Go on" } } };
    Ok((StatusCode::OK, cookie, page("Welcome", None, &body)).into_response())
}

fn enter(app: &App, secret: &Secret) -> Response {
    let cookie = cookie::set(secret, app.settings()).map(|cookie| [(header::SET_COOKIE, cookie)]);
    (cookie, Redirect::to("/")).into_response()
}

async fn log_out(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Presented>,
    caller: Option<Caller>,
) -> Result<Response, Failure> {
    app.log_out(session, caller.as_ref()).await?;
    let cookie = cookie::clear(app.settings()).map(|cookie| [(header::SET_COOKIE, cookie)]);
    Ok(([FORGET], cookie, Redirect::to("/login")).into_response())
}
