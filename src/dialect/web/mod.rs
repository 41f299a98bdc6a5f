//! Logs of web and app events: PostHog's events, and calls of Segment's specification.
//!
//! The two formats have much in common. A line is one event, or an envelope with a `batch` of events, as SDKs send it.
//! The values of an event can be at its top level, in its `properties`, in its `context`, or in a string that contains
//! one of these as JSON. An event without an id or a time is malformed; other events on the line are still read.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`record`] | the top level of a record |
//! | [`found`], [`context`] | known properties, and the context of a call |
//! | [`scalar`] | ids, numbers and times in any notation |
//! | [`posthog`], [`segment`] | what a record of each format says |
//! | [`class`] | the effect of an event on a session |
//! | [`campaign`] | campaign values and click ids |
//! | [`replay`] | recordings |

mod campaign;
mod class;
mod context;
mod found;
mod posthog;
mod record;
pub(super) mod replay;
mod scalar;
mod segment;
#[cfg(test)]
mod tests;

use super::json::{self, shortened, shortened_to};
use super::splice::{self, Position};
use super::{Ask, Dialect, Parsed, Parser, content_id};
use chrono::{DateTime, Datelike, Utc};
use class::Call;
use found::{Found, Key};
use record::{Record, object};
use scalar::Stamp;
use serde_json::value::RawValue;
use sessionmill_contract::activity::{Device, Geo};
use sessionmill_contract::{Activity, Event, Said};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

pub(super) const POSTHOG: Dialect = Dialect { name: "posthog", open: || Box::new(Web(Format::PostHog)), lists: true };

pub(super) const SEGMENT: Dialect = Dialect { name: "segment", open: || Box::new(Web(Format::Segment)), lists: true };

/// What is wrong with an event.
type Flaw = &'static str;

const NO_OBJECT: Flaw = "a batch with something that is not an event";

/// The format needs no state: each line can be read by itself.
struct Web(Format);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    PostHog,
    Segment,
}

/// What an envelope says about its events: times for those that have none of their own, and a context.
#[derive(Debug, Default)]
struct Envelope<'t> {
    now: Stamp,
    sent: Stamp,
    received: Stamp,
    context: Entries<'t>,
}

/// The entries of an object, as JSON text.
type Entries<'t> = BTreeMap<String, &'t RawValue>;

impl Envelope<'_> {
    /// The context of an event as JSON text: that of the envelope, with the event's own entries in place of those of the
    /// same name.
    fn context<'e>(&self, own: &'e str) -> Cow<'e, str> {
        if self.context.is_empty() {
            return Cow::Borrowed(own);
        }
        let Ok(entries) = serde_json::from_str::<Entries<'_>>(own) else { return Cow::Borrowed(own) };
        let mut context = self.context.clone();
        context.extend(entries);
        serde_json::to_string(&context).map_or(Cow::Borrowed(own), Cow::Owned)
    }
}

impl Parser for Web {
    fn record(
        &mut self,
        at: Position,
        line: u64,
        bytes: &[u8],
        ask: Ask,
        events: &mut dyn FnMut(&Event<'_>),
    ) -> Parsed {
        let Some((record, length)): Option<(Record<'_>, _)> = splice::record(bytes) else { return Parsed::NoRecord };
        let mut output = Output { line, text: &bytes[..length], events };
        if let Some(batch) = record.batch().filter(|_| at != Position::PerhapsInside) {
            let format = format_of_batch(batch);
            return match ask {
                _ if is_empty(batch) => {
                    output.empty();
                    Parsed::Record(length)
                }
                Ask::Own if format != Some(self.0) => Parsed::Foreign,
                _ => {
                    let Record { now, sent, received, ref context, .. } = record;
                    let context = serde_json::from_str(context.text()).unwrap_or_default();
                    output.batch(batch, self.0, &Envelope { now, sent, received, context });
                    Parsed::Record(length)
                }
            };
        }
        let mut repaired = None;
        let properties = object(record.properties.text(), &mut repaired).unwrap_or_default();
        let format = format(&record, &properties);
        if ask == Ask::Own && format != Some(self.0) {
            return Parsed::Foreign;
        }
        // An object inside an event can look like an event, but has no id of its own.
        let is_record = match at {
            Position::Due => true,
            Position::AfterBroken => format.is_some(),
            Position::PerhapsInside => format.is_some() && record.event_id(None).is_some(),
        };
        if !is_record {
            return Parsed::NoRecord;
        }
        let format = if at == Position::Due { format.or(likely(&record, self.0)) } else { format };
        match emit(&record, &properties, format, &Envelope::default(), &mut output) {
            Ok(()) => Parsed::Record(length),
            Err(flaw) if at == Position::Due => {
                output.malformed(flaw);
                Parsed::Record(length)
            }
            Err(_) => Parsed::NoRecord,
        }
    }
}

/// The format of a record, if that is certain.
fn format(record: &Record<'_>, properties: &Found<'_>) -> Option<Format> {
    // A Segment call can have a `distinct_id` as well. It counts as PostHog's only if it also names an event.
    if record.has_segment_id && !(record.has_event && record.has_distinct_id) && call(record).is_some() {
        return Some(Format::Segment);
    }
    let is_marked = |flat: &Found<'_>| flat.is_marked;
    let is_posthog = record.has_distinct_id || properties.is_marked || record.flat.as_deref().is_some_and(is_marked);
    (record.has_event && is_posthog).then_some(Format::PostHog)
}

/// The probable format of a record that has no certain mark, among records of format `among`: that one, if the record
/// names an event or call as that format does.
fn likely(record: &Record<'_>, among: Format) -> Option<Format> {
    let is_likely = match among {
        Format::PostHog => record.event.get().is_some(),
        Format::Segment => call(record).is_some(),
    };
    is_likely.then_some(among)
}

fn call(record: &Record<'_>) -> Option<Call> {
    record.kind.get().and_then(Call::of)
}

/// Whether a batch is empty. An SDK without events can send that.
fn is_empty(batch: &str) -> bool {
    batch.trim_start_matches('[').trim_ascii() == "]"
}

/// The format of the first event in a batch whose format is certain.
fn format_of_batch(batch: &str) -> Option<Format> {
    let mut first = None;
    json::elements_of(batch.as_bytes(), &mut |element| {
        let (mut repaired, mut repaired_properties) = (None, None);
        if let Some(record) = object::<Record<'_>>(element, &mut repaired) {
            let properties = object(record.properties.text(), &mut repaired_properties).unwrap_or_default();
            first = format(&record, &properties);
        }
        if first.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    first
}

/// Emits what a record says.
fn emit(
    record: &Record<'_>,
    properties: &Found<'_>,
    format: Option<Format>,
    envelope: &Envelope<'_>,
    output: &mut Output<'_>,
) -> Result<(), Flaw> {
    match (format, call(record)) {
        (Some(Format::Segment), Some(call)) => segment::emit(call, record, properties, envelope, output),
        (Some(_), _) => posthog::emit(record, properties, envelope, output),
        (None, _) => {
            output.unknown(record.kind.get());
            Ok(())
        }
    }
}

/// Emits events.
struct Output<'o> {
    line: u64,
    /// The text of the record.
    text: &'o [u8],
    events: &'o mut dyn FnMut(&Event<'_>),
}

impl<'o> Output<'o> {
    /// Emits a record and its activity. `id` is that of the log.
    fn event(&mut self, id: Option<&str>, time: DateTime<Utc>, kind: &str, activity: &Activity<'_>) {
        // The time of an event in a batch can depend on the envelope.
        let content = || content_id(&[self.text.trim_ascii_end(), &time.timestamp_micros().to_be_bytes()]);
        let id = id.map_or_else(|| Cow::Owned(content()), Cow::Borrowed);
        let said = Said::Record { kind, known: true };
        let record = Event { line: self.line, time: Some(time), id: Some(&id), said };
        (self.events)(&record);
        (self.events)(&Event { said: Said::Activity(activity), ..record });
    }

    fn unknown(&mut self, kind: Option<&str>) {
        let kind = kind.unwrap_or(Dialect::NO_TYPE);
        (self.events)(&Event { line: self.line, time: None, id: None, said: Said::Record { kind, known: false } });
    }

    /// Emits a batch without events.
    fn empty(&mut self) {
        (self.events)(&Event {
            line: self.line,
            time: None,
            id: None,
            said: Said::Record { kind: "batch", known: true },
        });
    }

    fn malformed(&mut self, flaw: Flaw) {
        (self.events)(&Event::malformed(self.line, flaw));
    }

    /// Emits the events of a batch.
    fn batch(&mut self, batch: &str, among: Format, envelope: &Envelope<'_>) {
        json::elements_of(batch.as_bytes(), &mut |element| {
            let (mut repaired, mut repaired_properties) = (None, None);
            match object::<Record<'_>>(element, &mut repaired) {
                Some(record) => {
                    let properties = object(record.properties.text(), &mut repaired_properties).unwrap_or_default();
                    let mut output = Output { line: self.line, text: element.as_bytes(), events: &mut *self.events };
                    let format = format(&record, &properties).or(likely(&record, among));
                    let emitted = emit(&record, &properties, format, envelope, &mut output);
                    emitted.unwrap_or_else(|flaw| self.malformed(flaw));
                }
                None => self.malformed(NO_OBJECT),
            }
            ControlFlow::Continue(())
        });
    }

    /// The properties of a record as JSON text. If they are at its top level, that is the whole record.
    fn properties<'a>(&self, record: &'a Record<'_>) -> &'a str
    where
        'o: 'a,
    {
        match record.properties.is_absent() && record.flat.is_some() {
            true => std::str::from_utf8(self.text).unwrap_or("{}").trim_ascii_end(),
            false => record.properties.text(),
        }
    }
}

/// Whether the year of a time is supported.
fn is_possible(time: &DateTime<Utc>) -> bool {
    (1..=9999).contains(&time.year())
}

/// A URL, cut to the length that is kept.
fn address(text: Option<&str>) -> Option<&str> {
    text.map(|text| shortened_to(text, Activity::LONGEST_URL))
}

fn named<'a>(places: &[&'a Found<'_>], key: Key) -> Option<&'a str> {
    places.iter().find_map(|found| found.get(key)).map(shortened)
}

fn device<'a>(places: &[&'a Found<'_>]) -> Device<'a> {
    let pixels = |key: Key| named(places, key)?.parse().ok();
    Device {
        kind: named(places, Key::DeviceType),
        os: named(places, Key::Os).or(named(places, Key::OsName)),
        os_version: named(places, Key::OsVersion),
        browser: named(places, Key::Browser),
        browser_version: named(places, Key::BrowserVersion),
        screen: pixels(Key::ScreenWidth).zip(pixels(Key::ScreenHeight)),
        user_agent: named(places, Key::UserAgent),
    }
}

fn geo<'a>(places: &[&'a Found<'_>]) -> Geo<'a> {
    Geo {
        ip: named(places, Key::Ip),
        country: named(places, Key::Country),
        region: named(places, Key::Region),
        city: named(places, Key::City),
        timezone: named(places, Key::Timezone).or(named(places, Key::GeoTimezone)),
    }
}
