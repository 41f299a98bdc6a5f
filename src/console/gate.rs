//! The checks that every request passes, and the headers that every answer gets. Read [`gate`] from top to bottom.

use super::accounts::Micros;
use super::accounts::audit::Entry;
use super::accounts::secret::{Secret, SecretHash, TOKEN_PREFIX};
use super::accounts::session::LoginSession;
use super::accounts::user::{Role, User};
use super::app::App;
use super::caller::{BY_LINK, Caller, Presented, Via};
use super::client::{Client, Peer};
use super::cookie;
use super::pages::frame::Failure;
use super::paths::{BASE, body_limit};
use super::problem::Problem;
use crate::config::console::Binding;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Checks a request, finds out who sends it, passes it on, and completes the answer.
pub(crate) async fn gate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_probe = path.strip_prefix(BASE).unwrap_or(path).starts_with("/health/");
    let wants_page = !is_probe && !path.starts_with("/api/") && wants_page(request.headers());
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.unwrap_or(Peer(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
    let client = Client::of(peer, request.headers(), app.settings());
    let mut renewed = None;
    let answered = async {
        check_path(request.uri().path())?;
        check_length(request.uri().path(), request.headers())?;
        check_host(&app, request.headers())?;
        check_origin(&app, request.method(), request.headers())?;
        let sender = if is_probe { Sender::default() } else { recognise(&app, &client, request.headers()).await? };
        renewed = sender.renewed;
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(Presented(sender.presented));
        if let Some(caller) = sender.caller {
            request.extensions_mut().insert(caller);
        }
        Ok::<_, Problem>(Problem::documented(next.run(request).await).await)
    };
    let time = app.settings().request_timeout;
    let mut response = match tokio::time::timeout(time, answered).await {
        Ok(answered) => answered.unwrap_or_else(Problem::into_response),
        Err(_) => Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>().filter(|_| wants_page) {
        response = Failure::from(problem).into_response();
    }
    // The store already has only the new secret, so the cookie must be sent whatever the answer is. If the request
    // itself logs in or out, its own cookie wins.
    if let Some(cookie) = renewed.filter(|_| !response.headers().contains_key(header::SET_COOKIE)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    protect(response.headers_mut(), app.settings().is_secure());
    response
}

/// Sets the security headers of an answer.
fn protect(headers: &mut HeaderMap, is_secure: bool) {
    const HEADERS: [(HeaderName, &str); 8] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer`, browsers send `Origin: null` with forms, and nothing would tell own pages from foreign ones.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// The longest path. The name of a failed file can be part of one, with each byte written as `%2f` at worst.
const PATH: usize = 16 << 10;

/// Refuses paths that are too long or contain a zero byte. Nothing has a zero byte in its name, and PostgreSQL refuses
/// text with one.
fn check_path(path: &str) -> Result<(), Problem> {
    if path.len() > PATH {
        return Err(Problem::new(StatusCode::URI_TOO_LONG, format!("the path is longer than {PATH} bytes")));
    }
    if path.contains("%00") { Err(Problem::not_found()) } else { Ok(()) }
}

/// Refuses a body that is said to be too long, before any of it is sent.
fn check_length(path: &str, headers: &HeaderMap) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > body_limit(path) as u64 => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than a request may be"))
        }
        _ => Ok(()),
    }
}

/// Whether a request is one of a browser that shows a page, by the types that it accepts.
fn wants_page(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_page = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        let quality = parts.filter_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).next();
        is_page && quality.is_none_or(|quality| quality > 0.0)
    })
}

/// Protects against DNS rebinding: an attacker's page on `evil.example` can make that name resolve to 127.0.0.1, and
/// the browser then treats this console as part of that page. So a console on loopback answers only to the names of
/// loopback.
fn check_host(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let settings = app.settings();
    if !settings.listen.ip().is_loopback() || settings.public_url.is_some() {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_own = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own));
    if is_own || settings.trusts(settings.listen.ip()) {
        return Ok(());
    }
    let detail = "the console listens on this machine only: call it localhost, or set [console] public_url";
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail))
}

/// Protects against cross-site requests: a page of another site must not change anything with the cookies of its
/// visitor. Browsers say where a request comes from, in `Sec-Fetch-Site` or `Origin`. A request with a token comes from
/// a program, not from a browser.
fn check_origin(app: &App, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() || bearer(headers).is_some() {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("invalid"));
    let is_own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, None) => true,
        (None, Some(origin)) => match &app.settings().public_url {
            Some(url) => origin.eq_ignore_ascii_case(url.trim_end_matches('/')),
            None => {
                let host = text("host").unwrap_or_default();
                origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host))
            }
        },
    };
    if is_own { Ok(()) } else { Err(Problem::forbidden("the request comes from a page of another site")) }
}

/// The token that a program sends. Other schemes are for a proxy in front of the console: a browser sends a password of
/// the scheme Basic with each request, also with those that a page of another site causes.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What is known of who sends a request.
#[derive(Default)]
struct Sender {
    caller: Option<Caller>,
    /// The hash of the secret of a login session.
    presented: Option<SecretHash>,
    /// The cookie, if the secret was renewed.
    renewed: Option<HeaderValue>,
}

/// Finds out who sends the request.
async fn recognise(app: &App, client: &Client, headers: &HeaderMap) -> Result<Sender, Problem> {
    let by = |user, via| Ok(Sender { caller: Some(caller(user, via, client)), ..Sender::default() });
    let now = app.micros();
    if let Some(token) = bearer(headers) {
        let secret = Some(token).filter(|token| token.starts_with(TOKEN_PREFIX)).and_then(Secret::presented);
        let secret = secret.ok_or_else(Problem::unauthenticated)?;
        let token = app.accounts.token(&secret, now).await?.ok_or_else(Problem::unauthenticated)?;
        let user = app.accounts.user(&token.user_id, now).await?.ok_or_else(Problem::unauthenticated)?;
        return by(user, Via::Token(Box::new(token)));
    }
    let settings = app.settings();
    if let Some(header) = settings.sign_on_header.as_deref().filter(|_| client.is_proxied)
        && let Some(name) = headers.get(header).and_then(|name| name.to_str().ok())
    {
        let user = app.accounts.user(name, now).await?;
        let user = user.ok_or_else(|| Problem::forbidden("the proxy names a user whom the console does not have"))?;
        return by(user, Via::Proxy);
    }
    let own = cookie::presented(headers, cookie::name(settings));
    let (secret, is_older) = match (own, &settings.older_cookie) {
        (Some(secret), _) => (Some(secret), false),
        (None, Some(name)) => (cookie::presented(headers, name), true),
        (None, None) => (None, false),
    };
    let mut sender = Sender { presented: secret.as_ref().map(Secret::hash), ..Sender::default() };
    let Some(secret) = secret else { return Ok(sender) };
    let Some(session) = app.accounts.session(&secret, now).await? else { return Ok(sender) };
    let Some(caller) = of_session(app, client, &session, now).await? else { return Ok(sender) };
    app.accounts.touch(&session, now).await?;
    // The cookie of an older program has weaker attributes, so its secret is renewed at its first use.
    let renewed = match is_older {
        true => app.accounts.renew_now(&session, now).await?,
        false => app.accounts.renew(&session, now).await?,
    };
    sender.renewed = renewed.and_then(|secret| cookie::set(&secret, settings));
    sender.caller = Some(caller);
    Ok(sender)
}

/// The caller of a login session, unless the session may no longer be used by this client.
async fn of_session(
    app: &App,
    client: &Client,
    session: &LoginSession,
    now: Micros,
) -> Result<Option<Caller>, Problem> {
    let Some(name) = session.user_id.clone() else { return Ok(None) };
    let data: Value = serde_json::from_str(&session.data).unwrap_or_default();
    let is_owner = data["by"] == BY_LINK;
    let user = match app.accounts.user(&name, now).await? {
        Some(user) => user,
        // A user of the one-time link need not exist in the store.
        None if is_owner => {
            User { person: None, name, role: Role::Admin, password_hash: None, created_at: session.created_at }
        }
        None => return Ok(None),
    };
    let binding = app.settings().client_binding;
    let has_moved =
        binding != Binding::Off && !client.is_like(session.ip_address.as_deref(), session.user_agent.as_deref());
    let mut must_step_up = data["moved"] == true && binding == Binding::StepUp;
    if has_moved && data["moved"] != true {
        let address = client.address.to_string();
        let entry = Entry {
            actor: Some(&user.name),
            event: "session.moved",
            ip_address: Some(&address),
            session: Some(&session.public_id),
            ..Entry::default()
        };
        app.accounts.log(entry, now).await?;
        if binding == Binding::Revoke {
            app.accounts.revoke(&user.name, &session.public_id, "moved", now).await?;
            return Ok(None);
        }
        // Noted in the session, so that the audit log gets one entry. Another request can write the session first; the
        // log may then have two.
        let mut data = data;
        data["moved"] = true.into();
        app.accounts.update(session, &data.to_string(), now).await?;
        must_step_up = binding == Binding::StepUp;
    }
    let via = Via::Session(Box::new(session.clone()));
    Ok(Some(Caller { is_owner, must_step_up, ..caller(user, via, client) }))
}

fn caller(user: User, via: Via, client: &Client) -> Caller {
    Caller { user, via, client: client.clone(), is_owner: false, must_step_up: false }
}
