//! PostHog's events, as SDKs send them to the capture endpoints, and as exports write them.
//!
//! ```text
//! {"event":"$pageview","distinct_id":"u-7","uuid":"…","timestamp":"…","properties":{"$current_url":"…","$session_id":"…"}}
//! ```
//!
//! An event without a `timestamp` happened `offset` milliseconds before it was received (`now`) or sent (`sent_at`).

use super::campaign::Query;
use super::found::{Found, Key};
use super::record::Record;
use super::scalar::Stamp;
use super::{Envelope, Flaw, Output, address, class, device, geo, replay};
use crate::dialect::json::{is_id, shortened};
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::Activity;
use sessionmill_contract::activity::{Link, Replay};

const NO_NAME: Flaw = "no `event`";
const NO_ID: Flaw = "no `distinct_id`, and no `$device_id` in its place";
const LONG_ID: Flaw = "its `distinct_id` is longer than 512 bytes";
const NO_TIME: Flaw = "no `timestamp`, and no `now` or `sent_at` to count an `offset` from";
const WRONG_TIME: Flaw = "its `timestamp` is not a time";

/// Emits what an event says.
pub(super) fn emit(
    record: &Record<'_>,
    properties: &Found<'_>,
    envelope: &Envelope<'_>,
    output: &mut Output<'_>,
) -> Result<(), Flaw> {
    let nothing = Found::default();
    let places = [properties, record.flat.as_deref().unwrap_or(&nothing)];
    let get = |key: Key| places.iter().find_map(|found| found.get(key));
    let name = record.event.get().map(shortened).ok_or(NO_NAME)?;
    let ids = [record.distinct_id.get(), get(Key::DistinctId), get(Key::DeviceId)];
    let distinct_id = ids.into_iter().flatten().find(|id| is_id(id));
    let distinct_id = distinct_id.ok_or(if ids == [None; 3] { NO_ID } else { LONG_ID })?;
    let time = time(record, envelope, get(Key::Time))?;
    let url = get(Key::CurrentUrl);
    let query = Query::of(url);
    let screen = get(Key::ScreenName).filter(|_| url.is_none() || name == "$screen");
    let link = link(name, distinct_id, get(Key::AnonDistinctId), get(Key::Alias));
    let is_replay = matches!(name, "$snapshot" | "$snapshot_items");
    let text = output.properties(record);
    let id = record.event_id(get(Key::InsertId));
    output.event(
        id,
        time,
        name,
        &Activity {
            class: class::of_event(name),
            name,
            part: 0,
            has_own_id: id.is_some(),
            distinct_id,
            client_session_id: get(Key::SessionId).filter(|id| is_id(id)),
            links: link.as_slice(),
            url: address(screen.or(url)),
            path: address(get(Key::Pathname)),
            referrer: address(get(Key::Referrer)),
            campaign: query.campaign(&places),
            click_ids: &query.click_ids(&places),
            device: device(&places),
            geo: geo(&places),
            properties: text,
            // The reader adds the position of the line.
            replay: is_replay.then(|| Replay { kind: replay::kind_of_all(properties.snapshot), offset: 0, length: 0 }),
        },
    );
    Ok(())
}

fn time(record: &Record<'_>, envelope: &Envelope<'_>, in_properties: Option<&str>) -> Result<DateTime<Utc>, Flaw> {
    match record.timestamp {
        Stamp::At(time) => return Ok(time),
        Stamp::Wrong => return Err(WRONG_TIME),
        Stamp::Absent => {}
    }
    let now = record.now.or(envelope.now).time();
    if let Some(base) = now.or(record.sent.or(envelope.sent).time()) {
        let offset = TimeDelta::try_milliseconds(record.offset.0.unwrap_or_default() as i64);
        let time = offset.and_then(|offset| base.checked_sub_signed(offset));
        return time.filter(super::is_possible).ok_or("its `offset` leads to a year that is not supported");
    }
    // Older SDKs, and Mixpanel, write the time among the properties.
    in_properties.and_then(|time| Stamp::of(time).time()).ok_or(NO_TIME)
}

/// The two ids that an event joins to one person.
fn link<'a>(name: &str, user: &'a str, anonymous: Option<&'a str>, alias: Option<&'a str>) -> Option<Link<'a>> {
    let (joined, is_forced) = match name {
        "$identify" => (anonymous, false),
        "$create_alias" => (alias, false),
        "$merge_dangerously" => (alias, true),
        _ => return None,
    };
    let joined = joined.filter(|joined| is_id(joined) && *joined != user)?;
    Some(Link { user, anonymous: joined, is_forced })
}
