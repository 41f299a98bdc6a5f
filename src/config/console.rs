//! The table `[console]`: the HTTP API, and the store of its users and login sessions.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Settings of the console.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// The address on which the console listens.
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// The URL under which browsers reach the console through a proxy: `https://mill.example.org`.
    #[serde(deserialize_with = "public_url")]
    pub public_url: Option<String>,
    /// PEM files of a certificate chain and its key, for a console that speaks TLS itself.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Proxies whose headers about the client are trusted.
    pub trusted_proxies: Vec<Subnet>,
    /// The header in which a trusted proxy names the user who has logged in at the proxy.
    #[serde(deserialize_with = "sign_on_header")]
    pub sign_on_header: Option<String>,
    /// The URL of the account store: `sqlite:`, `postgres:` or `mysql:`.
    #[serde(deserialize_with = "store")]
    pub store: Option<String>,
    /// The number of connections to the store that are kept open, and the limit.
    pub min_connections: u16,
    pub max_connections: NonZeroU16,
    /// How long the console waits for the store to become usable when it starts.
    #[serde(with = "super::time")]
    pub connect_timeout: Duration,
    /// How long a request waits for a connection to the store.
    #[serde(with = "super::time")]
    pub acquire_timeout: Duration,
    /// How long a statement on the store may take.
    #[serde(with = "super::time")]
    pub statement_timeout: Duration,
    /// A login session ends after this time without a request, and at the latest after `session_lifetime`.
    #[serde(with = "super::time")]
    pub idle_timeout: Duration,
    #[serde(with = "super::time")]
    pub session_lifetime: Duration,
    /// How often the secret in the cookie of a login session is replaced.
    #[serde(with = "super::time")]
    pub renewal: Duration,
    /// What happens when a login session moves to another network or another browser.
    pub client_binding: Binding,
    /// How long entries of the audit log are kept.
    #[serde(with = "super::time")]
    pub audit_retention: Duration,
    /// A file with the key that encrypts the data of login sessions, as 64 hexadecimal digits.
    pub data_key: Option<PathBuf>,
    /// The cookie name of an older program whose login sessions were imported.
    #[serde(deserialize_with = "older_cookie")]
    pub older_cookie: Option<String>,
    /// In answers about others, groups of fewer people than this are merged.
    pub min_group: u32,
    /// How long a request may take.
    #[serde(with = "super::time")]
    pub request_timeout: Duration,
    /// Whether the console may read source files, to show recordings.
    pub transcripts: bool,
}

/// What happens when a login session moves to another network or another browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// Nothing happens.
    Off,
    /// It is written to the audit log.
    Log,
    /// The user must log in again before changing anything.
    StepUp,
    /// The login session ends.
    Revoke,
}

/// Addresses with a common prefix, such as `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subnet {
    address: IpAddr,
    bits: u8,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8686)),
            public_url: None,
            tls_certificate: None,
            tls_key: None,
            trusted_proxies: Vec::new(),
            sign_on_header: None,
            store: None,
            min_connections: 0,
            max_connections: NonZeroU16::new(10).unwrap_or(NonZeroU16::MIN),
            connect_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30 * 60),
            session_lifetime: Duration::from_secs(8 * 3600),
            renewal: Duration::from_secs(3600),
            client_binding: Binding::Log,
            audit_retention: Duration::from_secs(400 * 86_400),
            data_key: None,
            older_cookie: None,
            min_group: 3,
            request_timeout: Duration::from_secs(30),
            transcripts: false,
        }
    }
}

impl Console {
    /// Whether browsers reach the console over TLS.
    pub fn is_secure(&self) -> bool {
        self.tls_certificate.is_some()
            || self.public_url.as_ref().is_some_and(|url| url.to_ascii_lowercase().starts_with("https://"))
    }

    /// Whether an address is that of a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.has(address))
    }
}

impl Subnet {
    /// The network of an address, given the length of its prefix. All addresses of a network give the same result.
    pub fn new(address: IpAddr, bits: u8) -> Self {
        let bits_of = u32::from(bits);
        let address = match address.to_canonical() {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(bits_of).unwrap_or(0);
                IpAddr::V4((address.to_bits() & !rest).into())
            }
            IpAddr::V6(address) => {
                let rest = u128::MAX.checked_shr(bits_of).unwrap_or(0);
                IpAddr::V6((address.to_bits() & !rest).into())
            }
        };
        Self { address, bits }
    }

    pub fn has(&self, address: IpAddr) -> bool {
        let shift = |length: u32| length - u32::from(self.bits).min(length);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Checks the URL of an account store.
///
/// # Errors
///
/// The text says what is wrong. It does not have the URL, which can contain a password.
pub fn check_store(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let (file, options) = rest.split_once('?').unwrap_or((rest, ""));
    match scheme {
        "postgres" | "postgresql" | "mysql" | "mariadb" => Ok(()),
        "sqlite" if matches!(file.trim_start_matches("//"), "" | ":memory:") || options.contains("mode=memory") => {
            Err("users and login sessions in memory end with the process: the store must be a file")
        }
        "sqlite" => Ok(()),
        _ => Err("the URL must begin with `sqlite:`, `postgres:` or `mysql:`"),
    }
}

fn store<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = Option::<String>::deserialize(deserializer)?;
    url.as_deref().map_or(Ok(()), check_store).map_err(serde::de::Error::custom)?;
    Ok(url)
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    super::from_text(deserializer, "an address in quotes", |text| {
        text.parse().map_err(|_| "an address with a port such as 127.0.0.1:8686".to_owned())
    })
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    super::from_text(deserializer, "a URL in quotes", |text| {
        let (scheme, host) = text.split_once("://").unwrap_or_default();
        let is_web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        let host = host.strip_suffix('/').unwrap_or(host);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        // The pages are at the root of the host, so a URL with a path does not lead to them.
        let is_whole = is_web && !host.is_empty() && host.bytes().all(is_host);
        is_whole.then(|| Some(text.to_owned())).ok_or_else(|| "an address such as https://mill.example.org".to_owned())
    })
}

fn sign_on_header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    token(deserializer, "the name of a header such as X-User")
}

fn older_cookie<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    token(deserializer, "the name of a cookie such as session")
}

/// A token as in RFC 9110, which names of headers and cookies are.
fn token<'de, D: Deserializer<'de>>(deserializer: D, expected: &str) -> Result<Option<String>, D::Error> {
    super::from_text(deserializer, "a name in quotes", |text| {
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_token = !text.is_empty() && text.bytes().all(is_of_token);
        is_token.then(|| Some(text.to_owned())).ok_or_else(|| expected.to_owned())
    })
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address such as 10.0.0.7 or a network such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(length), str::parse).map_err(|_| wrong())?;
        if bits > length {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl<'de> Deserialize<'de> for Subnet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Subnet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_that_cannot_work_are_refused() {
        let why = |line: &str| toml::from_str::<Console>(line).unwrap_err().message().to_owned();
        let header = "is not the name of a header such as X-User";
        for (line, wrong) in [
            ("sign_on_header = \"X User\"", format!("`X User` {header}")),
            ("sign_on_header = \"\"", format!("`` {header}")),
            ("older_cookie = \"a;b\"", "`a;b` is not the name of a cookie such as session".to_owned()),
        ] {
            assert_eq!(why(line), wrong);
        }
        for url in
            ["mill.example.org", "ftp://mill.example.org", "https://", "https://a/mill", "https://a b", "https://u@a"]
        {
            let wrong = format!("`{url}` is not an address such as https://mill.example.org");
            assert_eq!(why(&format!("public_url = \"{url}\"")), wrong);
        }
        for fine in [
            "sign_on_header = \"Remote_User\"",
            "public_url = \"HTTPS://mill.example.org:8443/\"",
            "public_url = \"http://[::1]:80\"",
            "older_cookie = \"__Host-id\"",
        ] {
            toml::from_str::<Console>(fine).unwrap();
        }
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        let has = |network: &str, address: &str| network.parse::<Subnet>().unwrap().has(address.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.200.3.4"));
        assert!(!has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("10.0.0.7", "10.0.0.7"));
        assert!(!has("10.0.0.7", "10.0.0.6"));
        assert!(has("0.0.0.0/0", "203.0.113.9"));
        assert!(has("2001:db8::/32", "2001:db8:1::5"));
        assert!(!has("2001:db8::/32", "2001:db9::5"));
        assert!(has("10.0.0.0/8", "::ffff:10.1.1.1"), "an IPv4 address that was written as IPv6");
        let network = |address: &str, bits| Subnet::new(address.parse().unwrap(), bits);
        assert_eq!(network("203.0.113.7", 24), network("::ffff:203.0.113.99", 24));
        assert_ne!(network("203.0.113.7", 24), network("203.0.112.7", 24));
        assert_eq!(network("2001:db8:0:1::5", 56), network("2001:db8:0:ff::1", 56));
        for wrong in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }
}
