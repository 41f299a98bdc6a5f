//! The type of a device, by its operating system and by words in the user agent string.
//!
//! A tablet that requests desktop pages, as iPads do, counts as a desktop.

/// Words in user agent strings, in lower case, and the type that each means. The first one found counts.
const WORDS: [(&str, &[&str]); 5] = [
    (
        "TV",
        &[
            "smart-tv",
            "smarttv",
            "smart tv",
            "appletv",
            "apple tv",
            "googletv",
            "google tv",
            "android tv",
            "hbbtv",
            "netcast",
            "web0s",
            "bravia",
            "crkey",
            "roku",
            "aftb",
            "aftm",
            "aftn",
            "afts",
            "aftt",
            "dtv",
            "viera",
            "; tizen 2",
            " tv safari",
            "tv build",
        ],
    ),
    ("Console", &["playstation", "xbox", "nintendo"]),
    ("Wearable", &["watch", "wear os", "wearos"]),
    ("Tablet", &["ipad", "tablet", "kindle", "playbook", "silk/", "nexus 7", "nexus 9", "nexus 10"]),
    (
        "Mobile",
        &[
            "iphone",
            "ipod",
            "mobile",
            "mobi/",
            "windows phone",
            "blackberry",
            "bb10",
            "opera mini",
            "opera mobi",
            "symbian",
            "series60",
            "kaios",
            "j2me",
            "midp",
        ],
    ),
];

/// Prefixes of the names of desktop operating systems.
const DESKTOP: [&str; 20] = [
    "Windows",
    "Mac OS",
    "Linux",
    "Chrome OS",
    "Ubuntu",
    "Debian",
    "Fedora",
    "Red Hat",
    "CentOS",
    "SUSE",
    "Gentoo",
    "Arch",
    "Mint",
    "Kubuntu",
    "FreeBSD",
    "OpenBSD",
    "NetBSD",
    "Solaris",
    "Slackware",
    "Mandriva",
];

/// The type of a device. `os` is the operating system's name in uap-core.
pub fn of(agent: &str, os: Option<&str>) -> Option<&'static str> {
    let words = agent.to_ascii_lowercase();
    let found = WORDS.iter().find(|(_, names)| names.iter().any(|name| words.contains(name)));
    let by_word = match found {
        Some(("Tablet", _)) if os == Some("Android") && words.contains("silk/") && words.contains("mobile") => {
            Some("Mobile")
        }
        found => found.map(|(kind, _)| *kind),
    };
    by_word.or_else(|| by_system(os?))
}

fn by_system(os: &str) -> Option<&'static str> {
    match os {
        // Device makers agreed that an Android device without `Mobile` in the string is a tablet.
        "Android" => Some("Tablet"),
        "iOS" => Some("Mobile"),
        os => DESKTOP.iter().any(|desktop| os.starts_with(desktop)).then_some("Desktop"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_before_the_system() {
        for (agent, os, expected) in [
            ("Mozilla/5.0 (Windows NT 10.0)", Some("Windows"), Some("Desktop")),
            ("Mozilla/5.0 (Windows NT 10.0; Xbox; Xbox One)", Some("Windows"), Some("Console")),
            ("Mozilla/5.0 (Windows Phone 10.0)", Some("Windows Phone"), Some("Mobile")),
            ("Mozilla/5.0 (Linux; Android 9; KFMAWI) Silk/90 like Chrome Safari", Some("Android"), Some("Tablet")),
            ("Mozilla/5.0 (Linux; Android 5; SD4930UR) Silk/90 Mobile Safari", Some("Android"), Some("Mobile")),
            ("Mozilla/5.0 (Linux; Android 11; AFTSSS)", Some("Android"), Some("TV")),
            ("Mozilla/5.0 (Linux; Android 12; SM-T970)", Some("Android"), Some("Tablet")),
            ("Shop/4 CFNetwork/1494 Darwin/23.4.0", Some("iOS"), Some("Mobile")),
            ("Mozilla/5.0 (Apple Watch)", Some("WatchOS"), Some("Wearable")),
            ("Mozilla/5.0 (X11; Linux x86_64)", Some("Linux"), Some("Desktop")),
            ("Something/1.0", None, None),
            ("Something/1.0", Some("QNX"), None),
        ] {
            assert_eq!(of(agent, os), expected, "{agent}");
        }
    }
}
