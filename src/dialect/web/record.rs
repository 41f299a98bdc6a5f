//! The top level of a record, with the fields of PostHog and of Segment side by side. Fields of the other format cost
//! nothing, and a batch can contain records of both.

use super::found::{self, Found};
use super::scalar::{Number, Scalar, Stamp};
use crate::dialect::json::{self, Fields, Object, skip};
use serde::de::{Deserialize, Deserializer, MapAccess};
use std::borrow::Cow;

/// One record. Names in snake case are those of exports.
#[derive(Debug, Default)]
pub(super) struct Record<'de> {
    /// `type`, in Segment's records.
    pub(super) kind: Scalar<'de>,
    pub(super) event: Scalar<'de>,
    /// Whether there is an `event`, which can be empty.
    pub(super) has_event: bool,
    /// The name of a page or a screen.
    pub(super) name: Scalar<'de>,
    pub(super) uuid: Scalar<'de>,
    /// The event's id in answers of PostHog's API.
    pub(super) id: Scalar<'de>,
    pub(super) message_id: Scalar<'de>,
    pub(super) distinct_id: Scalar<'de>,
    pub(super) has_distinct_id: bool,
    pub(super) user_id: Scalar<'de>,
    pub(super) anonymous_id: Scalar<'de>,
    pub(super) previous_id: Scalar<'de>,
    /// Has one of the three ids that every Segment record has, with any value.
    pub(super) has_segment_id: bool,
    pub(super) timestamp: Stamp,
    pub(super) original: Stamp,
    pub(super) sent: Stamp,
    pub(super) received: Stamp,
    pub(super) now: Stamp,
    /// Milliseconds.
    pub(super) offset: Number,
    pub(super) properties: Raw<'de>,
    pub(super) context: Raw<'de>,
    /// The records for which this one is only an envelope.
    pub(super) batch: Option<json::Raw<'de>>,
    /// Whether it is a CloudEvent, which can have an extension of any name.
    is_cloud_event: bool,
    /// Properties at the top level.
    pub(super) flat: Option<Box<Found<'de>>>,
}

impl<'de> Fields<'de> for Record<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = map.next_value()?,
            "event" => {
                self.event = map.next_value()?;
                self.has_event = true;
            }
            "name" => self.name = map.next_value()?,
            "uuid" => self.uuid = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "messageId" | "message_id" => {
                self.message_id = map.next_value()?;
                self.has_segment_id = true;
            }
            "distinct_id" => {
                self.distinct_id = map.next_value()?;
                self.has_distinct_id = true;
            }
            "userId" | "user_id" => {
                self.user_id = map.next_value()?;
                // `user_id` is too common a name to be a sign of Segment.
                self.has_segment_id |= name == "userId";
            }
            "anonymousId" | "anonymous_id" => {
                self.anonymous_id = map.next_value()?;
                self.has_segment_id = true;
            }
            "previousId" | "previous_id" => self.previous_id = map.next_value()?,
            "timestamp" => self.timestamp = map.next_value()?,
            "originalTimestamp" | "original_timestamp" => self.original = map.next_value()?,
            "sentAt" | "sent_at" => self.sent = map.next_value()?,
            "receivedAt" | "received_at" => self.received = map.next_value()?,
            "now" => self.now = map.next_value()?,
            "offset" => self.offset = map.next_value()?,
            "properties" => self.properties = map.next_value()?,
            "context" => self.context = map.next_value()?,
            "batch" => self.batch = Some(map.next_value()?),
            "specversion" => {
                self.is_cloud_event = true;
                skip(map)?;
            }
            _ if found::is_known(name) => self.flat.get_or_insert_default().field(name, map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Record<'de> {
    /// The records in this envelope as JSON text, if it is one.
    pub(super) fn batch(&self) -> Option<&'de str> {
        let json::Raw(text) = self.batch?;
        (text.starts_with('[') && !self.has_event && !self.is_cloud_event).then_some(text)
    }

    /// The id of the event, under any of the names that SDKs and exports use.
    pub(super) fn event_id<'a>(&'a self, insert_id: Option<&'a str>) -> Option<&'a str> {
        let ids = [self.uuid.get(), self.message_id.get(), insert_id, self.id.get()];
        ids.into_iter().flatten().find(|id| json::is_id(id))
    }
}

/// An object as JSON text. Some exports write objects as strings that contain the text.
#[derive(Debug, Default)]
pub(super) struct Raw<'de>(Option<Cow<'de, str>>);

impl Raw<'_> {
    /// The text, or that of an empty object if there is none.
    pub(super) fn text(&self) -> &str {
        self.0.as_deref().unwrap_or("{}")
    }

    pub(super) fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json::Raw(text) = json::Raw::deserialize(deserializer)?;
        let inner = || serde_json::from_str::<String>(text).ok().map(|inner| Cow::Owned(inner.trim().to_owned()));
        let text = if text.starts_with('"') { inner() } else { Some(Cow::Borrowed(text)) };
        Ok(Self(text.filter(|text| text.starts_with('{'))))
    }
}

/// Parses an object from its text. `None` if it is broken or is not an object. If the text has to be repaired first,
/// the result is stored in `repaired`.
pub(super) fn object<'t, T: Fields<'t>>(text: &'t str, repaired: &'t mut Option<Vec<u8>>) -> Option<T> {
    if let Ok(Object(object)) = serde_json::from_str(text) {
        return object;
    }
    *repaired = json::repair(text.as_bytes());
    let Object(object) = serde_json::from_slice(repaired.as_deref()?).ok()?;
    object
}
