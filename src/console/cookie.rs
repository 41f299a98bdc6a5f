//! The cookie that holds the secret of a login session.
//!
//! Over TLS, its name begins with `__Host-`: a browser accepts such a cookie only from this host, for all paths, and
//! never from a subdomain. Plain HTTP is allowed on loopback only; there, browsers would refuse the prefix.

use super::accounts::secret::Secret;
use crate::config::console::Console;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// The name of the cookie.
pub(crate) fn name(settings: &Console) -> &'static str {
    if settings.is_secure() { "__Host-sessionmill" } else { "sessionmill" }
}

/// The secret in the request's cookie of this name.
pub(crate) fn presented(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
    values.next().and_then(Secret::presented)
}

/// The header that gives a secret to a browser, until the browser is closed.
pub(crate) fn set(secret: &Secret, settings: &Console) -> Option<HeaderValue> {
    value(secret.reveal(), "", settings)
}

/// The header that removes the cookie.
pub(crate) fn clear(settings: &Console) -> Option<HeaderValue> {
    value("", "; Max-Age=0", settings)
}

fn value(value: &str, more: &str, settings: &Console) -> Option<HeaderValue> {
    let secure = if settings.is_secure() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}", name(settings));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_cookie_is_bound_to_the_host() {
        let secret = Secret::presented("s").unwrap();
        let plain = Console::default();
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        assert_eq!(text(set(&secret, &plain)), "sessionmill=s; Path=/; HttpOnly; SameSite=Strict");
        let secure = Console { public_url: Some("https://mill.example.org".to_owned()), ..plain };
        let expected = "__Host-sessionmill=s; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(text(set(&secret, &secure)), expected);
        let expected = "__Host-sessionmill=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0";
        assert_eq!(text(clear(&secure)), expected);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "theme=dark; sessionmill=abc; x".parse().unwrap());
        assert_eq!(presented(&headers, "sessionmill"), Secret::presented("abc"));
        assert_eq!(presented(&headers, "mill"), None);
    }
}
