//! Log-in, log-out, and the caller's own login sessions and tokens.

use super::body::json;
use super::paging::Paging;
use crate::base::duration;
use crate::console::accounts::session::LoginSession;
use crate::console::accounts::text;
use crate::console::accounts::token::{ApiToken, Scope};
use crate::console::app::App;
use crate::console::caller::{Caller, Presented};
use crate::console::client::Client;
use crate::console::cookie;
use crate::console::problem::{Problem, ProblemDocument};
use crate::plug::call::Rows;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/auth/login", post(log_in))
        .route("/auth/logout", post(log_out))
        .route("/auth/sessions", get(sessions).delete(end_others))
        .route("/auth/sessions/{public_id}", delete(end_session))
        .route("/auth/tokens", get(tokens).post(make_token))
        .route("/auth/tokens/{public_id}", delete(end_token))
}

/// What a browser must delete after a log-out.
pub(crate) const FORGET: (HeaderName, HeaderValue) =
    (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"cookies\", \"storage\""));

/// The default lifetime of a token.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(90 * 86_400);

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    username: String,
    password: String,
}

/// A login session that has not ended.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct SessionView {
    pub(crate) public_id: String,
    pub(crate) created_at: String,
    pub(crate) last_accessed_at: String,
    pub(crate) expires_at: String,
    pub(crate) ip_address: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) is_active: bool,
    /// Whether it is the session of this request.
    pub(crate) is_current: bool,
}

/// The caller's login sessions, the last used first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Sessions {
    sessions: Vec<SessionView>,
    /// On all pages.
    total: usize,
    next_cursor: Option<String>,
}

/// A token of a program.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct TokenView {
    pub(crate) public_id: String,
    pub(crate) label: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created_at: String,
    pub(crate) expires_at: String,
    pub(crate) last_used_at: Option<String>,
}

/// The caller's tokens, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Tokens {
    tokens: Vec<TokenView>,
    /// On all pages.
    total: usize,
    next_cursor: Option<String>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What the token is for.
    label: String,
    scopes: Vec<Scope>,
    /// How long the token is valid, such as `30d`; 90 days by default, 366 at most.
    expires_in: Option<String>,
}

/// A new token.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct MadeToken {
    /// The secret, which is shown only now.
    token: String,
    public_id: String,
}

/// The number of login sessions that were ended.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Ended {
    ended: u64,
}

impl SessionView {
    pub(crate) fn of(session: LoginSession, current: Option<&str>) -> Self {
        Self {
            is_current: current == Some(&*session.public_id),
            public_id: session.public_id,
            created_at: text(session.created_at),
            last_accessed_at: text(session.last_accessed_at),
            expires_at: text(session.expires_at),
            ip_address: session.ip_address,
            user_agent: session.user_agent,
            is_active: true,
        }
    }
}

impl TokenView {
    pub(crate) fn of(token: ApiToken) -> Self {
        Self {
            public_id: token.public_id,
            label: token.label,
            scopes: token.scopes,
            created_at: text(token.created_at),
            expires_at: text(token.expires_at),
            last_used_at: token.last_used_at.map(text),
        }
    }
}

/// Log in with a name and a password; the answer sets a cookie.
#[utoipa::path(post, path = "/auth/login", operation_id = "logIn", tag = "auth", security(()),
    request_body = Credentials,
    responses((status = 204), (status = 400, body = ProblemDocument), (status = 401, body = ProblemDocument),
        (status = 429, body = ProblemDocument), (status = 503, body = ProblemDocument)))]
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    Extension(before): Extension<Presented>,
    body: Bytes,
) -> Result<Response, Problem> {
    let Credentials { username, password } = json(&body)?;
    let secret = app.log_in(&username, &password, &client, before).await?;
    let cookie = cookie::set(&secret, app.settings());
    Ok((StatusCode::NO_CONTENT, cookie.map(|cookie| [(header::SET_COOKIE, cookie)]), ()).into_response())
}

/// Log out: the login session of this request ends at once.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logOut", tag = "auth",
    responses((status = 204), (status = 503, body = ProblemDocument)))]
pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    Extension(session): Extension<Presented>,
    caller: Option<Caller>,
) -> Result<Response, Problem> {
    app.log_out(session, caller.as_ref()).await?;
    let cookie = cookie::clear(app.settings()).map(|cookie| [(header::SET_COOKIE, cookie)]);
    Ok((StatusCode::NO_CONTENT, [FORGET], cookie, ()).into_response())
}

/// The caller's login sessions that have not ended.
#[utoipa::path(get, path = "/auth/sessions", operation_id = "listLoginSessions", tag = "auth", params(Paging),
    responses((status = 200, body = Sessions), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument)))]
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Sessions>, Problem> {
    caller.require(Scope::Read)?;
    let page = paging.page()?;
    let sessions = app.accounts.sessions_of(&caller.user.name, app.micros()).await?;
    let Rows { rows, total, next_cursor } = page.cut(sessions);
    let sessions = rows.into_iter().map(|session| SessionView::of(session, caller.session())).collect();
    Ok(Json(Sessions { sessions, total, next_cursor }))
}

/// End one of the caller's login sessions.
#[utoipa::path(delete, path = "/auth/sessions/{public_id}", operation_id = "endLoginSession", tag = "auth",
    params(("public_id" = String, Path)),
    responses((status = 204), (status = 401, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(super) async fn end_session(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(public_id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.end_session(&caller, &public_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all login sessions of the caller, except that of this request.
#[utoipa::path(delete, path = "/auth/sessions", operation_id = "endOtherLoginSessions", tag = "auth",
    responses((status = 200, body = Ended), (status = 401, body = ProblemDocument)))]
pub(super) async fn end_others(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Ended>, Problem> {
    caller.require(Scope::Admin)?;
    let ended = app.accounts.revoke_all(&caller.user.name, caller.session(), "ended", app.micros()).await?;
    app.note(&caller, "sessions.ended", Some(&ended.to_string()), None).await?;
    Ok(Json(Ended { ended }))
}

/// The caller's tokens that have not expired.
#[utoipa::path(get, path = "/auth/tokens", operation_id = "listTokens", tag = "auth", params(Paging),
    responses((status = 200, body = Tokens), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument)))]
pub(super) async fn tokens(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Tokens>, Problem> {
    caller.require(Scope::Read)?;
    let page = paging.page()?;
    let tokens = app.accounts.tokens(Some(&caller.user.name), app.micros()).await?;
    let Rows { rows, total, next_cursor } = page.cut(tokens);
    Ok(Json(Tokens { tokens: rows.into_iter().map(TokenView::of).collect(), total, next_cursor }))
}

/// Make a token for a program.
#[utoipa::path(post, path = "/auth/tokens", operation_id = "makeToken", tag = "auth", request_body = NewToken,
    responses((status = 201, body = MadeToken), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument), (status = 403, body = ProblemDocument)))]
pub(super) async fn make_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let NewToken { label, scopes, expires_in } = json(&body)?;
    let life = expires_in.as_deref().map_or(Ok(TOKEN_LIFE), duration::parse);
    let life = life.map_err(|expected| Problem::bad_request(format!("`expires_in` is not {expected}")))?;
    let (secret, public_id) = app.make_token(&caller, &label, &scopes, life).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { token: secret.reveal().to_owned(), public_id })))
}

/// End one of the caller's tokens.
#[utoipa::path(delete, path = "/auth/tokens/{public_id}", operation_id = "endToken", tag = "auth",
    params(("public_id" = String, Path)),
    responses((status = 204), (status = 401, body = ProblemDocument), (status = 404, body = ProblemDocument)))]
pub(super) async fn end_token(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(public_id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.end_token(&caller, &public_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// Makes a token for the caller, who needs a login session or a token with the scope `admin`.
    pub(crate) async fn make_token(
        &self,
        caller: &Caller,
        label: &str,
        scopes: &[Scope],
        life: Duration,
    ) -> Result<(crate::console::accounts::secret::Secret, String), Problem> {
        caller.require(Scope::Admin)?;
        let now = self.micros();
        if self.accounts.user(&caller.user.name, now).await?.is_none() {
            let detail = "a token belongs to a user: add one with `sessionmill console user add`";
            return Err(Problem::forbidden(detail));
        }
        let (secret, public_id) = self.accounts.add_token(&caller.user.name, label, scopes, life, now).await?;
        self.note(caller, "token.added", Some(&public_id), Some(label)).await?;
        Ok((secret, public_id))
    }

    /// Ends a token of the caller.
    pub(crate) async fn end_token(&self, caller: &Caller, public_id: &str) -> Result<(), Problem> {
        caller.require(Scope::Admin)?;
        if !self.accounts.revoke_token(Some(&caller.user.name), public_id, self.micros()).await? {
            return Err(Problem::not_found());
        }
        self.note(caller, "token.ended", Some(public_id), None).await
    }
}
