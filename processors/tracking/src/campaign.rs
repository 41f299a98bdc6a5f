//! Campaigns and click ids of an event, and whether two are the same.

use crate::json::{self, Object};
use crate::preset::Campaigns;
use sessionmill_contract::activity::Campaign;

/// The names of campaign values in stored objects.
const VALUES: [&str; 5] = ["source", "medium", "name", "term", "content"];

/// Campaign and click ids as one JSON object; `None` if there are none.
pub(crate) fn stored(campaign: &Campaign<'_>, click_ids: &[(&'static str, &str)]) -> Option<String> {
    let mut object = Object::default();
    let values = [campaign.source, campaign.medium, campaign.name, campaign.term, campaign.content];
    VALUES.iter().zip(values).for_each(|(key, value)| object.text(key, value));
    click_ids.iter().for_each(|(key, value)| object.text(key, Some(value)));
    object.end()
}

/// The values that identify a campaign, trimmed and in lower case. `None` if no relevant value is present.
pub(crate) fn mark(stored: &str, by: Campaigns) -> Option<String> {
    let object = json::read(stored);
    let value = |key: &str| {
        let text = object.get(key)?.as_str()?.trim().to_lowercase();
        (!text.is_empty()).then_some(text)
    };
    let parts = match by {
        Campaigns::Ignored => return None,
        Campaigns::ByName => {
            let name = ["name", "source", "medium"].into_iter().find_map(value);
            vec![name, value("term")]
        }
        Campaigns::ByAll => {
            // Sorted by name, because logs contain them in any order.
            let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
            keys.sort_unstable();
            keys.into_iter().filter_map(|key| Some(Some(format!("{key}={}", value(key)?)))).collect()
        }
    };
    if parts.iter().all(Option::is_none) {
        return None;
    }
    let parts: Vec<String> = parts.into_iter().map(Option::unwrap_or_default).collect();
    Some(parts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(source: Option<&str>, medium: Option<&str>, name: Option<&str>, term: Option<&str>) -> String {
        let campaign = Campaign { source, medium, name, term, content: None };
        stored(&campaign, &[]).unwrap_or_default()
    }

    #[test]
    fn values_are_compared_trimmed_and_without_case() {
        let spring = campaign(Some("News"), Some("email"), Some(" Spring "), None);
        let same = campaign(Some("news"), Some("Email"), Some("spring"), None);
        let other = campaign(Some("news"), Some("Email"), Some("summer"), None);
        assert_eq!(mark(&spring, Campaigns::ByAll), mark(&same, Campaigns::ByAll));
        assert_ne!(mark(&spring, Campaigns::ByAll), mark(&other, Campaigns::ByAll));
        assert_eq!(mark(&spring, Campaigns::Ignored), None);
        assert_eq!(stored(&Campaign::default(), &[]), None);
    }

    #[test]
    fn a_click_id_is_part_of_all_and_not_of_the_name() {
        let clicked = |id| stored(&Campaign { source: Some("g"), ..Campaign::default() }, &[("gclid", id)]).unwrap();
        assert_ne!(mark(&clicked("a"), Campaigns::ByAll), mark(&clicked("b"), Campaigns::ByAll));
        assert_eq!(mark(&clicked("a"), Campaigns::ByName), mark(&clicked("b"), Campaigns::ByName));
    }

    #[test]
    fn a_name_falls_back_to_source_and_medium() {
        let by_name = |text: &str| mark(text, Campaigns::ByName);
        let named = by_name(&campaign(Some("a"), Some("b"), Some("c"), Some("t")));
        assert_eq!(named.as_deref(), Some("c\nt"));
        assert_eq!(by_name(&campaign(Some("a"), Some("b"), None, None)).as_deref(), Some("a\n"));
        assert_eq!(by_name(&campaign(None, Some("b"), None, None)).as_deref(), Some("b\n"));
        assert_eq!(by_name(&campaign(None, None, None, None)), None);
    }
}
