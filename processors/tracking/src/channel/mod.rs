//! The marketing channel of a visit: search, social network, advertisement, email and so on.
//!
//! The names and the order of the rules are those of PostHog's channel types, with `AI Assistant` before the organic
//! channels. Rules of the configuration come first. Values are compared in lower case; an empty value and `null` count
//! as absent.
//!
//! ```
//! use sessionmill_tracking::channel::{Arrival, channel};
//!
//! let arrival = Arrival { source: Some("google"), medium: Some("cpc"), ..Arrival::default() };
//! assert_eq!(channel(&arrival, &[]), "Paid Search");
//! let arrival = Arrival { referring_domain: Some("www.google.com"), ..Arrival::default() };
//! assert_eq!(channel(&arrival, &[]), "Organic Search");
//! ```
//!
//! | module | noun |
//! | --- | --- |
//! | [`rule`] | a channel that the configuration defines |
//! | [`source`] | the kind of a source or a host |

pub mod rule;
pub mod source;

pub use rule::Rule;

use crate::domain::DIRECT;
use source::Kind;
use std::borrow::Cow;

/// What is known about an arrival.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrival<'a> {
    pub source: Option<&'a str>,
    pub medium: Option<&'a str>,
    pub campaign: Option<&'a str>,
    /// The host of the referrer; `$direct` if the client says that there is none.
    pub referring_domain: Option<&'a str>,
    pub has_gclid: bool,
    pub has_fbclid: bool,
    pub gad_source: Option<&'a str>,
    /// The host of the page on which the visit began.
    pub host: Option<&'a str>,
    /// The path of that page.
    pub path: Option<&'a str>,
}

/// The built-in channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Affiliate,
    AiAssistant,
    Audio,
    CrossNetwork,
    Direct,
    Display,
    Email,
    OrganicSearch,
    OrganicShopping,
    OrganicSocial,
    OrganicVideo,
    PaidSearch,
    PaidShopping,
    PaidSocial,
    PaidUnknown,
    PaidVideo,
    Push,
    Referral,
    Sms,
    Unknown,
}

impl Channel {
    /// The name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Affiliate => "Affiliate",
            Self::AiAssistant => "AI Assistant",
            Self::Audio => "Audio",
            Self::CrossNetwork => "Cross Network",
            Self::Direct => "Direct",
            Self::Display => "Display",
            Self::Email => "Email",
            Self::OrganicSearch => "Organic Search",
            Self::OrganicShopping => "Organic Shopping",
            Self::OrganicSocial => "Organic Social",
            Self::OrganicVideo => "Organic Video",
            Self::PaidSearch => "Paid Search",
            Self::PaidShopping => "Paid Shopping",
            Self::PaidSocial => "Paid Social",
            Self::PaidUnknown => "Paid Unknown",
            Self::PaidVideo => "Paid Video",
            Self::Push => "Push",
            Self::Referral => "Referral",
            Self::Sms => "SMS",
            Self::Unknown => "Unknown",
        }
    }
}

/// The channel of an arrival: that of the first matching rule, else the built-in one.
pub fn channel<'r>(arrival: &Arrival<'_>, rules: &'r [Rule]) -> &'r str {
    match rules.iter().find(|rule| rule.holds(arrival)) {
        Some(rule) => &rule.channel,
        None => built_in(arrival).name(),
    }
}

fn built_in(arrival: &Arrival<'_>) -> Channel {
    let [source, medium, campaign, domain, gad_source] =
        [arrival.source, arrival.medium, arrival.campaign, arrival.referring_domain, arrival.gad_source]
            .map(|value| value.map(folded).filter(|value| !value.is_empty() && value != "null"));
    let [source, medium, campaign, domain, gad_source] =
        [&source, &medium, &campaign, &domain, &gad_source].map(Option::as_deref);
    let says = |word: &str| campaign.is_some_and(|campaign| campaign.contains(word));

    if says("cross-network") {
        return Channel::CrossNetwork;
    }
    let kind_of_source = source.and_then(Kind::of);
    let kind_of_domain = domain.and_then(Kind::of);
    let is_shopping = campaign.is_some_and(is_shopping);
    if medium.is_some_and(is_paid) || arrival.has_gclid || gad_source.is_some() {
        let is_search = gad_source == Some("1");
        return kind_of_source
            .and_then(Kind::paid)
            .or(is_shopping.then_some(Channel::PaidShopping))
            .or_else(|| medium.and_then(paid_medium))
            .or_else(|| kind_of_domain.and_then(Kind::paid))
            .or(is_search.then_some(Channel::PaidSearch))
            .or(says("video").then_some(Channel::PaidVideo))
            .or(arrival.has_fbclid.then_some(Channel::PaidSocial))
            .unwrap_or(Channel::PaidUnknown);
    }
    let is_direct = domain == Some(DIRECT);
    let is_source_none = source.is_none_or(|source| matches!(source, "(direct)" | "direct" | DIRECT));
    if is_direct && medium.is_none() && is_source_none && !arrival.has_fbclid {
        return Channel::Direct;
    }
    if [kind_of_source, kind_of_domain].contains(&Some(Kind::AiAssistant)) {
        return Channel::AiAssistant;
    }
    kind_of_source
        .map(Kind::organic)
        .or(is_shopping.then_some(Channel::OrganicShopping))
        .or_else(|| medium.and_then(organic_medium))
        .or_else(|| kind_of_domain.map(Kind::organic))
        .or(says("video").then_some(Channel::OrganicVideo))
        .or(medium.is_some_and(|medium| medium.ends_with("push")).then_some(Channel::Push))
        .or(arrival.has_fbclid.then_some(Channel::OrganicSocial))
        .or(is_direct.then_some(Channel::Direct))
        .or(domain.map(|_| Channel::Referral))
        .unwrap_or(Channel::Unknown)
}

/// The value trimmed and in lower case. Allocates only if the value has to change.
fn folded(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    let is_folded = value.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(value) } else { Cow::Owned(value.to_lowercase()) }
}

/// Whether a medium means that the visit was paid for.
fn is_paid(medium: &str) -> bool {
    matches!(medium, "cpc" | "cpm" | "cpv" | "cpa" | "ppc" | "retargeting") || medium.starts_with("paid")
}

/// The channel that a medium means for a paid visit.
fn paid_medium(medium: &str) -> Option<Channel> {
    match medium {
        "banner" | "cpm" | "display" | "expandable" | "interstitial" => Some(Channel::Display),
        "video" => Some(Channel::PaidVideo),
        medium if is_social(medium) => Some(Channel::PaidSocial),
        _ => None,
    }
}

/// The channel that a medium means for a visit that was not paid for.
fn organic_medium(medium: &str) -> Option<Channel> {
    Some(match medium {
        "affiliate" | "partnership" | "partnerships" => Channel::Affiliate,
        "audio" => Channel::Audio,
        "banner" | "cpm" | "display" | "expandable" | "interstitial" => Channel::Display,
        "email" | "e-mail" | "e_mail" | "e mail" => Channel::Email,
        "app" | "link" | "referral" => Channel::Referral,
        "mobile" | "notification" | "push" => Channel::Push,
        "sms" => Channel::Sms,
        "video" => Channel::OrganicVideo,
        medium if is_social(medium) => Channel::OrganicSocial,
        _ => return None,
    })
}

fn is_social(medium: &str) -> bool {
    matches!(medium, "sm" | "social" | "social media" | "social network" | "social-media" | "social-network")
}

/// Whether a campaign is about a shop. It contains `shopping`, or `shop` at the beginning or after any character except
/// the letters a to d and f to z. That excludes `workshop` and includes `eshop`.
fn is_shopping(campaign: &str) -> bool {
    let is_word =
        |before: &str| before.chars().next_back().is_none_or(|letter| letter == 'e' || !letter.is_ascii_lowercase());
    // In the original rule, a regular expression, the dot does not match a line feed.
    !campaign.contains('\n')
        && (campaign.contains("shopping") || campaign.match_indices("shop").any(|(at, _)| is_word(&campaign[..at])))
}

#[cfg(test)]
mod tests;
