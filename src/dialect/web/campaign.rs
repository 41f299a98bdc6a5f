//! What brought a visitor here: campaign values and click ids, from properties or from the query of a URL.

use super::found::{CLICK_IDS, Found, Key, click_id};
use super::scalar::present;
use crate::dialect::json::shortened;
use percent_encoding::percent_decode_str;
use sessionmill_contract::activity::Campaign;
use std::borrow::Cow;

/// The known parameters of a URL's query, form-decoded once. If one is repeated, the first counts.
#[derive(Debug, Default)]
pub(super) struct Query<'u> {
    utm: [Option<Cow<'u, str>>; UTM.len()],
    clicks: Vec<(usize, Cow<'u, str>)>,
}

/// In the order of [`Campaign`]'s fields.
const UTM: [(&str, Key); 5] = [
    ("utm_source", Key::UtmSource),
    ("utm_medium", Key::UtmMedium),
    ("utm_campaign", Key::UtmCampaign),
    ("utm_term", Key::UtmTerm),
    ("utm_content", Key::UtmContent),
];

impl<'u> Query<'u> {
    pub(super) fn of(url: Option<&'u str>) -> Self {
        let mut query = Self::default();
        let Some((_, text)) = url.and_then(|url| url.split_once('?')) else { return query };
        let text = text.split('#').next().unwrap_or_default();
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            if let Some(position) = UTM.iter().position(|(utm, _)| *utm == name) {
                let value = || present(decoded(value));
                query.utm[position] = query.utm[position].take().or_else(value);
            } else if let Some(position) = click_id(name)
                && query.clicks.iter().all(|(other, _)| *other != position)
            {
                query.clicks.extend(present(decoded(value)).map(|value| (position, value)));
            }
        }
        query
    }

    /// The campaign. For each value, the first place that has it counts; the query comes last.
    pub(super) fn campaign<'a>(&'a self, places: &[&'a Found<'_>]) -> Campaign<'a> {
        let value = |position: usize| {
            let key = UTM[position].1;
            let told = places.iter().find_map(|found| found.get(key));
            told.or(self.utm[position].as_deref()).map(shortened)
        };
        Campaign { source: value(0), medium: value(1), name: value(2), term: value(3), content: value(4) }
    }

    /// Click ids by name, with the same order of places.
    pub(super) fn click_ids<'a>(&'a self, places: &[&'a Found<'_>]) -> Vec<(&'static str, &'a str)> {
        let of_query = |position: usize| self.clicks.iter().find(|(other, _)| *other == position);
        let value = |position: usize| {
            let told = places.iter().find_map(|found| found.click(position));
            told.or_else(|| of_query(position).map(|(_, value)| value.as_ref())).map(shortened)
        };
        (0..CLICK_IDS.len()).filter_map(|position| Some((CLICK_IDS[position], value(position)?))).collect()
    }
}

/// Decodes a form value: `+` is a space, and `%20` a byte. Invalid UTF-8 is replaced.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['+', '%']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_form_decoded_once_and_its_first_value_counts() {
        let url = "https://shop.example/p?utm_source=news+letter&utm_source=two&utm_campaign=50%2525%20off&utm_medium=\
                   &utm_term=null&utm_content=%ff&gclid=Cj0K&gclid=late&gad_source=1&x=?utm_term=no#utm_term=no";
        let query = Query::of(Some(url));
        let expected = Campaign {
            source: Some("news letter"),
            name: Some("50%25 off"),
            content: Some("\u{fffd}"),
            ..Campaign::default()
        };
        assert_eq!(query.campaign(&[]), expected);
        assert_eq!(query.click_ids(&[]), [("gad_source", "1"), ("gclid", "Cj0K")]);
        for none in
            [None, Some("https://shop.example/utm_source=x"), Some("?"), Some("/#?utm_source=x?"), Some("?&=&&")]
        {
            assert_eq!(Query::of(none).click_ids(&[]), [], "{none:?}");
        }
    }
}
