//! Channels that the configuration defines. They come before the built-in rules.

use super::Arrival;
use crate::domain::is_within;
use serde::{Deserialize, Serialize};
use sessionmill_contract::pattern::matches;

/// A configured channel. All given conditions must hold; a condition holds if one of its patterns matches.
///
/// A pattern must match the whole value, ignoring case. `*` stands for any text: `spring-*`, `*newsletter*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The name of the channel.
    pub channel: String,
    pub source: Vec<String>,
    pub medium: Vec<String>,
    pub campaign: Vec<String>,
    /// Hosts of referrers, each including its subdomains; `$direct` for no referrer.
    pub referrer: Vec<String>,
    /// Hosts of the page on which the visit began, each including its subdomains.
    pub host: Vec<String>,
    /// Paths of that page.
    pub path: Vec<String>,
}

impl Rule {
    /// Whether the rule has a name and at least one condition.
    pub fn is_complete(&self) -> bool {
        let conditions = [&self.source, &self.medium, &self.campaign, &self.referrer, &self.host, &self.path];
        !self.channel.trim().is_empty() && conditions.iter().any(|patterns| !patterns.is_empty())
    }

    pub(super) fn holds(&self, arrival: &Arrival<'_>) -> bool {
        self.is_complete()
            && says(&self.source, arrival.source, matches)
            && says(&self.medium, arrival.medium, matches)
            && says(&self.campaign, arrival.campaign, matches)
            && says(&self.referrer, arrival.referring_domain, is_at)
            && says(&self.host, arrival.host, is_at)
            && says(&self.path, arrival.path, matches)
    }
}

/// Whether there are no patterns, or one of them matches the value.
fn says(patterns: &[String], value: Option<&str>, fits: fn(&str, &str) -> bool) -> bool {
    patterns.is_empty()
        || value.is_some_and(|value| {
            let value = value.trim().to_lowercase();
            patterns.iter().any(|pattern| fits(&pattern.trim().to_lowercase(), &value))
        })
}

/// Whether a host matches the pattern or is a subdomain of it.
fn is_at(pattern: &str, host: &str) -> bool {
    if pattern.contains('*') { matches(pattern, host) } else { is_within(host, pattern) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_to_hold() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let rule = Rule {
            channel: "Partner".to_owned(),
            source: words(&["Hinge-Club", "oil-*"]),
            referrer: words(&["hinges.example"]),
            ..Rule::default()
        };
        let arrival = |source, referring_domain| Arrival { source, referring_domain, ..Arrival::default() };
        assert!(rule.holds(&arrival(Some("hinge-club"), Some("www.hinges.example"))));
        assert!(rule.holds(&arrival(Some("OIL-news"), Some("hinges.example"))));
        assert!(!rule.holds(&arrival(Some("hinge-club"), Some("nothinges.example"))));
        assert!(!rule.holds(&arrival(None, Some("hinges.example"))));
        assert!(!Rule { channel: "Everything".to_owned(), ..Rule::default() }.holds(&Arrival::default()));
    }
}
