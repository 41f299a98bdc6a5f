//! The page with a user's login sessions, tokens and password.

use super::frame::{Failure, Visitor, page};
use crate::console::accounts::token::Scope;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::cookie;
use crate::console::problem::Problem;
use crate::console::routes::{SessionView, TOKEN_LIFE, TokenView};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<App>> {
    // The address bar keeps the path of a form: whoever loads it again gets the page with the form.
    let home = async || Redirect::to("/");
    Router::new()
        .route("/", get(show))
        .route("/account/sessions/end", post(end_others).get(home))
        .route("/account/sessions/{public_id}/end", post(end_session).get(home))
        .route("/account/tokens", post(make_token).get(home))
        .route("/account/tokens/{public_id}/end", post(end_token).get(home))
        .route("/account/password", post(change_password).get(home))
}

#[derive(Deserialize)]
struct Passwords {
    old: String,
    new: String,
}

async fn show(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Result<Response, Failure> {
    account(&app, &caller, None).await
}

async fn account(app: &App, caller: &Caller, token: Option<&str>) -> Result<Response, Failure> {
    let now = app.micros();
    let name = &caller.user.name;
    let sessions = app.accounts.sessions_of(name, now).await.map_err(Problem::from)?;
    let sessions: Vec<_> = sessions.into_iter().map(|session| SessionView::of(session, caller.session())).collect();
    let tokens = app.accounts.tokens(Some(name), now).await.map_err(Problem::from)?;
    let tokens: Vec<_> = tokens.into_iter().map(TokenView::of).collect();
    let body = html! {
        p { "You are " strong { (name) } ", " (caller.user.role.name()) "." }
        h2 { "Login sessions" }
        (sessions_table(&sessions))
        @if sessions.len() > 1 {
            form method="post" action="/account/sessions/end" { button { "End all others" } }
        }
        h2 { "Tokens of programs" }
        @if let Some(token) = token {
            p { "The new token is shown this once:" }
            p.secret { (token) }
        }
        (tokens_table(&tokens))
        form.stack method="post" action="/account/tokens" {
            label { "What it is for" input name="label" maxlength="100" required; }
            fieldset {
                legend { "It may" }
                @for scope in Scope::ALL {
                    label.line { input type="checkbox" name="scope" value=(scope.name()); (scope.name()) }
                }
            }
            button { "Make a token for 90 days" }
        }
        @if caller.user.password_hash.is_some() {
            h2 { "Password" }
            form.stack method="post" action="/account/password" {
                label { "Old" input type="password" name="old" autocomplete="current-password" required; }
                label { "New" input type="password" name="new" autocomplete="new-password" minlength="12" required; }
                button { "Change it and end all other login sessions" }
            }
        }
    };
    Ok(page("Account", Some(name), &body).into_response())
}

fn sessions_table(sessions: &[SessionView]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Browser" } th { "Address" } th { "Since" } th { "Last used" } th { "Ends" } th {} } }
            tbody {
                @for session in sessions {
                    tr {
                        td { (session.user_agent.as_deref().unwrap_or("unknown")) }
                        td { (session.ip_address.as_deref().unwrap_or("unknown")) }
                        td { (minute(&session.created_at)) }
                        td { (minute(&session.last_accessed_at)) }
                        td { (minute(&session.expires_at)) }
                        td {
                            @if session.is_current { "this one" } @else {
                                form method="post" action={ "/account/sessions/" (session.public_id) "/end" } {
                                    button { "End" }
                                }
                            }
                        }
                    }
                }
            }
        } }
    }
}

fn tokens_table(tokens: &[TokenView]) -> Markup {
    html! {
        @if tokens.is_empty() { p { "None." } } @else {
            div.scroll { table {
                thead { tr { th { "For" } th { "May" } th { "Since" } th { "Last used" } th { "Ends" } th {} } }
                tbody {
                    @for token in tokens {
                        tr {
                            td { (token.label) }
                            td { (token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ")) }
                            td { (minute(&token.created_at)) }
                            td { (token.last_used_at.as_deref().map_or("never".to_owned(), minute)) }
                            td { (minute(&token.expires_at)) }
                            td {
                                form method="post" action={ "/account/tokens/" (token.public_id) "/end" } {
                                    button { "End" }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// A time as people read it, from the form that programs read.
fn minute(time: &str) -> String {
    format!("{} UTC", time.get(..16).unwrap_or(time).replace('T', " "))
}

async fn end_session(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(public_id): Path<String>,
) -> Result<Redirect, Failure> {
    app.end_session(&caller, &public_id).await?;
    Ok(Redirect::to("/"))
}

async fn end_others(State(app): State<Arc<App>>, Visitor(caller): Visitor) -> Result<Redirect, Failure> {
    caller.require(Scope::Admin)?;
    let ended = app.accounts.revoke_all(&caller.user.name, caller.session(), "ended", app.micros()).await;
    let ended = ended.map_err(Problem::from)?;
    app.note(&caller, "sessions.ended", Some(&ended.to_string()), None).await?;
    Ok(Redirect::to("/"))
}

/// Parsed by hand: ticked boxes repeat a field name, which a form with distinct fields cannot represent.
async fn make_token(State(app): State<Arc<App>>, Visitor(caller): Visitor, body: Bytes) -> Result<Response, Failure> {
    let (mut label, mut scopes) = (String::new(), Vec::new());
    for (name, value) in form_urlencoded(&body) {
        match name.as_str() {
            "label" => label = value,
            "scope" => scopes.extend(Scope::ALL.into_iter().find(|scope| scope.name() == value)),
            _ => {}
        }
    }
    let (secret, _) = app.make_token(&caller, &label, &scopes, TOKEN_LIFE).await?;
    account(&app, &caller, Some(secret.reveal())).await
}

fn form_urlencoded(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body).replace('+', " ");
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

async fn end_token(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Path(public_id): Path<String>,
) -> Result<Redirect, Failure> {
    app.end_token(&caller, &public_id).await?;
    Ok(Redirect::to("/"))
}

async fn change_password(
    State(app): State<Arc<App>>,
    Visitor(caller): Visitor,
    Form(form): Form<Passwords>,
) -> Result<Response, Failure> {
    let secret = app.change_password(&caller, &form.old, &form.new).await?;
    let cookie = secret.and_then(|secret| cookie::set(&secret, app.settings()));
    Ok((cookie.map(|cookie| [(header::SET_COOKIE, cookie)]), Redirect::to("/")).into_response())
}
