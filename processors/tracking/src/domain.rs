//! Hosts of URLs, their registrable domains, and which referrers are external.
//!
//! ```
//! use sessionmill_tracking::domain::{Sites, host, registrable};
//!
//! assert_eq!(host("https://User@WWW.Oil-Shop.co.uk.:8443/cans?size=5").as_deref(), Some("www.oil-shop.co.uk"));
//! assert_eq!(registrable("www.oil-shop.co.uk"), "oil-shop.co.uk");
//!
//! let sites = Sites::new(&["oil-blog.example".to_owned()], &[]);
//! let view = Some("https://www.oil-shop.co.uk/cans");
//! assert_eq!(sites.external("https://news.hinges.example/today", view).as_deref(), Some("hinges.example"));
//! assert_eq!(sites.external("https://oil-shop.co.uk/", view), None); // its own domain
//! assert_eq!(sites.external("https://oil-blog.example/", view), None); // one that the configuration calls own
//! assert_eq!(sites.external("https://www.paypal.com/checkout", view), None); // a payment host
//! ```

use crate::punycode;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The value that analytics clients write if there is no referrer.
pub const DIRECT: &str = "$direct";

/// The most bytes of a host name (RFC 1035).
const MAX_HOST: usize = 253;

/// Hosts of payment and sign-in services. A visitor who returns from one of them did not come from there originally.
const EXCLUDED: &str = include_str!("excluded.txt");

/// The host of a URL, or a host by itself: in lower case and ASCII, without port, user and final dot. `None` if there
/// is no host, as in `$direct`, `about:blank` and text that is not a URL. An IPv6 address keeps its brackets.
pub fn host(address: &str) -> Option<String> {
    let (authority, _) = split(address.trim())?;
    // The user before the last `@` can itself contain an `@`.
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if let Some(rest) = place.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let address: Ipv6Addr = inside.parse().ok()?;
        return is_port(port.strip_prefix(':').unwrap_or(port)).then(|| format!("[{address}]"));
    }
    let name = match place.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return None,
        None => place,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 4 * MAX_HOST {
        return None;
    }
    let labels: Option<Vec<String>> = name.to_lowercase().split('.').map(label).collect();
    let name = labels?.join(".");
    (name.len() <= MAX_HOST).then_some(name)
}

/// The registered part of a host, by the public suffix list: `shop.example.co.uk` gives `example.co.uk`. An unlisted
/// suffix counts as one label. An IP address, a single label and a public suffix are returned unchanged.
pub fn registrable(host: &str) -> &str {
    if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// Whether a host is this domain or a subdomain of it.
pub fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The path of a URL, without query and fragment; `/` if it is empty. `None` if the URL has no host.
pub fn path(address: &str) -> Option<&str> {
    let (_, rest) = split(address.trim())?;
    host(address)?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    Some(if rest.is_empty() { "/" } else { rest })
}

/// Domains that do not count as external referrers.
#[derive(Clone, Debug)]
pub struct Sites {
    domains: HashSet<String>,
}

impl Sites {
    /// `own` are domains of the site's owner; `excluded` are hosts that visitors pass through between two of its pages.
    /// Both are added to the built-in hosts of payment and sign-in services. Each includes its subdomains. Entries that
    /// are not hosts are ignored.
    pub fn new(own: &[String], excluded: &[String]) -> Self {
        let built_in = EXCLUDED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned);
        let given = own.iter().chain(excluded).filter_map(|entry| host(entry.trim_start_matches("*.")));
        Self { domains: built_in.chain(given).collect() }
    }

    /// The registrable domain of an external referrer: one whose registrable domain is not that of the viewed page, and
    /// that is not among these sites.
    pub fn external(&self, referrer: &str, page: Option<&str>) -> Option<String> {
        let from = host(referrer)?;
        let domain = registrable(&from);
        let is_own = page.and_then(host).is_some_and(|page| registrable(&page) == domain);
        (!is_own && !self.has(&from)).then(|| domain.to_owned())
    }

    /// Whether a host is one of these sites or a subdomain of one.
    fn has(&self, host: &str) -> bool {
        let mut rest = Some(host);
        while let Some(name) = rest {
            if self.domains.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, above)| above);
        }
        false
    }
}

/// Splits a URL into the part between scheme and path, and the rest. Text without a scheme is taken for a host and what
/// follows it, except for forms that need a scheme, such as `mailto:`.
fn split(address: &str) -> Option<(&str, &str)> {
    if address.starts_with('$') {
        return None;
    }
    let after_scheme = match address.split_once("//") {
        Some(("", rest)) => Some(rest),
        Some((scheme, rest)) => scheme.strip_suffix(':').filter(|scheme| is_scheme(scheme)).map(|_| rest),
        None => None,
    };
    let rest = after_scheme.unwrap_or(address);
    // Browsers treat a backslash as a slash.
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let is_host = after_scheme.is_some() || !(authority.contains('@') || authority.ends_with(':'));
    is_host.then_some((authority, rest))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A label in ASCII. `None` if it contains characters that are not allowed in a host.
fn label(label: &str) -> Option<String> {
    let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_') || !letter.is_ascii();
    let is_label = !label.is_empty() && label.chars().all(|letter| fits(letter) && !letter.is_whitespace());
    is_label.then(|| punycode::ascii(label)).flatten().filter(|label| label.len() <= 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address() {
        for (address, expected) in [
            ("https://www.oil-shop.example/cans?size=5#top", Some("www.oil-shop.example")),
            ("http://OIL-Shop.Example", Some("oil-shop.example")),
            ("https://oil-shop.example:8443/", Some("oil-shop.example")),
            ("https://oil-shop.example:/", Some("oil-shop.example")),
            ("https://oil-shop.example./cans", Some("oil-shop.example")),
            ("https://ada:pa:ss@oil-shop.example/", Some("oil-shop.example")),
            ("https://a@b@oil-shop.example/", Some("oil-shop.example")),
            ("//cdn.example/x.js", Some("cdn.example")),
            ("oil-shop.example", Some("oil-shop.example")),
            ("oil-shop.example/cans", Some("oil-shop.example")),
            ("localhost:3000", Some("localhost")),
            ("http://127.0.0.1:8000/", Some("127.0.0.1")),
            ("http://[2001:DB8::1]:8080/", Some("[2001:db8::1]")),
            ("http://[2001:db8::1]", Some("[2001:db8::1]")),
            ("https://Müller.example/", Some("xn--mller-kva.example")),
            ("https://xn--mller-kva.example/", Some("xn--mller-kva.example")),
            ("android-app://com.example.reader/", Some("com.example.reader")),
            ("https:\\\\oil-shop.example", None),
            ("https://oil-shop.example\\cans", Some("oil-shop.example")),
            ("https://my_shop.example/", Some("my_shop.example")),
            ("  https://oil-shop.example/  ", Some("oil-shop.example")),
            ("https://oil-shop.example?next=https://hinges.example/", Some("oil-shop.example")),
            ("oil-shop.example/?next=https://hinges.example/", Some("oil-shop.example")),
            ("$direct", None),
            ("", None),
            ("about:blank", None),
            ("data:text/html,hello", None),
            ("mailto:ada@example.org", None),
            ("https:///cans", None),
            ("https://oil shop.example/", None),
            ("https://oil-shop..example/", None),
            ("https://oil-shop.example:port/", None),
            ("http://[::1/", None),
            ("hinges and other things", None),
        ] {
            assert_eq!(host(address).as_deref(), expected, "{address}");
        }
        assert_eq!(host(&format!("https://{}.example/", "a".repeat(64))), None);
        assert_eq!(host(&format!("https://{}/", "a.".repeat(500_000))), None);
    }

    #[test]
    fn the_path_of_an_address() {
        for (address, expected) in [
            ("https://oil-shop.example/cans/5?size=5#top", Some("/cans/5")),
            ("https://oil-shop.example", Some("/")),
            ("https://oil-shop.example?size=5", Some("/")),
            ("//oil-shop.example/a//b", Some("/a//b")),
            ("oil-shop.example/cans", Some("/cans")),
            ("about:blank", None),
        ] {
            assert_eq!(path(address), expected, "{address}");
        }
    }

    #[test]
    fn the_registrable_domain_of_a_host() {
        for (host, expected) in [
            ("oil-shop.com", "oil-shop.com"),
            ("www.oil-shop.com", "oil-shop.com"),
            ("a.b.c.oil-shop.co.uk", "oil-shop.co.uk"),
            ("oil-shop.com.br", "oil-shop.com.br"),
            ("ada.github.io", "ada.github.io"),
            ("pages.ada.github.io", "ada.github.io"),
            ("www.city.kawasaki.jp", "city.kawasaki.jp"),
            ("a.b.unlisted-suffix", "b.unlisted-suffix"),
            ("localhost", "localhost"),
            ("com", "com"),
            ("co.uk", "co.uk"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ] {
            assert_eq!(registrable(host), expected, "{host}");
        }
    }

    #[test]
    fn a_domain_holds_itself_and_what_is_below() {
        assert!(is_within("oil-shop.example", "oil-shop.example"));
        assert!(is_within("www.oil-shop.example", "oil-shop.example"));
        assert!(!is_within("my-oil-shop.example", "oil-shop.example"));
        assert!(!is_within("example", "oil-shop.example"));
    }

    #[test]
    fn only_what_comes_from_outside_is_external() {
        let own = ["https://Oil-Blog.example/".to_owned(), "*.hinge-club.example".to_owned(), "no host".to_owned()];
        let sites = Sites::new(&own, &["pay.bank.example".to_owned()]);
        let page = Some("https://www.oil-shop.co.uk/cans");
        for (referrer, expected) in [
            ("https://news.hinges.example/today", Some("hinges.example")),
            ("https://www.google.co.uk/", Some("google.co.uk")),
            ("http://192.0.2.7/", Some("192.0.2.7")),
            ("https://oil-shop.co.uk/", None),
            ("https://checkout.oil-shop.co.uk/done", None),
            ("https://oil-blog.example/oil", None),
            ("https://www.oil-blog.example/oil", None),
            ("https://forum.hinge-club.example/", None),
            ("https://pay.bank.example/3ds", None),
            ("https://www.bank.example/", Some("bank.example")),
            ("https://www.paypal.com/checkoutnow", None),
            ("https://checkout.stripe.com/c/pay", None),
            ("https://stripe.com/blog", Some("stripe.com")),
            ("https://accounts.google.com/o/oauth2", None),
            ("https://login.microsoftonline.com/common", None),
            ("https://notpaypal.com/", Some("notpaypal.com")),
            ("$direct", None),
            ("", None),
            ("about:blank", None),
        ] {
            assert_eq!(sites.external(referrer, page).as_deref(), expected, "{referrer}");
        }
        assert_eq!(sites.external("https://oil-shop.co.uk/", None).as_deref(), Some("oil-shop.co.uk"));
    }
}
