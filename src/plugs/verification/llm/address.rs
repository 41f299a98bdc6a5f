//! The address of a server, as the HTTP client understands it. No name is resolved here.

use std::net::IpAddr;
use ureq::http::Uri;
use ureq::http::uri::Scheme;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As written in the configuration, without a slash at the end.
    text: String,
    uri: Uri,
}

impl Address {
    /// Parses the address with the client's own parser, so that the address that is checked is the one that is used.
    ///
    /// # Errors
    ///
    /// With the reason why the address is invalid. The message contains no secret that may be in the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "`base_url` is no address".to_owned())?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("`base_url` has a user or a password in it: a key belongs into `key_file`".to_owned());
        }
        if text.contains(['?', '#']) {
            return Err("`base_url` ends before any `?` or `#`".to_owned());
        }
        let is_known = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        if !is_known || uri.host().is_none_or(str::is_empty) {
            return Err(format!("`base_url` begins with https:// or http://, not `{text}`"));
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), uri })
    }

    /// As written in the configuration, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// Whether data for this address never leaves the machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Checks that a key sent to this address cannot be read on the way.
    ///
    /// # Errors
    ///
    /// With the reason if the key could be read.
    pub fn may_see_key(&self) -> Result<(), String> {
        if self.uri.scheme() == Some(&Scheme::HTTPS) || self.is_loopback() {
            return Ok(());
        }
        Err(format!("the key would travel in the clear to `{}`: name it with https://", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_http_to_this_machine_only() {
        for (text, may) in [
            ("https://api.example.org/v1", true),
            ("HTTPS://api.example.org", true),
            ("http://localhost:11434/v1", true),
            ("http://LOCALHOST", true),
            ("http://127.0.0.1:1", true),
            ("http://127.0.0.2/", true),
            ("http://[::1]:8080/v1", true),
            ("http://gpu.lan/v1", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://128.0.0.1", false),
            ("http://2130706433", false),
            ("http://[2001:db8::1]", false),
            ("HTTP://gpu.lan", false),
        ] {
            assert_eq!(Address::parse(text).unwrap().may_see_key().is_ok(), may, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_without_its_secrets() {
        for (text, wrong) in [
            ("http://localhost:x@gpu.lan:80", "has a user or a password in it"),
            ("https://user:secret@api.example.org", "has a user or a password in it"),
            ("https://api.example.org/v1?key=secret", "ends before any `?` or `#`"),
            ("https://api.example.org/v1#secret", "ends before any `?` or `#`"),
            ("https://us er:secret@x", "is no address"),
            ("ftp://x", "begins with https:// or http://, not `ftp://x`"),
            ("localhost:8080", "begins with https:// or http://"),
            ("/v1", "begins with https:// or http://"),
            ("", "is no address"),
        ] {
            let told = Address::parse(text).unwrap_err();
            assert!(told.contains(wrong) && !told.contains("secret"), "{text}: {told}");
        }
        assert_eq!(Address::parse("http://localhost:1/v1//").unwrap().as_str(), "http://localhost:1/v1");
    }
}
