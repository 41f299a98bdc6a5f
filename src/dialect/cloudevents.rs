//! CloudEvents 1.0 in JSON: events of tasks, with a type `<anything>.task.<state>`, and CDEvents wrapped in
//! CloudEvents.
//!
//! ```json
//! {"specversion":"1.0","id":"e1","source":"/runner","type":"org.example.task.created","subject":"t1",
//!  "time":"2026-03-01T12:00:00Z","data":{"short_id":"s1","task_type":"image_analysis"}}
//! ```
//!
//! The task is the subject, else `task_id` of the data. A field of the data wins over the same field of its `metadata`.
//! The data can be in `data_base64` instead.
//! Specification: <https://github.com/cloudevents/spec>.

use super::Dialect;
use super::cdevents::CdEvent;
use super::json::{self, Any, Count, Fields, Id, Lenient, Object, Raw, Text, fields, skip};
use super::moment::Moment;
use super::task_log::{self, Emit, Record, Records};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserialize, Deserializer, MapAccess};
use sessionmill_contract::{Event, TaskEvent, TaskState};
use std::borrow::Cow;

pub(super) const CLOUDEVENTS: Dialect = Dialect {
    name: "cloudevents",
    open: || Box::new(Records(|at, line, bytes, ask, emit| task_log::read::<Envelope<'_>>(at, line, bytes, ask, emit))),
    lists: true,
};

/// The states of a task: the last word of the type, after `task.`.
const STATES: [(&str, TaskState); 5] = [
    ("created", TaskState::Created),
    ("updated", TaskState::Updated),
    ("completed", TaskState::Completed),
    ("failed", TaskState::Failed),
    ("cancelled", TaskState::Cancelled),
];

/// The attributes of an event.
#[derive(Debug, Default)]
struct Envelope<'de> {
    version: Text<'de>,
    id: Id<'de>,
    source: Text<'de>,
    kind: Text<'de>,
    subject: Id<'de>,
    time: Moment,
    recorded: Moment,
    sequence: Text<'de>,
    data: Option<Raw<'de>>,
    /// The data in base64. It is JSON or anything else, as its type says.
    data_base64: Text<'de>,
    data_type: Text<'de>,
}

impl<'de> Fields<'de> for Envelope<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "specversion" => self.version = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "source" => self.source = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "subject" => self.subject = map.next_value()?,
            "time" => self.time = map.next_value()?,
            "recordedtime" => self.recorded = map.next_value()?,
            "sequence" => self.sequence = map.next_value()?,
            "data" => self.data = Some(map.next_value()?),
            "data_base64" => self.data_base64 = map.next_value()?,
            "datacontenttype" => self.data_type = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Record<'de> for Envelope<'de> {
    fn is_own(&self) -> bool {
        self.version.get().is_some() && self.kind.get().is_some()
    }

    fn kind(&self) -> Option<&str> {
        self.kind.name()
    }

    fn emit(&self, line: u64, bytes: &[u8], emit: &mut Emit<'_>) {
        let malformed = |why, emit: &mut Emit<'_>| emit(&Event::malformed(line, why));
        let kind = self.kind.name().unwrap_or_default();
        let version = self.version.get().unwrap_or_default();
        if !version.starts_with("1.") {
            return malformed("a `specversion` other than 1.0", emit);
        }
        let Some(id) = self.id.id() else { return malformed("no `id` of 1 to 512 bytes", emit) };
        let Some(source) = self.source.id() else { return malformed("no `source` of 1 to 512 bytes", emit) };
        let decoded = self.decoded();
        let text = self.data.map(|Raw(text)| text).or(decoded.as_deref());
        if kind.starts_with("dev.cdevents.") {
            return match read::<CdEvent<'_>>(text) {
                Some(event) => event.emit_in(line, Some((source, id)), bytes, emit),
                None => malformed("no CDEvent in `data`", emit),
            };
        }
        let Some(state) = state(kind) else { return task_log::unknown(line, &short(kind), emit) };
        let data = read::<Data<'_>>(text).unwrap_or_default();
        let metadata = data.metadata.as_deref();
        let Some(task_id) = self.subject.id().or(data.task_id.id()) else {
            return malformed("neither `subject` nor `data.task_id` of 1 to 512 bytes", emit);
        };
        if data.is_beyond || metadata.is_some_and(|metadata| metadata.is_beyond) {
            return malformed("an `attempt` that is not a whole number up to 2^40", emit);
        }
        let Some(time) = self.time.0.or(self.recorded.0) else { return malformed("no `time`", emit) };
        let event = TaskEvent {
            task_id,
            source,
            sequence: self.sequence.id(),
            state,
            short_id: data.short_id.id().or_else(|| metadata?.short_id.id()),
            task_type: named(&data.task_type).or_else(|| named(&metadata?.task_type)),
            task_name: None,
            user_id: data.user_id.id().or_else(|| metadata?.user_id.id()),
            attempt: data.attempt.0.or_else(|| metadata?.attempt.0).filter(|attempt| *attempt > 0),
            error: named(&data.error.0).or_else(|| named(&metadata?.error.0)),
            data: text.filter(|_| data.has_more),
            is_guessed: false,
        };
        task_log::known(line, kind, (time, Some(id)), &event, emit);
    }
}

impl Envelope<'_> {
    /// The text of data in base64, if it is JSON. Without a type, data is JSON.
    fn decoded(&self) -> Option<String> {
        let media = self.data_type.get().unwrap_or(JSON).split(';').next().unwrap_or_default().trim();
        let is_json = media.eq_ignore_ascii_case(JSON) || media.to_ascii_lowercase().ends_with("+json");
        let bytes = BASE64.decode(self.data_base64.get().filter(|_| is_json)?).ok()?;
        String::from_utf8(json::repair(&bytes).unwrap_or(bytes)).ok()
    }
}

const JSON: &str = "application/json";

/// Data, if it is an object.
fn read<'t, T: Fields<'t>>(text: Option<&'t str>) -> Option<T> {
    serde_json::from_str::<Object<T>>(text?).ok()?.0
}

/// The state that a type names.
fn state(kind: &str) -> Option<TaskState> {
    let (before, name) = kind.rsplit_once('.')?;
    let is_of_task = before == "task" || before.ends_with(".task");
    STATES.iter().find(|(state, _)| is_of_task && *state == name).map(|(_, state)| *state)
}

/// The last two words of a type, without the producer's domain.
fn short(kind: &str) -> String {
    let words: Vec<_> = kind.rsplit('.').take(2).collect();
    words.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// A name that is not empty.
fn named<'t>(text: &'t Text<'_>) -> Option<&'t str> {
    text.name().filter(|name| !name.is_empty())
}

/// The fields of the data or of its metadata that describe a task.
#[derive(Debug, Default)]
struct Data<'de> {
    task_id: Id<'de>,
    short_id: Id<'de>,
    task_type: Text<'de>,
    user_id: Id<'de>,
    attempt: Count,
    /// The attempt's number is too high to be counted.
    is_beyond: bool,
    error: Reason<'de>,
    metadata: Option<Box<Data<'de>>>,
    /// The data has further fields.
    has_more: bool,
}

impl<'de> Fields<'de> for Data<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "task_id" => self.task_id = map.next_value()?,
            "short_id" => self.short_id = map.next_value()?,
            "task_type" => self.task_type = map.next_value()?,
            "user_id" => self.user_id = map.next_value()?,
            "attempt" => {
                let Raw(text) = map.next_value()?;
                self.attempt = serde_json::from_str(text).unwrap_or_default();
                self.is_beyond = self.attempt.0.is_none() && text.parse::<f64>().is_ok_and(|attempt| attempt > 1.0);
            }
            "error" => self.error = map.next_value()?,
            "metadata" => {
                self.metadata = map.next_value::<Object<Self>>()?.0.map(Box::new);
                self.has_more |= self.metadata.as_ref().is_some_and(|metadata| metadata.has_more);
            }
            _ => {
                self.has_more = true;
                skip(map)?;
            }
        }
        Ok(())
    }
}

/// Why a task failed: a text, or the `message` of an object.
#[derive(Debug, Default)]
struct Reason<'de>(Text<'de>);

impl<'de> Fields<'de> for Reason<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "message" => self.0 = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct AReason;

impl<'de> Lenient<'de> for AReason {
    type Value = Reason<'de>;
    fn absent(self) -> Reason<'de> {
        Reason::default()
    }
    fn text(self, text: Cow<'de, str>) -> Reason<'de> {
        Reason(Text(Some(text)))
    }
    fn map<A: MapAccess<'de>>(self, map: A) -> Result<Reason<'de>, A::Error> {
        fields(map)
    }
}

impl<'de> Deserialize<'de> for Reason<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AReason))
    }
}
