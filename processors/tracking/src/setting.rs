//! The device and place of events and of sessions.

use crate::device::Devices;
use crate::json::{self, Object};
use crate::line::Line;
use sessionmill_contract::activity::{Device, Geo};
use std::collections::BTreeMap;

/// Device and place as one JSON object; `None` if the log says nothing about them.
pub(crate) fn stored(device: &Device<'_>, geo: &Geo<'_>, is_bot: bool) -> Option<String> {
    let mut object = Object::default();
    let screen = device.screen.map(|(width, height)| format!("{width}x{height}"));
    for (key, value) in [
        ("device_type", device.kind),
        ("os", device.os),
        ("os_version", device.os_version),
        ("browser", device.browser),
        ("browser_version", device.browser_version),
        ("screen", screen.as_deref()),
        ("user_agent", device.user_agent),
        ("country", geo.country),
        ("region", geo.region),
        ("city", geo.city),
        ("timezone", geo.timezone),
    ] {
        object.text(key, value);
    }
    if is_bot {
        object.raw(IS_BOT, "true");
    }
    object.end()
}

/// The key for events whose client marks itself as a program.
const IS_BOT: &str = "is_bot";

/// Device and place of a session: each value from the earliest event that has it. Missing values of the device are
/// derived from the earliest user agent string.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    values: BTreeMap<String, String>,
    pub(crate) is_bot: bool,
}

impl Setting {
    /// From the events of a session, in order of time.
    pub(crate) fn of(members: &[&Line<'_>], devices: &Devices) -> Self {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut is_bot = false;
        let mut last = "";
        for text in members.iter().filter_map(|line| line.row.device) {
            // A client repeats the same values with each event.
            if text == last {
                continue;
            }
            last = text;
            for (key, value) in json::read(text) {
                if let Some(value) = value.as_str() {
                    is_bot |= key == "user_agent" && devices.of(value).is_bot;
                    values.entry(key).or_insert_with(|| value.to_owned());
                } else {
                    is_bot |= key == IS_BOT;
                }
            }
        }
        if let Some(device) = values.get("user_agent").map(|agent| devices.of(agent)) {
            let mut add = |key: &str, value: Option<&str>| {
                if let Some(value) = value {
                    values.entry(key.to_owned()).or_insert_with(|| value.to_owned());
                }
            };
            add("device_type", device.kind);
            for (name, version, said, said_version) in [
                ("os", "os_version", &device.os, &device.os_version),
                ("browser", "browser_version", &device.browser, &device.browser_version),
            ] {
                add(name, said.as_deref());
                add(version, said_version.as_deref());
            }
        }
        Self { values, is_bot }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}
