//! Normalises git remotes: clones of a repository name it by several protocols, and some include credentials.

/// The most characters of a remote. Longer texts are not real addresses.
const LONGEST: usize = 300;

/// The host and path of a remote, such as `example.org/ada/mill`. `None` for a local folder, which other people cannot
/// have as their remote.
pub(super) fn remote(url: &str) -> Option<String> {
    let url = url.trim();
    let (place, path) = match url.split_once("://") {
        Some(("http" | "https" | "ssh" | "git" | "git+ssh", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        // The form of scp: `git@example.org:ada/mill.git`. A single letter before the colon is a Windows drive.
        None => url.split_once(':').filter(|(place, _)| place.len() > 1 && !place.contains(['/', '\\']))?,
    };
    let host = place.rsplit('@').next().unwrap_or(place);
    let host = host.split(':').next().unwrap_or(host).to_lowercase();
    let path = path.split(['?', '#']).next().unwrap_or(path).trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_name = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (is_name(&host) && is_name(path) && host.len() + path.len() <= LONGEST).then(|| format!("{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_one_whatever_its_protocol_and_has_no_credentials() {
        for url in [
            "https://example.org/Ada/mill.git",
            "https://ada:secret@Example.org/Ada/mill",
            "git@example.org:Ada/mill.git",
            "ssh://git@example.org:2222/Ada/mill.git/",
            "https://example.org/Ada/mill?token=secret",
        ] {
            assert_eq!(remote(url).as_deref(), Some("example.org/Ada/mill"), "{url}");
        }
        for url in ["", "/srv/mill.git", "../mill", "file:///srv/mill", r"C:\mill", "https://example.org/", "a b:c"] {
            assert_eq!(remote(url), None, "{url}");
        }
    }
}
