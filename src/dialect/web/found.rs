//! The properties that describe an activity, wherever they stand in a record.
//!
//! Names with `$` are those of PostHog's SDKs. Names without it are those of Segment's specification and of warehouse
//! exports, which flatten `context` into columns.

use super::scalar::Scalar;
use crate::dialect::json::{Fields, Raw, skip};
use serde::de::MapAccess;

/// A known property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    DistinctId,
    DeviceId,
    SessionId,
    InsertId,
    AnonDistinctId,
    Alias,
    Time,
    CurrentUrl,
    Pathname,
    Referrer,
    ScreenName,
    PlainUrl,
    PlainPath,
    PlainReferrer,
    PlainName,
    UtmSource,
    UtmMedium,
    UtmCampaign,
    UtmTerm,
    UtmContent,
    DeviceType,
    Os,
    OsName,
    OsVersion,
    Browser,
    BrowserVersion,
    ScreenWidth,
    ScreenHeight,
    UserAgent,
    Ip,
    Country,
    Region,
    City,
    Timezone,
    GeoTimezone,
}

const KEYS: usize = Key::GeoTimezone as usize + 1;

/// The names of click ids, in properties and in the query of a URL.
pub(super) const CLICK_IDS: [&str; 18] = [
    "_kx",
    "dclid",
    "epik",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "irclid",
    "li_fat_id",
    "mc_cid",
    "msclkid",
    "qclid",
    "sccid",
    "ttclid",
    "twclid",
    "wbraid",
];

/// Values by property; if a name is repeated, the last value counts. Most records have few of the properties, so values
/// are stored in the order in which they come.
#[derive(Debug)]
pub(super) struct Found<'de> {
    values: Vec<Scalar<'de>>,
    /// For each property and click id, the position of its value, counted from 1; 0 if there is none.
    positions: [u8; KEYS + CLICK_IDS.len()],
    /// Has a property that only PostHog's SDKs write, with any value.
    pub(super) is_marked: bool,
    /// The content of a recording.
    pub(super) snapshot: Option<Raw<'de>>,
}

impl Default for Found<'_> {
    fn default() -> Self {
        Self { values: Vec::new(), positions: [0; KEYS + CLICK_IDS.len()], is_marked: false, snapshot: None }
    }
}

impl<'de> Found<'de> {
    pub(super) fn get(&self, key: Key) -> Option<&str> {
        self.at(key as usize)
    }

    /// Whether a property was there, with any value.
    pub(super) fn has(&self, key: Key) -> bool {
        self.positions[key as usize] > 0
    }

    pub(super) fn set(&mut self, key: Key, value: Scalar<'de>) {
        self.put(key as usize, value);
    }

    /// A click id, by its position in [`CLICK_IDS`].
    pub(super) fn click(&self, position: usize) -> Option<&str> {
        self.at(KEYS + position)
    }

    fn at(&self, slot: usize) -> Option<&str> {
        let position = usize::from(*self.positions.get(slot)?);
        self.values.get(position.checked_sub(1)?)?.get()
    }

    fn put(&mut self, slot: usize, value: Scalar<'de>) {
        let Some(position) = self.positions.get_mut(slot) else { return };
        match self.values.get_mut(usize::from(*position).wrapping_sub(1)) {
            Some(old) => *old = value,
            None => {
                self.values.push(value);
                // A byte suffices: there are fewer than 256 properties and click ids.
                *position = self.values.len() as u8;
            }
        }
    }
}

impl<'de> Fields<'de> for Found<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if let Some(key) = key(name) {
            self.is_marked |= matches!(key, Key::DistinctId | Key::DeviceId | Key::SessionId | Key::InsertId);
            self.put(key as usize, map.next_value()?);
        } else if let Some(position) = click_id(name) {
            self.put(KEYS + position, map.next_value()?);
        } else if matches!(name, "$snapshot_data" | "$snapshot_items") {
            self.snapshot = Some(map.next_value()?);
        } else {
            skip(map)?;
        }
        Ok(())
    }
}

/// Whether this is the name of a known property or click id.
pub(super) fn is_known(name: &str) -> bool {
    key(name).is_some() || click_id(name).is_some()
}

/// The position of a click id in [`CLICK_IDS`].
pub(super) fn click_id(name: &str) -> Option<usize> {
    CLICK_IDS.iter().position(|id| *id == name)
}

fn key(name: &str) -> Option<Key> {
    let Some(name) = name.strip_prefix('$') else { return plain_key(name) };
    Some(match name {
        "distinct_id" => Key::DistinctId,
        "device_id" => Key::DeviceId,
        "session_id" => Key::SessionId,
        "insert_id" => Key::InsertId,
        "anon_distinct_id" => Key::AnonDistinctId,
        "time" => Key::Time,
        "current_url" => Key::CurrentUrl,
        "pathname" => Key::Pathname,
        "referrer" => Key::Referrer,
        "screen_name" => Key::ScreenName,
        "device_type" => Key::DeviceType,
        "os" => Key::Os,
        "os_name" => Key::OsName,
        "os_version" => Key::OsVersion,
        "browser" => Key::Browser,
        "browser_version" => Key::BrowserVersion,
        "screen_width" => Key::ScreenWidth,
        "screen_height" => Key::ScreenHeight,
        "raw_user_agent" | "user_agent" | "useragent" => Key::UserAgent,
        "ip" => Key::Ip,
        "geoip_country_code" => Key::Country,
        "geoip_subdivision_1_name" => Key::Region,
        "geoip_city_name" => Key::City,
        "timezone" => Key::Timezone,
        "geoip_time_zone" => Key::GeoTimezone,
        _ => return None,
    })
}

fn plain_key(name: &str) -> Option<Key> {
    Some(match name {
        "distinct_id" => Key::DistinctId,
        "alias" => Key::Alias,
        "time" => Key::Time,
        "url" | "context_page_url" => Key::PlainUrl,
        "path" | "context_page_path" => Key::PlainPath,
        "referrer" | "context_page_referrer" => Key::PlainReferrer,
        "name" => Key::PlainName,
        "utm_source" | "context_campaign_source" => Key::UtmSource,
        "utm_medium" | "context_campaign_medium" => Key::UtmMedium,
        "utm_campaign" | "context_campaign_name" => Key::UtmCampaign,
        "utm_term" | "context_campaign_term" => Key::UtmTerm,
        "utm_content" | "context_campaign_content" => Key::UtmContent,
        "context_device_type" => Key::DeviceType,
        "context_os_name" => Key::Os,
        "context_os_version" => Key::OsVersion,
        "context_screen_width" => Key::ScreenWidth,
        "context_screen_height" => Key::ScreenHeight,
        "context_user_agent" => Key::UserAgent,
        "ip" | "context_ip" => Key::Ip,
        "context_timezone" => Key::Timezone,
        "context_session_id" => Key::SessionId,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::Object;

    fn found(json: &str) -> Found<'_> {
        serde_json::from_str::<Object<Found<'_>>>(json).unwrap().0.unwrap()
    }

    #[test]
    fn properties_are_found_by_the_names_of_sdks_and_exports() {
        let of_sdk = found(r#"{"$os":"Linux","$screen_width":1280,"$lib":"web","gclid":" x1 ","utm_source":"null"}"#);
        assert_eq!((of_sdk.get(Key::Os), of_sdk.get(Key::ScreenWidth)), (Some("Linux"), Some("1280")));
        assert_eq!((of_sdk.click(6), of_sdk.get(Key::UtmSource), of_sdk.is_marked), (Some("x1"), None, false));
        let of_export = found(r#"{"context_os_name":"iOS","context_campaign_name":"spring","$session_id":null}"#);
        assert_eq!((of_export.get(Key::Os), of_export.get(Key::UtmCampaign)), (Some("iOS"), Some("spring")));
        assert_eq!((of_export.get(Key::SessionId), of_export.is_marked), (None, true));
    }

    #[test]
    fn click_ids_are_sorted_and_known() {
        assert!(CLICK_IDS.is_sorted());
        assert!(CLICK_IDS.iter().all(|name| is_known(name)) && !is_known("clid"));
    }
}
