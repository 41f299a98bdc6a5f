//! One request and what became of it. A failure is sorted by who is to blame: the other side's load, the
//! way to it, or the question itself.
//!
//! No error says what was sent or what came back, but for the server's own word for it.

use crate::llm::api::Api;
use crate::llm::key::Key;
use crate::llm::settings::Settings;
use chrono::DateTime;
use sessionmill_contract::{Failure, FailureClass};
use std::io;
use std::time::Duration;
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Agent, Error, Timeout};

/// A server, and how it is asked.
pub struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(&'static str, String)>,
}

/// Bytes of a reply.
const REPLY: u64 = 4 << 20;

/// A server that cannot be reached in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);

impl Client {
    pub fn new(api: Api, settings: &Settings, key: Option<&Key>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The key is for this server, and for no other that it names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .timeout_connect(Some(CONNECT.min(settings.timeout)))
            // What a server sends too much of must not be taken for the next answer.
            .max_idle_connections(0)
            .build();
        let url = format!("{}{}", settings.base_url(api), api.path());
        Self { agent: config.new_agent(), url, headers: api.headers(key.map(Key::expose)) }
    }

    /// Asks, and returns the body of a success.
    ///
    /// # Errors
    ///
    /// `throttled` when the server asks to wait, `environment` when it cannot be reached or does not let
    /// us in, `transient` when the next try can succeed, `permanent` when it does not take the question.
    pub fn ask(&self, question: &str) -> Result<String, Failure> {
        let mut request = self.agent.post(&self.url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut response = request.send(question).map_err(|error| self.broken(&error))?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(REPLY).read_to_string();
        if status.is_success() {
            return body.map_err(|error| self.broken(&error));
        }
        Err(self.refused(status, response.headers(), &body.unwrap_or_default()))
    }

    /// The failure of a request without a reply.
    fn broken(&self, error: &Error) -> Failure {
        let (class, what) = match error {
            Error::Timeout(Timeout::Resolve | Timeout::Connect) | Error::ConnectionFailed | Error::HostNotFound => {
                (FailureClass::Environment, "cannot be reached".to_owned())
            }
            Error::Io(error) if is_unreachable(error) => (FailureClass::Environment, error.kind().to_string()),
            Error::Tls(_) | Error::Rustls(_) => (FailureClass::Environment, "has no certificate to trust".to_owned()),
            Error::BadUri(_) | Error::Http(_) | Error::InvalidProxyUrl => {
                (FailureClass::Environment, "is no address".to_owned())
            }
            Error::Timeout(_) => (FailureClass::Transient, "does not answer in time".to_owned()),
            Error::BodyExceedsLimit(_) => (FailureClass::Permanent, "answers with too much".to_owned()),
            Error::Io(error) => (FailureClass::Transient, format!("breaks off: {}", error.kind())),
            _ => (FailureClass::Transient, "does not answer as HTTP has it".to_owned()),
        };
        Failure::new(class, format!("`{}` {what}", self.url))
    }

    /// The failure that a status is.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> Failure {
        let retry_after = retry_after(headers);
        let class = match status.as_u16() {
            429 | 529 => FailureClass::Throttled,
            503 if retry_after.is_some() => FailureClass::Throttled,
            300..=399 | 401..=404 | 407 => FailureClass::Environment,
            408 | 409 | 425 | 500.. => FailureClass::Transient,
            _ => FailureClass::Permanent,
        };
        let word = word(body).map(|word| format!(", {word}")).unwrap_or_default();
        let message = format!("`{}` refuses: {}{word}", self.url, status.as_u16());
        Failure { retry_after, ..Failure::new(class, message) }
    }
}

fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable)
}

/// How long the server asks to be left alone: seconds, or a time, which is told by the server's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wish = text("retry-after")?.trim();
    if let Ok(seconds) = wish.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let time = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    (time(wish)? - time(text("date")?)?).to_std().ok()
}

/// The server's own word for an error, such as `overloaded_error`, where it is a word.
fn word(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let is_word =
        |text: &&str| (1..=40).contains(&text.len()) && text.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
    ["code", "type"].iter().find_map(|name| body["error"][name].as_str().filter(is_word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_wait_is_seconds_or_a_time_of_the_server() {
        let seconds = |pairs: &[_]| retry_after(&headers(pairs)).map(|wait| wait.as_secs());
        assert_eq!(seconds(&[("retry-after", "30")]), Some(30));
        assert_eq!(seconds(&[("retry-after", "1.5")]), Some(1));
        let later = ("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT");
        assert_eq!(seconds(&[later, ("date", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(60));
        assert_eq!(seconds(&[later]), None, "our clock is not asked");
        for wrong in ["", "soon", "-1", "NaN", "1e300"] {
            assert_eq!(seconds(&[("retry-after", wrong)]), None, "{wrong}");
        }
    }

    #[test]
    fn a_status_tells_who_is_to_blame() {
        use FailureClass::{Environment, Permanent, Throttled, Transient};
        let settings = Settings { base_url: Some("http://localhost".into()), ..Settings::default() };
        let client = Client::new(Api::OpenAi, &settings, None);
        let class =
            |status: u16, pairs: &[_]| client.refused(StatusCode::from_u16(status).unwrap(), &headers(pairs), "").class;
        for (status, expected) in [
            (302, Environment),
            (400, Permanent),
            (401, Environment),
            (403, Environment),
            (404, Environment),
            (413, Permanent),
            (429, Throttled),
            (500, Transient),
            (503, Transient),
            (529, Throttled),
        ] {
            assert_eq!(class(status, &[]), expected, "{status}");
        }
        assert_eq!(class(503, &[("retry-after", "9")]), Throttled);
    }

    #[test]
    fn only_a_word_of_the_server_is_told() {
        assert_eq!(word(r#"{"error":{"type":"overloaded_error"}}"#).unwrap(), "overloaded_error");
        assert_eq!(word(r#"{"error":{"code":"model_not_found","type":"x"}}"#).unwrap(), "model_not_found");
        for body in [r#"{"error":{"type":"Key sk-1 is wrong"}}"#, "{}", "<html>", r#"{"error":"no"}"#] {
            assert_eq!(word(body), None, "{body}");
        }
    }
}
