//! Sends a request and classifies failures by their cause: the load of the server, the connection, or the question
//! itself.
//!
//! Error messages contain nothing that was sent or received, except the server's own code for the error.

use crate::base::error::cause;
use crate::plugs::verification::llm::api::Api;
use crate::plugs::verification::llm::key::Key;
use crate::plugs::verification::settings::Settings;
use chrono::DateTime;
use rustls::CertificateError;
use sessionmill_contract::{Failure, FailureClass};
use std::cell::Cell;
use std::io::{self, Read};
use std::time::Duration;
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error, Proxy, SendBody};

/// A server, with the settings for requests.
pub struct Client {
    agent: Agent,
    host: String,
    url: String,
    /// The address for messages, with the proxy if there is one.
    place: String,
    headers: Vec<(&'static str, String)>,
}

/// The most bytes of a reply.
const REPLY: u64 = 4 << 20;

/// How long to wait for a connection before the server counts as unreachable.
const CONNECT: Duration = Duration::from_secs(10);

/// The body of a request while it is sent. Once a part of it was sent, the call may have cost money.
struct Sending<'s> {
    rest: &'s [u8],
    has_begun: &'s Cell<bool>,
}

impl Read for Sending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.has_begun.set(true);
        self.rest.read(buffer)
    }
}

impl Client {
    /// The client for the configured server.
    ///
    /// # Errors
    ///
    /// With the reason why the server must not be called: others could read the key.
    pub fn new(api: Api, settings: &Settings, key: Option<&Key>) -> Result<Self, String> {
        let address = settings.address(api)?;
        key.map_or(Ok(()), |_| address.may_see_key())?;
        // The timeout for connecting is shorter than the total one, so that an unreachable server is not taken for a
        // slow one.
        let connect = CONNECT.min(settings.timeout / 3);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // The key must not be sent to a server that a redirect names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            // The system's certificates include a company's own authority.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            // No connection is reused: excess data of one reply must not be read as the next one.
            .max_idle_connections(0);
        if address.is_loopback() {
            config = config.proxy(None);
        }
        let config = config.build();
        let proxy = config.proxy().filter(|proxy| !proxy.is_no_proxy(address.uri()));
        let url = format!("{}{}", address.as_str(), api.path());
        // Only host and port are shown, because the address of a proxy can contain a password.
        let by = |proxy: &Proxy| format!(", asked through the proxy `{}:{}`,", proxy.host(), proxy.port());
        Ok(Self {
            host: proxy.map_or(address.host(), |proxy| proxy.host()).to_owned(),
            place: format!("`{url}`{}", proxy.map(by).unwrap_or_default()),
            url,
            headers: api.headers(key.map(Key::expose)),
            agent: config.new_agent(),
        })
    }

    /// The URL that requests are sent to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a question, and returns the body of a successful response.
    ///
    /// # Errors
    ///
    /// `throttled` if the server asks to wait; `environment` if the server cannot be reached, is a different server, or
    /// denies access; `transient` if a retry can succeed; `permanent` if the server rejects the question.
    pub fn ask(&self, question: &str) -> Result<String, Failure> {
        let mut request = self.agent.post(&self.url).header("content-length", question.len());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let has_begun = Cell::new(false);
        let mut sending = Sending { rest: question.as_bytes(), has_begun: &has_begun };
        let response = request.send(SendBody::from_reader(&mut sending));
        let mut response = response.map_err(|error| match has_begun.get() {
            true => self.broken(&error),
            false => self.unreached(&error),
        })?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(REPLY).read_to_string();
        if !status.is_success() {
            return Err(self.refused(status, response.headers(), &body.unwrap_or_default()));
        }
        let body = body.map_err(|error| self.broken(&error))?;
        match stranger(&body) {
            None => Ok(body),
            Some(what) => Err(self.environment(&format!(
                "answers with {what}; check `base_url`, and whether the network wants a login first"
            ))),
        }
    }

    fn environment(&self, what: &str) -> Failure {
        Failure::new(FailureClass::Environment, format!("{} {what}", self.place))
    }

    /// The failure of a request before anything was sent. It is never about the question.
    fn unreached(&self, error: &Error) -> Failure {
        if let Some(error) = tls(error) {
            return self.environment(&distrust(error));
        }
        let Self { host, .. } = self;
        let why = match error {
            Error::BadUri(_) | Error::Http(_) | Error::InvalidProxyUrl => return self.environment("is no address"),
            Error::Tls(_) => return self.environment("has no name that a certificate can be for"),
            Error::Timeout(_) => {
                format!("`{host}` does not answer; check the address, and that this machine is online")
            }
            Error::HostNotFound => unknown(host),
            Error::Io(error) if is_lookup(error) => unknown(host),
            Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "connection refused; check the port, and that the server runs".to_owned()
            }
            Error::Io(error) if is_broken_off(error) => {
                "it breaks off; check the port, and whether it is https:// or http://".to_owned()
            }
            Error::Io(error) => format!("{}; check that this machine is online", cause(error)),
            Error::ConnectProxyFailed(reason) => reason.clone(),
            _ => "there is no connection".to_owned(),
        };
        self.environment(&format!("cannot be reached: {why}"))
    }

    /// The failure of a request that was sent but got no complete reply.
    fn broken(&self, error: &Error) -> Failure {
        let (class, what) = match error {
            Error::Timeout(_) => (FailureClass::Transient, "does not answer in time".to_owned()),
            Error::BodyExceedsLimit(_) => (FailureClass::Permanent, "answers with too much".to_owned()),
            Error::Io(error) => (FailureClass::Transient, format!("breaks off: {}", cause(error))),
            _ => (FailureClass::Transient, "does not answer as HTTP has it".to_owned()),
        };
        Failure::new(class, format!("{} {what}", self.place))
    }

    /// The failure for an HTTP status.
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
        let message = format!("{} refuses: {}{word}", self.place, status.as_u16());
        Failure { retry_after, ..Failure::new(class, message) }
    }
}

/// Describes a body that no API sends, which means that another server answered; `None` for JSON.
fn stranger(body: &str) -> Option<&'static str> {
    match body.trim_start().bytes().next()? {
        b'{' | b'[' => None,
        b'<' => Some("a web page"),
        _ => Some("text that is no JSON"),
    }
}

/// The TLS error, if that is the cause.
fn tls(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(error) => Some(error),
        Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Why a server's certificate is not trusted, and what to do about it.
fn distrust(error: &rustls::Error) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        UnknownIssuer,
    };
    let why = match error {
        rustls::Error::InvalidCertificate(UnknownIssuer) => {
            "this machine does not know who signed it; add your company's authority to the system's certificates, or \
             name a file of authorities in SSL_CERT_FILE"
        }
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "it has expired, or this machine's clock is wrong"
        }
        rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            "it is not valid yet, or this machine's clock is wrong"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "it is that of another name"
        }
        rustls::Error::InvalidCertificate(_) => "it is not valid",
        // The verifier found no certificates of authorities.
        rustls::Error::General(_) => {
            "this machine knows no authorities; install their certificates (ca-certificates), or name a file of them \
             in SSL_CERT_FILE"
        }
        _ => return "does not speak TLS as we do; check whether http:// is meant".to_owned(),
    };
    format!("has no certificate to trust: {why}")
}

/// Whether a name could not be resolved. The library has no error kind for this.
fn is_lookup(error: &io::Error) -> bool {
    error.to_string().starts_with("failed to lookup address information")
}

fn is_broken_off(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn unknown(host: &str) -> String {
    format!("no address is known of `{host}`; check the name, and that this machine is online")
}

/// How long the server asks to wait: a number of seconds, or a time by the server's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wish = text("retry-after")?.trim();
    match wish.parse::<f64>() {
        // There is no upper limit here: callers have their own.
        Ok(seconds) if seconds >= 0.0 => return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
        Ok(_) => return None,
        Err(_) => {}
    }
    let time = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    (time(wish)? - time(text("date")?)?).to_std().ok()
}

/// The server's code for an error, such as `overloaded_error`, if it is a single word.
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
        for absurd in ["1e300", "99999999999999999999999", "inf"] {
            assert_eq!(seconds(&[("retry-after", absurd)]), Some(u64::MAX), "{absurd}");
        }
        for wrong in ["", "soon", "-1", "NaN"] {
            assert_eq!(seconds(&[("retry-after", wrong)]), None, "{wrong}");
        }
    }

    #[test]
    fn a_status_tells_who_is_to_blame() {
        use FailureClass::{Environment, Permanent, Throttled, Transient};
        let settings = Settings { base_url: Some("http://localhost".into()), ..Settings::default() };
        let client = Client::new(Api::OpenAi, &settings, None).unwrap();
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
    fn no_client_is_made_that_would_show_a_key() {
        let key = Key::of("sk-1");
        for (base_url, may) in [("http://gpu.lan/v1", false), ("http://localhost", true), ("https://gpu.lan", true)] {
            let settings = Settings { base_url: Some(base_url.into()), ..Settings::default() };
            assert_eq!(Client::new(Api::OpenAi, &settings, Some(&key)).is_ok(), may, "{base_url}");
            assert!(Client::new(Api::OpenAi, &settings, None).is_ok(), "{base_url}");
        }
    }

    #[test]
    fn what_no_api_says_comes_from_somebody_else() {
        for (body, expected) in [
            ("<!DOCTYPE html>", Some("a web page")),
            ("\n <html>", Some("a web page")),
            ("It works!", Some("text that is no JSON")),
            ("{\"content\":", None),
            ("", None),
        ] {
            assert_eq!(stranger(body), expected, "{body}");
        }
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
