//! Removes the parts of a URL that can contain personal data.

/// A URL without its query, fragment, user and path parameters.
///
/// ```text
/// https://zoe:secret@oil.example/cans;jsessionid=7/red?size=5  →  https://oil.example/cans/red
/// ```
pub(crate) fn bare(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match address.find("//") {
        Some(at) if at == 0 || address[..at].ends_with(':') => address.split_at(at + 2),
        _ if address.starts_with('/') => ("", address),
        // The name of a screen.
        _ => return address.to_owned(),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let steps: Vec<_> = path.split('/').map(|step| step.split(';').next().unwrap_or_default()).collect();
    format!("{scheme}{}{}", host.split(';').next().unwrap_or_default(), steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_host_and_its_path() {
        for (address, expected) in [
            ("https://zoe:secret@oil.example:81/cans;jsessionid=7/red;v=1?size=5", "https://oil.example:81/cans/red"),
            ("https://zoe@mill@oil.example", "https://oil.example"),
            ("https://oil.example;id=7", "https://oil.example"),
            ("//zoe@oil.example/a", "//oil.example/a"),
            ("https://oil.example/mail/zoe@oil.example", "https://oil.example/mail/zoe@oil.example"),
            ("/cans;id=7/red#top", "/cans/red"),
            ("/cans//red", "/cans//red"),
            ("Settings; General", "Settings; General"),
            ("$direct", "$direct"),
            ("?size=5", ""),
            ("", ""),
        ] {
            assert_eq!(bare(address), expected, "{address}");
        }
    }
}
