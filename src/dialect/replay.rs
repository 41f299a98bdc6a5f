//! The items of a recording: what one part of it shows, and when.
//!
//! A part is a `$snapshot` event of PostHog with a list of rrweb events. Some of their data can be compressed. Text
//! that a person typed is masked unless it is requested: the text of inputs, the values of form fields, and the text
//! below fields and below elements that can be edited.
//!
//! A change of the page names only the number of the node that it changes or below which it adds one. So [`Nodes`] are
//! collected from the whole recording first. Text of a node whose place in the page is unknown is masked, too.

use super::Reader;
use super::web::replay::kind;
use chrono::{DateTime, Utc};
use flate2::read::GzDecoder;
use serde_json::Value;
use sessionmill_contract::Said;
use std::collections::{HashMap, HashSet};
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

/// The items of a part of a recording: the event at a position on a line. Typed text is not masked yet. `None` if that
/// event is not a recording, or not by this id in this session of the client.
pub(crate) fn items(line: &[u8], part: u32, [by, session]: [Option<&str>; 2]) -> Option<Vec<Item>> {
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
        items = Some(events.into_iter().map(|event| item(event, time, &mut room)).collect());
    });
    items
}

fn item(mut event: Value, time: DateTime<Utc>, room: &mut Room) -> Item {
    unpack(&mut event, room);
    let source = event.pointer("/data/source").and_then(Value::as_u64);
    let event_type = kind(event.get("type").and_then(Value::as_u64), source);
    let millis = event.get("timestamp").and_then(Value::as_f64).map(|millis| (millis * 1e3) as i64);
    let time = millis.and_then(DateTime::from_timestamp_micros).unwrap_or(time);
    Item { time, event_type, data: event }
}

impl Item {
    /// Masks what a person typed.
    pub(crate) fn mask(&mut self, nodes: &Nodes) {
        if self.event_type == "input"
            && let Some(Value::String(text)) = self.data.pointer_mut("/data/text")
        {
            *text = stars(text);
        }
        mask(&mut self.data, false, nodes);
    }
}

/// The nodes of the pages that a recording shows, by number. A new page can use the numbers of an earlier one, so a
/// node counts as typed text if it is that in one of the pages.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    /// The numbers of the nodes below a node.
    below: HashMap<u64, Vec<u64>>,
    known: HashSet<u64>,
    /// Fields, elements that can be edited, and what is below them. Complete after [`Self::close`].
    fields: HashSet<u64>,
}

impl Nodes {
    /// Collects the nodes that an item shows.
    pub(crate) fn learn(&mut self, item: &Item) {
        self.walk(&item.data, None);
    }

    fn walk(&mut self, value: &Value, mut above: Option<u64>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.walk(value, above)),
            Value::Object(fields) => {
                let number = |name: &str| fields.get(name).and_then(Value::as_u64);
                if let Some(id) = number("id") {
                    // A node in a snapshot of the page, or one that is added. Without a type, it is a change of one.
                    if fields.contains_key("type") {
                        self.known.insert(id);
                        self.below.entry(above.unwrap_or(id)).or_default().push(id);
                    }
                    if is_field(value) {
                        self.fields.insert(id);
                    }
                    above = Some(id);
                }
                above = number("parentId").or(above);
                fields.values().for_each(|value| self.walk(value, above));
            }
            _ => {}
        }
    }

    /// Finds what is below fields, after all items were learned.
    pub(crate) fn close(&mut self) {
        let is_lost = |above: &&u64| !self.known.contains(*above);
        self.fields.extend(self.below.keys().filter(is_lost).copied().collect::<Vec<_>>());
        let mut open: Vec<_> = self.fields.iter().copied().collect();
        while let Some(id) = open.pop() {
            open.extend(self.below.remove(&id).unwrap_or_default().into_iter().filter(|id| self.fields.insert(*id)));
        }
    }

    /// Whether the text of a node is typed, or could be.
    fn is_typed(&self, id: &Value) -> bool {
        id.as_u64().is_none_or(|id| self.fields.contains(&id) || !self.known.contains(&id))
    }
}

/// Whether a node, or a change of one, is a field or an element that can be edited.
fn is_field(node: &Value) -> bool {
    let editable = node.pointer("/attributes/contenteditable").is_some_and(|value| !is_off(value));
    editable || matches!(node.get("tagName").and_then(Value::as_str), Some("input" | "textarea" | "select"))
}

/// Whether a value of the attribute `contenteditable` means that an element cannot be edited. Otherwise it is empty,
/// `true` or `plaintext-only`.
fn is_off(value: &Value) -> bool {
    value.is_null() || value == false || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false"))
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

/// Masks the values of form fields, and the text of nodes that are `typed` or below a field.
fn mask(value: &mut Value, typed: bool, nodes: &Nodes) {
    let typed = typed || is_field(value);
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, typed, nodes)),
        Value::Object(fields) => {
            // Text of a node, a change of it, and a node that is added below another one.
            let has = |name: &str| fields.contains_key(name);
            let id = fields.get("id").filter(|_| has("textContent") || has("value"));
            let above = fields.get("parentId").filter(|_| has("node"));
            let typed = typed || id.or(above).is_some_and(|id| nodes.is_typed(id));
            // A wireframe of a mobile SDK.
            let is_wireframe =
                fields.contains_key("inputType") || fields.get("type").and_then(Value::as_str) == Some("input");
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if name == "value" && (is_wireframe || typed) => *text = stars(text),
                    Value::String(text) if name == "textContent" && typed => *text = stars(text),
                    Value::Object(attributes) if name == "attributes" => {
                        if let Some(Value::String(text)) = attributes.get_mut("value") {
                            *text = stars(text);
                        }
                    }
                    // Data that could not be unpacked can contain anything.
                    Value::String(text) if text.starts_with("\u{1f}\u{8b}") => HIDDEN.clone_into(text),
                    other => mask(other, typed, nodes),
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
        let items = |part, by| items(line.as_bytes(), part, [Some(by), None]);
        assert_eq!([items(1, "u"), items(0, "v")], [None, None]);
        let mut items = items(0, "u").unwrap();
        if typed == Typed::Masked {
            let mut nodes = Nodes::default();
            items.iter().for_each(|item| nodes.learn(item));
            nodes.close();
            items.iter_mut().for_each(|item| item.mask(&nodes));
        }
        items
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

    #[test]
    fn text_below_what_can_be_edited_is_typed_and_so_is_text_of_unknown_nodes() {
        let text = |id: u64, text: &str| json!({"type": 3, "id": id, "textContent": text});
        let page = json!({"node": {"type": 0, "id": 1, "childNodes": [
            {"type": 2, "id": 2, "tagName": "div", "attributes": {"contenteditable": ""}, "childNodes": [text(3, "rye")]},
            {"type": 2, "id": 4, "tagName": "textarea", "attributes": {}, "childNodes": [text(5, "oats")]},
            {"type": 2, "id": 6, "tagName": "p", "attributes": {"contenteditable": "false"}, "childNodes": [text(7, "Flour")]},
            {"type": 2, "id": 8, "tagName": "p", "attributes": {}, "childNodes": [text(9, "Salt")]}]}});
        let change = |data: Value, time: u64| json!({"type": 3, "data": data, "timestamp": time});
        let events = json!([
            {"type": 2, "data": page, "timestamp": 1},
            change(json!({"source": 0, "texts": [{"id": 3, "value": "rye 1"}, {"id": 5, "value": "oats 1"}, {"id": 7, "value": "Flour 1"}]}), 2),
            change(json!({"source": 0, "adds": [
                {"parentId": 2, "node": {"type": 2, "id": 10, "tagName": "p", "attributes": {}, "childNodes": [text(11, "rye 2")]}},
                {"parentId": 10, "node": text(12, "rye 3")},
                {"parentId": 6, "node": text(13, "Flour 2")},
                {"parentId": 99, "node": text(14, "rye 4")}]}), 3),
            change(json!({"source": 0, "texts": [{"id": 98, "value": "rye 5"}, {"id": 14, "value": "rye 6"}]}), 4),
            change(json!({"source": 0, "attributes": [{"id": 8, "attributes": {"contenteditable": "true"}}], "texts": [{"id": 9, "value": "rye 7"}]}), 5),
        ]);
        let masked = items_of(&events, Typed::Masked).iter().map(|item| item.data.to_string()).collect::<String>();
        assert!(["rye", "oats", "Salt"].iter().all(|typed| !masked.contains(typed)), "{masked}");
        assert!(["Flour", "Flour 1", "Flour 2"].iter().all(|text| masked.contains(&format!("\"{text}\""))), "{masked}");
        let shown = items_of(&events, Typed::Shown).iter().map(|item| item.data.to_string()).collect::<String>();
        assert!((1..=7).all(|number| shown.contains(&format!("rye {number}"))), "{shown}");
    }
}
