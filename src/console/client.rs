//! Where a request comes from: the client's address and user agent.

use crate::config::console::{Console, Subnet};
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use std::net::{IpAddr, SocketAddr};

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub address: IpAddr,
    pub agent: Option<String>,
    /// Whether the request came through a trusted proxy.
    pub is_proxied: bool,
}

impl Client {
    /// The client of a request. Each proxy appends the address that it saw to `X-Forwarded-For`. Read from the end, the
    /// first address that is not a trusted proxy is the client's. Anything before it could be made up.
    ///
    /// Some proxies also write a port.
    ///
    /// For example, with the trusted proxy 10.0.0.1 and `X-Forwarded-For: 1.2.3.4, 203.0.113.9`, the client is
    /// 203.0.113.9.
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, settings: &Console) -> Self {
        let direct = peer.0.ip().to_canonical();
        let is_proxied = settings.trusts(direct);
        let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<_> = lists.flat_map(|list| list.split(',')).map(|text| hop(text.trim())).collect();
        let mut address = direct;
        for hop in hops.iter().rev() {
            let Some(hop) = hop else { break };
            if !settings.trusts(address) {
                break;
            }
            address = hop.to_canonical();
        }
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
        Self { address, agent, is_proxied }
    }

    /// The network of an address. A phone often changes its address, but less often its network.
    pub(crate) fn network(address: IpAddr) -> Subnet {
        Subnet::new(address, if address.is_ipv4() { 24 } else { 56 })
    }

    /// Whether a login session that began at this address with this user agent can belong to this client.
    pub(crate) fn is_like(&self, address: Option<&str>, agent: Option<&str>) -> bool {
        let began_at = address.and_then(|address| address.parse::<IpAddr>().ok());
        let is_near = began_at.is_none_or(|began_at| Self::network(began_at).has(self.address));
        is_near && (agent.is_none() || family(agent) == family(self.agent.as_deref()))
    }
}

/// The address in an entry of `X-Forwarded-For`: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`.
fn hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The browser family of a user agent. More specific names come first, since most browsers also name others.
fn family(agent: Option<&str>) -> &str {
    const KNOWN: [&str; 7] = ["Edg", "OPR", "Firefox", "Chrome", "Safari", "curl", "python"];
    let agent = agent.unwrap_or_default();
    let known = KNOWN.into_iter().find(|name| agent.contains(name));
    known.unwrap_or_else(|| agent.split(['/', ' ']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &str) -> String {
        let settings = Console { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Console::default() };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        Client::of(Peer(format!("{peer}:1").parse().unwrap()), &headers, &settings).address.to_string()
    }

    #[test]
    fn only_trusted_proxies_say_who_asks() {
        assert_eq!(address("203.0.113.1", "198.51.100.7"), "203.0.113.1");
        assert_eq!(address("10.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(address("10.0.0.1", "1.2.3.4, 198.51.100.7"), "198.51.100.7", "the first one is invented");
        assert_eq!(address("10.0.0.1", "198.51.100.7, 10.0.0.2"), "198.51.100.7", "two proxies");
        for with_port in ["198.51.100.7:443", "[::ffff:198.51.100.7]:443", "1.2.3.4:9, 198.51.100.7:443, 10.0.0.2:80"] {
            assert_eq!(address("10.0.0.1", with_port), "198.51.100.7", "{with_port}");
        }
        assert_eq!(address("10.0.0.1", "[2001:db8::7]"), "2001:db8::7");
        assert_eq!(address("10.0.0.1", "nonsense"), "10.0.0.1");
    }

    #[test]
    fn a_client_is_known_by_network_and_family() {
        let firefox = |version: u32| Some(format!("Mozilla/5.0 (X11) Gecko/20100101 Firefox/{version}.0"));
        let client =
            |address: &str| Client { address: address.parse().unwrap(), agent: firefox(142), is_proxied: false };
        let began = firefox(140);
        let is_like = |address: &str| client(address).is_like(Some("192.0.2.10"), began.as_deref());
        assert!(is_like("192.0.2.99"));
        assert!(!is_like("192.0.3.10"));
        assert!(!client("192.0.2.10").is_like(Some("192.0.2.10"), Some("curl/8.0")));
        assert!(client("2001:db8:0:1::5").is_like(Some("2001:db8:0:ff::1"), began.as_deref()));
        assert!(!client("2001:db8:0:1::5").is_like(Some("2001:db8:1:ff::1"), began.as_deref()));
        assert!(client("192.0.2.10").is_like(None, None), "an imported session may know neither");
    }
}
