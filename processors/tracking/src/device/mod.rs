//! The device of a visitor, by the browser's user agent string, according to the rules of uap-core as the crate
//! `ua-parser` applies them.
//!
//! Those rules name browser and operating system. The crate passes all test cases of uap-core 0.18: 1,460 for browsers
//! and 468 for operating systems. Together with the names in [`bot`](crate::bot), it recognises all 70 crawlers among
//! 16,124 devices. The rules contain no device types; [`kind`] derives these from the operating system and a few words
//! in the string.
//!
//! The rules are compiled when the first user agent string arrives. Each string is parsed once, because strings repeat.

pub mod kind;

use crate::bot;
use flate2::read::GzDecoder;
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use ua_parser::{Extractor, Regexes};

/// The rules as JSON; see `uap-core.md` beside the file.
const RULES: &[u8] = include_bytes!("uap-core.json.gz");

/// The most bytes of a user agent string that are used. Real ones are shorter.
const MAX_AGENT: usize = 1_024;

/// The most strings that are cached with their device. Real logs contain some hundred.
const MAX_KEPT: usize = 8_192;

/// `None` only if the embedded rules are damaged; a test excludes that.
static EXTRACTOR: LazyLock<Option<Extractor<'static>>> = LazyLock::new(|| {
    let mut text = String::new();
    GzDecoder::new(RULES).read_to_string(&mut text).ok()?;
    // The rules are needed until the program ends.
    let rules: Regexes<'static> = serde_json::from_str(String::leak(text)).ok()?;
    rules.try_into().ok()
});

/// The information in a user agent string. `None` where the string does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// `Desktop`, `Mobile`, `Tablet`, `TV`, `Console` or `Wearable`.
    pub kind: Option<&'static str>,
    pub os: Option<Box<str>>,
    pub os_version: Option<Box<str>>,
    pub browser: Option<Box<str>>,
    pub browser_version: Option<Box<str>>,
    /// Whether the string names a crawler or another program without a human user.
    pub is_bot: bool,
}

/// A cache of devices by user agent string.
#[derive(Default)]
pub struct Devices {
    known: RwLock<HashMap<Box<str>, Arc<Device>>>,
}

impl Devices {
    /// The device of a user agent string.
    pub fn of(&self, agent: &str) -> Arc<Device> {
        let agent = beginning(agent);
        if let Some(device) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(agent) {
            return Arc::clone(device);
        }
        let device = Arc::new(device(agent));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(agent.into(), Arc::clone(&device));
        device
    }
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

/// The part of a user agent string that is used, cut between characters.
fn beginning(agent: &str) -> &str {
    &agent[..agent.floor_char_boundary(MAX_AGENT)]
}

fn device(agent: &str) -> Device {
    let Some(extractor) = &*EXTRACTOR else { return Device::default() };
    let (browser, os, family) = extractor.extract(agent);
    let is_spider = family.is_some_and(|family| family.device == "Spider");
    let is_bot = is_spider || bot::is_named(agent);
    let named = |name: &str| (name != "Other").then(|| Box::from(name));
    let browser_version = browser.as_ref().and_then(|browser| version(&[browser.major, browser.minor, browser.patch]));
    let os_version =
        os.as_ref().and_then(|os| version(&[os.major.as_deref(), os.minor.as_deref(), os.patch.as_deref()]));
    let os: Option<Box<str>> = os.and_then(|os| named(&os.os));
    Device {
        kind: if is_bot { None } else { kind::of(agent, os.as_deref()) },
        os,
        os_version,
        browser: browser.and_then(|browser| named(&browser.family)),
        browser_version,
        is_bot,
    }
}

/// A version number up to its first missing part.
fn version(parts: &[Option<&str>]) -> Option<Box<str>> {
    let parts: Vec<&str> = parts.iter().map_while(|part| part.filter(|part| !part.is_empty())).collect();
    (!parts.is_empty()).then(|| parts.join(".").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, operating system and its version, browser and its version.
    type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

    fn row(device: &Device) -> [&str; 5] {
        fn text(text: &Option<Box<str>>) -> &str {
            text.as_deref().unwrap_or_default()
        }
        [
            device.kind.unwrap_or_default(),
            text(&device.os),
            text(&device.os_version),
            text(&device.browser),
            text(&device.browser_version),
        ]
    }

    #[test]
    fn people_and_what_they_use() {
        let devices = Devices::default();
        let rows: [(&str, Row); 12] = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.61 Safari/537.36",
                ("Desktop", "Windows", "10", "Chrome", "126.0.6478"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
                ("Desktop", "Mac OS X", "10.15.7", "Safari", "17.4.1"),
            ),
            (
                "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
                ("Desktop", "Ubuntu", "", "Firefox", "127.0"),
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
                ("Desktop", "Chrome OS", "14541.0.0", "Chrome", "125.0.0"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
                ("Mobile", "iOS", "17.5", "Mobile Safari", "17.5"),
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
                ("Tablet", "iOS", "16.6", "Mobile Safari", "16.6"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
                ("Mobile", "Android", "14", "Chrome Mobile", "126.0.0"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
                ("Tablet", "Android", "13", "Chrome", "124.0.0"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 4.4.2; CUBOT ONE-S Build/KOT49H) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/34.0.1847.114 Mobile Safari/537.36",
                ("Mobile", "Android", "4.4.2", "Chrome Mobile", "34.0.1847"),
            ),
            (
                "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36",
                ("TV", "Tizen", "6.0", "Safari", ""),
            ),
            (
                "Mozilla/5.0 (PlayStation; PlayStation 5/6.50) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15",
                ("Console", "", "", "Safari", "15.4"),
            ),
            ("", ("", "", "", "", "")),
        ];
        for (agent, expected) in rows {
            let device = devices.of(agent);
            let (kind, os, os_version, browser, browser_version) = expected;
            assert_eq!(row(&device), [kind, os, os_version, browser, browser_version], "{agent}");
            assert!(!device.is_bot, "{agent}");
        }
    }

    #[test]
    fn a_crawler_is_a_bot_on_no_device() {
        let devices = Devices::default();
        for agent in [
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/125.0.0.0 Safari/537.36",
        ] {
            let device = devices.of(agent);
            assert_eq!((device.is_bot, device.kind), (true, None), "{agent}");
        }
    }

    #[test]
    fn strings_of_any_length_and_number_cost_little() {
        let devices = Devices::default();
        let long = format!("Mozilla/5.0 (iPhone; {}", "é".repeat(500_000));
        assert_eq!(devices.of(&long).kind, Some("Mobile"));
        for number in 0..=MAX_KEPT {
            devices.known.write().unwrap().insert(number.to_string().into(), Arc::default());
        }
        devices.of("Mozilla/5.0 (iPhone)");
        assert_eq!(devices.known.read().unwrap().len(), 1);
    }
}
