//! One request and what became of it. A failure is sorted by who is to blame: the other side's load, the
//! way to it, or the question itself.
//!
//! No error says what was sent or what came back, except for the server's own word for the error.

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

/// A server, and how it is asked.
pub struct Client {
    agent: Agent,
    host: String,
    url: String,
    /// The address in words, with the proxy where one stands between.
    place: String,
    headers: Vec<(&'static str, String)>,
}

/// Bytes of a reply.
const REPLY: u64 = 4 << 20;

/// A server that cannot be reached in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);

/// A question on its way: once something of it has left, somebody can have been paid for it.
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
    /// The client of the server that the settings name.
    ///
    /// # Errors
    ///
    /// With the reason why the server must not be asked: somebody would see the key.
    pub fn new(api: Api, settings: &Settings, key: Option<&Key>) -> Result<Self, String> {
        let address = settings.address(api)?;
        key.map_or(Ok(()), |_| address.may_see_key())?;
        // What is not there must not look like what is slow.
        let connect = CONNECT.min(settings.timeout / 3);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // The key is for this server, and for no other that it names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            // A company's own authority is known to the machine.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            // What a server sends too much of must not be taken for the next answer.
            .max_idle_connections(0);
        if address.is_loopback() {
            config = config.proxy(None);
        }
        let config = config.build();
        let proxy = config.proxy().filter(|proxy| !proxy.is_no_proxy(address.uri()));
        let url = format!("{}{}", address.as_str(), api.path());
        // It can contain a password, which is not shown.
        let by = |proxy: &Proxy| format!(", asked through the proxy `{}:{}`,", proxy.host(), proxy.port());
        Ok(Self {
            host: proxy.map_or(address.host(), |proxy| proxy.host()).to_owned(),
            place: format!("`{url}`{}", proxy.map(by).unwrap_or_default()),
            url,
            headers: api.headers(key.map(Key::expose)),
            agent: config.new_agent(),
        })
    }

    /// What is asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks, and returns the body of a success.
    ///
    /// # Errors
    ///
    /// `throttled` when the server asks to wait, `environment` when it cannot be reached, is another one or
    /// does not let us in, `transient` when the next try can succeed, `permanent` when it does not take the
    /// question.
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

    /// The failure of a request of which nothing was sent. It says nothing about the question.
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

    /// The failure of a request that was sent, without a whole reply.
    fn broken(&self, error: &Error) -> Failure {
        let (class, what) = match error {
            Error::Timeout(_) => (FailureClass::Transient, "does not answer in time".to_owned()),
            Error::BodyExceedsLimit(_) => (FailureClass::Permanent, "answers with too much".to_owned()),
            Error::Io(error) => (FailureClass::Transient, format!("breaks off: {}", cause(error))),
            _ => (FailureClass::Transient, "does not answer as HTTP has it".to_owned()),
        };
        Failure::new(class, format!("{} {what}", self.place))
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
        let message = format!("{} refuses: {}{word}", self.place, status.as_u16());
        Failure { retry_after, ..Failure::new(class, message) }
    }
}

/// What a body is that no API sends: whoever answers is not the server that was meant.
fn stranger(body: &str) -> Option<&'static str> {
    match body.trim_start().bytes().next()? {
        b'{' | b'[' => None,
        b'<' => Some("a web page"),
        _ => Some("text that is no JSON"),
    }
}

/// What TLS says, where it is that which failed.
fn tls(error: &Error) -> Option<&rustls::Error> {
    match error {
        Error::Rustls(error) => Some(error),
        Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Why a server is not believed to be who it is, and what can be done about it.
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
        // The verifier has nothing to begin with.
        rustls::Error::General(_) => {
            "this machine knows no authorities; install their certificates (ca-certificates), or name a file of them \
             in SSL_CERT_FILE"
        }
        _ => return "does not speak TLS as we do; check whether http:// is meant".to_owned(),
    };
    format!("has no certificate to trust: {why}")
}

/// Whether it was a name that could not be looked up: the library has no kind for it.
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

/// How long the server asks not to be called: seconds, or a time by the server's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wish = text("retry-after")?.trim();
    match wish.parse::<f64>() {
        // However much it is, it is a wish: whoever heeds it has a bound of its own.
        Ok(seconds) if seconds >= 0.0 => return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
        Ok(_) => return None,
        Err(_) => {}
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
