//! What a part of a recording shows. Recordings are lists of rrweb events, `{type, data, timestamp}`. Events of type 3
//! name a source. The numbers are those of rrweb's `EventType` and `IncrementalSource`.

use super::scalar::Number;
use crate::dialect::json::{Fields, Object, Objects, Raw, skip};
use serde::de::MapAccess;

const MIXED: &str = "mixed";

/// The kind of one rrweb event.
pub(in crate::dialect) fn kind(event_type: Option<u64>, source: Option<u64>) -> &'static str {
    const INCREMENTAL: u64 = 3;
    match (event_type, source) {
        (Some(0..=2), _) => "dom",
        (Some(INCREMENTAL), Some(0 | 8..=10 | 13 | 15 | 16)) => "dom",
        (Some(INCREMENTAL), Some(1 | 2 | 6 | 12 | 14)) => "mouse",
        (Some(INCREMENTAL), Some(3)) => "scroll",
        (Some(INCREMENTAL), Some(4)) | (Some(4), _) => "viewport",
        (Some(INCREMENTAL), Some(5)) => "input",
        _ => "custom",
    }
}

/// The kind that all events of a recording share, else `mixed`. A recording is a list of events or a single one.
pub(super) fn kind_of_all(snapshot: Option<Raw<'_>>) -> &'static str {
    let text = snapshot.map_or("", |Raw(text)| text);
    let events = match text.as_bytes().first() {
        Some(b'[') => serde_json::from_str(text).map(|Objects(events)| events),
        _ => serde_json::from_str(text).map(|Object(event)| event.into_iter().collect()),
    };
    let events: Vec<RrwebEvent> = events.unwrap_or_default();
    let mut kinds = events.iter().map(|event| kind(event.kind, event.source));
    let first = kinds.next().unwrap_or("custom");
    if kinds.all(|kind| kind == first) { first } else { MIXED }
}

#[derive(Debug, Default)]
struct RrwebEvent {
    kind: Option<u64>,
    source: Option<u64>,
}

impl<'de> Fields<'de> for RrwebEvent {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = whole(map.next_value()?),
            "data" => self.source = map.next_value::<Object<Data>>()?.0.and_then(|data| data.source),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Data {
    source: Option<u64>,
}

impl<'de> Fields<'de> for Data {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "source" => self.source = whole(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn whole(Number(number): Number) -> Option<u64> {
    number.filter(|number| *number >= 0.0 && number.fract() == 0.0).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_has_the_kind_of_all_its_events() {
        for (json, kind) in [
            (r#"[{"type":2,"data":{}},{"type":3,"data":{"source":0}}]"#, "dom"),
            (r#"{"type":3,"data":{"source":5,"text":"x"}}"#, "input"),
            (r#"[{"type":3,"data":{"source":1}},{"type":3,"data":{"source":2}}]"#, "mouse"),
            (r#"[{"type":4,"data":{"width":1}},{"type":3,"data":{"source":4}}]"#, "viewport"),
            (r#"[{"type":3,"data":{"source":3}},{"type":3,"data":{"source":5}}]"#, "mixed"),
            (r#"[{"type":3,"data":{"source":3}}]"#, "scroll"),
            (r#"[{"type":5,"data":{"tag":"$pageview"}},{"type":6}]"#, "custom"),
            (r#"[{"type":3,"data":{"source":-1}},7]"#, "custom"),
            (r#""H4sIAAAA""#, "custom"),
            ("[]", "custom"),
        ] {
            assert_eq!(kind_of_all(Some(serde_json::from_str(json).unwrap())), kind, "{json}");
        }
        assert_eq!(kind_of_all(None), "custom");
    }
}
