//! The kind of a campaign's source or a referring host: search engine, social network, shop and so on.

use super::Channel;
use crate::domain::registrable;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Names and hosts, by kind.
const SOURCES: &str = include_str!("sources.txt");

static KINDS: LazyLock<HashMap<&'static str, Kind>> = LazyLock::new(|| {
    let mut kinds = HashMap::new();
    let mut kind = None;
    for line in SOURCES.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix('[') {
            Some(name) => kind = Kind::named(name.trim_end_matches(']')),
            // If an entry is listed under several kinds, the first counts.
            None => kind.into_iter().for_each(|kind| {
                line.split_whitespace().for_each(|entry| {
                    kinds.entry(entry).or_insert(kind);
                });
            }),
        }
    }
    kinds
});

/// The kind of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    AiAssistant,
    Search,
    Social,
    Video,
    Shopping,
    Email,
    Sms,
}

impl Kind {
    /// The kind of a campaign's source or of a host, both in lower case. For a host, the longest entry counts that
    /// equals the host or a parent domain of it.
    pub fn of(source: &str) -> Option<Self> {
        if let Some(kind) = KINDS.get(source) {
            return Some(*kind);
        }
        if !source.contains('.') {
            return None;
        }
        let domain = registrable(source);
        let mut name = source;
        while name.len() > domain.len() {
            name = name.split_once('.')?.1;
            if let Some(kind) = KINDS.get(name) {
                return Some(*kind);
            }
        }
        let (label, _) = domain.split_once('.')?;
        KINDS.get(format!("{label}.*").as_str()).copied()
    }

    /// The channel of a paid visit; `None` for a kind without a known paid channel.
    pub fn paid(self) -> Option<Channel> {
        match self {
            Self::Search => Some(Channel::PaidSearch),
            Self::Social => Some(Channel::PaidSocial),
            Self::Video => Some(Channel::PaidVideo),
            Self::Shopping => Some(Channel::PaidShopping),
            Self::AiAssistant | Self::Email | Self::Sms => None,
        }
    }

    /// The channel of a visit that was not paid for.
    pub fn organic(self) -> Channel {
        match self {
            Self::AiAssistant => Channel::AiAssistant,
            Self::Search => Channel::OrganicSearch,
            Self::Social => Channel::OrganicSocial,
            Self::Video => Channel::OrganicVideo,
            Self::Shopping => Channel::OrganicShopping,
            Self::Email => Channel::Email,
            Self::Sms => Channel::Sms,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ai" => Self::AiAssistant,
            "search" => Self::Search,
            "social" => Self::Social,
            "video" => Self::Video,
            "shopping" => Self::Shopping,
            "email" => Self::Email,
            "sms" => Self::Sms,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_list_is_a_name_or_a_host_under_a_known_heading() {
        for line in SOURCES.lines().filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                assert!(Kind::named(name.trim_end_matches(']')).is_some(), "{line}");
                continue;
            }
            for entry in line.split_whitespace() {
                let known =
                    |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter);
                assert!(entry.strip_suffix(".*").unwrap_or(entry).chars().all(known), "{entry}");
            }
        }
        assert!(KINDS.len() > 900, "{}", KINDS.len());
    }

    #[test]
    fn the_longest_entry_counts() {
        for (source, expected) in [
            ("google", Some(Kind::Search)),
            ("google.com", Some(Kind::Search)),
            ("www.google.co.uk", Some(Kind::Search)),
            ("news.google.de", Some(Kind::Search)),
            ("mail.google.com", Some(Kind::Email)),
            ("gemini.google.com", Some(Kind::AiAssistant)),
            ("shopping.google.com", Some(Kind::Shopping)),
            ("com.google.android.gm", Some(Kind::Email)),
            ("de.search.yahoo.com", Some(Kind::Search)),
            ("old.reddit.com", Some(Kind::Social)),
            ("music.youtube.com", Some(Kind::Video)),
            ("www.ebay.co.uk", Some(Kind::Shopping)),
            ("www.lastfm.com.tr", Some(Kind::Social)),
            ("chat.deepseek.com", Some(Kind::AiAssistant)),
            ("x.com", Some(Kind::Social)),
            ("notx.com", None),
            ("google.evil.example", None),
            ("googleish", None),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(Kind::of(source), expected, "{source}");
        }
    }
}
