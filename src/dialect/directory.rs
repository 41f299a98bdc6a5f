//! Normalises the spelling of directories: clients, shells and systems write the same one in different ways.
//!
//! Spellings are joined only if they mean the same directory on every system that can write them. Case is kept, except
//! for drive letters, because many file systems distinguish `Shop` from `shop`. A path that only may lead to the same
//! place, such as `/c/shop` or `/mnt/c/shop`, stays a directory of its own.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::{IsNormalized, is_nfc_quick};

/// Where macOS keeps homes and disks. Its file systems do not distinguish composed from decomposed Unicode letters;
/// others do.
const OF_MACOS: [&str; 3] = ["/Users/", "/Volumes/", "/private/"];

const LONG_WITH_SLASHES: &str = "//?/";

/// The normalised spelling, under which a directory is stored and reported.
pub(crate) fn spelled(path: &str) -> Cow<'_, str> {
    if (!path.starts_with('/') || path.starts_with(LONG_WITH_SLASHES))
        && let Some(windows) = windows(path)
    {
        return Cow::Owned(windows);
    }
    let mut path = Cow::Borrowed(path);
    if has_idle_parts(&path) {
        // Exactly two separators at the beginning can mean a server; any other number is one separator.
        let root = if path.starts_with("//") && !path.starts_with("///") { "//" } else { "/" };
        path = Cow::Owned(root.to_owned() + &parts(&path, "/"));
    }
    if OF_MACOS.iter().any(|root| path.starts_with(root)) && is_nfc_quick(path.chars()) != IsNormalized::Yes {
        path = Cow::Owned(path.nfc().collect());
    }
    path
}

/// Normalises a path with a drive or a server: backslashes, and an upper-case drive letter. `None` for any other path.
fn windows(path: &str) -> Option<String> {
    const LONG: [&str; 3] = [r"\\?\", r"\\.\", LONG_WITH_SLASHES];
    let long = LONG.iter().find_map(|prefix| path.strip_prefix(prefix));
    // Two slashes (rather than backslashes) at the beginning need not mean a server.
    let server = if long.is_none() { path.strip_prefix(r"\\") } else { None };
    let server = server.map(|server| server.replace('/', r"\"));
    let path = long.unwrap_or(path).replace('/', r"\");
    let is_named = path.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(r"UNC\"));
    if let Some(server) = server.as_deref().or(path.get(4..).filter(|_| long.is_some() && is_named)) {
        return Some(format!(r"\\{}", parts(server, r"\")));
    }
    let (drive, rest) = path.split_once(':')?;
    let is_drive = drive.len() == 1 && drive.starts_with(|c: char| c.is_ascii_alphabetic());
    match rest.strip_prefix('\\') {
        Some(rest) if is_drive => Some(format!(r"{}:\{}", drive.to_ascii_uppercase(), parts(rest, r"\"))),
        None if is_drive && rest.is_empty() => Some(format!("{}:", drive.to_ascii_uppercase())),
        _ => None,
    }
}

fn has_idle_parts(path: &str) -> bool {
    let parts = path.strip_prefix('/').filter(|parts| !parts.is_empty());
    parts.is_some_and(|parts| parts.split('/').any(|part| part.is_empty() || part == "."))
}

/// A path without empty and `.` parts.
fn parts(path: &str, separator: &str) -> String {
    let parts: Vec<_> = path.split(separator).filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_directory_are_one() {
        for (spellings, directory) in [
            (
                &[
                    r"d:\work\till",
                    r"D:\work\till\",
                    "d:/work/till",
                    "D:/work//till/",
                    r"\\?\d:\work\till",
                    r"D:\work\.\till",
                    "//?/D:/work/till",
                ][..],
                r"D:\work\till",
            ),
            (&[r"d:\", "D:/", r"\\?\D:\"], r"D:\"),
            (
                &[r"\\till\share\x\", r"\\?\UNC\till\share\x", r"\\till/share/x", "//?/unc/till/share/x"],
                r"\\till\share\x",
            ),
            (&["/srv/till", "/srv/till/", "/srv//till", "/srv/./till/."], "/srv/till"),
            (&["/", "/./"], "/"),
            (&["/Users/zoe\u{308}/till", "/Users/zo\u{eb}/till/"], "/Users/zo\u{eb}/till"),
            (&["/Volumes/u\u{308}", "/Volumes/\u{fc}"], "/Volumes/\u{fc}"),
        ] {
            for spelling in spellings {
                assert_eq!(spelled(spelling), directory, "{spelling}");
                assert_eq!(spelled(directory), directory);
            }
        }
    }

    #[test]
    fn a_path_that_may_be_another_directory_is_kept() {
        for path in [
            "",
            "till",
            "/c/till",
            "/mnt/c/till",
            "/cygdrive/c/till",
            "/srv/Till",
            r"/srv/a\b",
            "/srv/../till",
            "//till/share",
            "/home/zoe\u{308}",
            "/srv/Users/zoe\u{308}",
            r"C:\Till",
            r"C:\users\ada",
            "c:till",
            "ab:/till",
            "1:/till",
            "s3://till/x",
            "~/till/",
            r"\\?\Volume{1}\till",
        ] {
            assert_eq!(spelled(path), path);
        }
    }
}
