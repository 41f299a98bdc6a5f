//! The items of a recording: what one part of it shows, and when.
//!
//! A part is a `$snapshot` event of PostHog with a list of rrweb events. Some of their data can be compressed. Text
//! that a person typed is masked unless it is requested: the text of inputs, and the values of form fields in snapshots
//! of the page.

use super::Reader;
use super::web::replay::kind;
use chrono::{DateTime, Utc};
use flate2::read::GzDecoder;
use serde_json::Value;
use sessionmill_contract::Said;
use std::io::Read as _;

/// One thing that a recording shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) time: DateTime<Utc>,
    /// `dom`, `mouse`, `scroll`, `input`, `viewport` or `custom`.
    pub(crate) event_type: &'static str,
    /// The rrweb event, in the form that a player accepts.
    pub(crate) data: Value,
}

/// Whether typed text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Masked,
    Shown,
}

/// The limits for unpacking the compressed data of a part: bytes, and JSON values, each of which takes many times its
/// length in memory. Data beyond these limits stays packed.
const UNPACKED: Room = Room { bytes: 64 << 20, values: 2 << 20 };

/// What is left of the limits.
#[derive(Clone, Copy)]
struct Room {
    bytes: u64,
    values: usize,
}

/// Replaces text that may contain what a person typed.
const HIDDEN: &str = "(masked)";

/// The items of a part of a recording: the event at a position on a line. `None` if that event is not a recording, or
/// not by this id in this session of the client.
pub(crate) fn items(line: &[u8], part: u32, [by, session]: [Option<&str>; 2], typed: Typed) -> Option<Vec<Item>> {
    let mut items = None;
    Reader::default().line(1, 0, line, &mut |event| {
        let Said::Activity(activity) = event.said else { return };
        let is_wanted = [Some(activity.distinct_id), activity.client_session_id] == [by, session];
        if activity.part != part || activity.replay.is_none() || !is_wanted {
            return;
        }
        let properties: Value = serde_json::from_str(activity.properties).unwrap_or_default();
        let snapshot = properties.get("$snapshot_data").or(properties.get("$snapshot_items"));
        let events = match snapshot {
            Some(Value::Array(events)) => events.clone(),
            other => other.into_iter().cloned().collect(),
        };
        let time = event.time.unwrap_or_default();
        let mut room = UNPACKED;
        items = Some(events.into_iter().map(|event| item(event, time, typed, &mut room)).collect());
    });
    items
}

fn item(mut event: Value, time: DateTime<Utc>, typed: Typed, room: &mut Room) -> Item {
    unpack(&mut event, room);
    let source = event.pointer("/data/source").and_then(Value::as_u64);
    let event_type = kind(event.get("type").and_then(Value::as_u64), source);
    let millis = event.get("timestamp").and_then(Value::as_f64).map(|millis| (millis * 1e3) as i64);
    let time = millis.and_then(DateTime::from_timestamp_micros).unwrap_or(time);
    if typed == Typed::Masked {
        if event_type == "input"
            && let Some(Value::String(text)) = event.pointer_mut("/data/text")
        {
            *text = stars(text);
        }
        mask(&mut event, false);
    }
    Item { time, event_type, data: event }
}

/// Unpacks the data of an event, or fields of it. They are gzip data in a string with one character per byte.
fn unpack(event: &mut Value, room: &mut Room) {
    if event.get("cv").is_none() {
        return;
    }
    let mut unpacked = |value: &Value| {
        let bytes: Option<Vec<u8>> = value.as_str()?.chars().map(|c| u8::try_from(c).ok()).collect();
        let mut text = Vec::new();
        GzDecoder::new(&*bytes?).take(room.bytes).read_to_end(&mut text).ok()?;
        room.bytes -= text.len() as u64;
        // Each value except the first comes after one of these bytes.
        let values = text.iter().filter(|byte| matches!(byte, b'[' | b'{' | b',' | b':')).count();
        room.values = room.values.checked_sub(values)?;
        serde_json::from_slice(&text).ok()
    };
    if let Some(data) = event.get_mut("data") {
        if let Some(whole) = unpacked(data) {
            *data = whole;
        }
        let parts = data.as_object_mut().into_iter().flat_map(|data| data.values_mut());
        parts.for_each(|part| {
            if let Some(whole) = unpacked(part) {
                *part = whole;
            }
        });
    }
    if let Some(event) = event.as_object_mut() {
        event.remove("cv");
    }
}

/// Masks the values of form fields, and the text inside them.
fn mask(value: &mut Value, is_field: bool) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, is_field)),
        Value::Object(fields) => {
            let tag = fields.get("tagName").and_then(Value::as_str);
            let is_field = is_field || matches!(tag, Some("input" | "textarea" | "select"));
            // A wireframe of a mobile SDK.
            let is_wireframe =
                fields.contains_key("inputType") || fields.get("type").and_then(Value::as_str) == Some("input");
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if name == "value" && is_wireframe => *text = stars(text),
                    Value::String(text) if name == "textContent" && is_field => *text = stars(text),
                    Value::Object(attributes) if name == "attributes" => {
                        if let Some(Value::String(text)) = attributes.get_mut("value") {
                            *text = stars(text);
                        }
                    }
                    // Data that could not be unpacked can contain anything.
                    Value::String(text) if text.starts_with("\u{1f}\u{8b}") => HIDDEN.clone_into(text),
                    other => mask(other, is_field),
                }
            }
        }
        _ => {}
    }
}

fn stars(text: &str) -> String {
    "*".repeat(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::GzEncoder;
    use serde_json::json;

    fn items_of(events: &Value, typed: Typed) -> Vec<Item> {
        let line = json!({"event": "$snapshot", "distinct_id": "u", "timestamp": 1_772_366_400,
                          "properties": {"$snapshot_data": events}});
        let line = line.to_string();
        let items = |part, by| items(line.as_bytes(), part, [Some(by), None], typed);
        assert_eq!([items(1, "u"), items(0, "v")], [None, None]);
        items(0, "u").unwrap()
    }

    fn packed(value: &Value) -> Value {
        let mut bytes = Vec::new();
        GzEncoder::new(value.to_string().as_bytes(), Compression::default()).read_to_end(&mut bytes).unwrap();
        bytes.into_iter().map(char::from).collect::<String>().into()
    }

    #[test]
    fn items_have_the_time_and_the_kind_of_their_events() {
        let events =
            json!([{"type": 3, "data": {"source": 3, "y": 9}, "timestamp": 1_772_366_399_500_u64}, {"type": 5}]);
        let items = items_of(&events, Typed::Masked);
        let shown: Vec<_> = items.iter().map(|item| (item.time.timestamp_millis(), item.event_type)).collect();
        assert_eq!(shown, [(1_772_366_399_500, "scroll"), (1_772_366_400_000, "custom")]);
        assert_eq!(items[0].data, events[0]);
    }

    #[test]
    fn data_beyond_the_limits_stays_packed() {
        let zeros = |number: usize| packed(&vec![0; number].into());
        let events = json!([
            {"type": 2, "cv": "2024-10", "data": zeros(10), "timestamp": 1},
            {"type": 2, "cv": "2024-10", "data": zeros(UNPACKED.values), "timestamp": 2},
            {"type": 2, "cv": "2024-10", "data": zeros(20), "timestamp": 3},
        ]);
        let items = items_of(&events, Typed::Masked);
        let lengths: Vec<_> = items.iter().map(|item| item.data["data"].as_array().map(Vec::len)).collect();
        assert_eq!(lengths, [Some(10), None, Some(20)]);
        assert_eq!(items[1].data["data"], HIDDEN);
        let text = "a".repeat(UNPACKED.bytes as usize / 2);
        let events: Value =
            (1..=3).map(|at| json!({"type": 2, "cv": "1", "data": packed(&json!(text)), "timestamp": at})).collect();
        let masked: Vec<_> = items_of(&events, Typed::Masked).iter().map(|item| item.data["data"] == HIDDEN).collect();
        assert_eq!(masked, [false, true, true], "with their quotes two of a half are more than the whole");
    }

    #[test]
    fn typed_text_is_masked_everywhere() {
        let page = json!({"node": {"childNodes": [
            {"tagName": "input", "attributes": {"type": "text", "value": "rye, 2 kg"}, "childNodes": []},
            {"tagName": "textarea", "childNodes": [{"type": 3, "textContent": "ring twice"}]},
            {"tagName": "p", "childNodes": [{"type": 3, "textContent": "Flour"}]}]}});
        let changes = json!([{"id": 4, "attributes": {"value": "ada@mill.example", "class": "wide"}}]);
        let events = json!([
            {"type": 2, "data": page, "timestamp": 1},
            {"type": 2, "cv": "2024-10", "data": packed(&page), "timestamp": 2},
            {"type": 3, "data": {"source": 5, "text": "rye", "isChecked": false}, "timestamp": 3},
            {"type": 3, "cv": "2024-10", "data": {"source": 0, "attributes": packed(&changes)}, "timestamp": 4},
            {"type": 3, "data": {"source": 0, "updates": [{"wireframe": {"type": "input", "value": "rye"}}]}, "timestamp": 5},
            {"type": 3, "data": "\u{1f}\u{8b}cut", "timestamp": 6},
        ]);
        let typed = ["rye", "ring", "ada@", "cut"];
        let masked: Vec<_> = items_of(&events, Typed::Masked).iter().map(|item| item.data.to_string()).collect();
        for text in &masked {
            assert!(typed.iter().all(|typed| !text.contains(typed)), "{text}");
        }
        assert!(masked[0].contains("Flour") && masked[1].contains("Flour") && masked[3].contains("wide"));
        assert!(masked[2].contains(r#""text":"***""#) && masked[5].contains(HIDDEN));
        let shown: Vec<_> = items_of(&events, Typed::Shown).iter().map(|item| item.data.to_string()).collect();
        assert!(
            shown[1].contains("rye, 2 kg") && shown[3].contains("ada@mill.example") && shown[2].contains("\"rye\"")
        );
    }
}
