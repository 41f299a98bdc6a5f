//! Calls of Segment's specification. RudderStack's SDKs write them too.
//!
//! ```text
//! {"type":"page","messageId":"…","anonymousId":"a-3","userId":"u-7","originalTimestamp":"…","context":{"page":{"url":"…"}}}
//! ```
//!
//! The clock of a device can be wrong. If a record has the times at which it was written, sent and received, the first
//! two are from the device and the last is from the server. Then the event's time is the time of receipt minus the time
//! between writing and sending. For example, an event that was written at 09:00:00, sent at 09:00:10 and received at
//! 12:00:10 happened at 12:00:00.

use super::campaign::Query;
use super::class::{self, Call};
use super::context::Context;
use super::found::{Found, Key};
use super::record::{Record, object};
use super::scalar::Stamp;
use super::{Envelope, Flaw, Output, address, device, geo};
use crate::dialect::json::{is_id, shortened};
use chrono::{DateTime, Utc};
use sessionmill_contract::Activity;
use sessionmill_contract::activity::{Device, Link};

const NO_ID: Flaw = "no `userId`, and no `anonymousId` in its place";
const LONG_ID: Flaw = "its `userId` or `anonymousId` is longer than 512 bytes";
const NO_TIME: Flaw = "no `timestamp` or `originalTimestamp`";
const WRONG_TIME: Flaw = "its `timestamp` or `originalTimestamp` is not a time";

/// Emits what a call says.
pub(super) fn emit(
    call: Call,
    record: &Record<'_>,
    properties: &Found<'_>,
    envelope: &Envelope<'_>,
    output: &mut Output<'_>,
) -> Result<(), Flaw> {
    let mut repaired = None;
    let context = envelope.context(record.context.text());
    let Context(context) = object(&context, &mut repaired).unwrap_or_default();
    let nothing = Found::default();
    let flat = record.flat.as_deref().unwrap_or(&nothing);
    let places = [properties, &context, flat];
    let user = record.user_id.id();
    let anonymous = record.anonymous_id.id();
    let has_id = record.user_id.get().or(record.anonymous_id.get()).is_some();
    let distinct_id = user.or(anonymous).ok_or(if has_id { LONG_ID } else { NO_ID })?;
    let time = time(record, envelope)?;
    let event = record.event.get().filter(|_| call == Call::Track);
    let name = event.map_or(call.name(), shortened);
    // In page and screen calls, properties describe the page. In other calls they can describe anything, such as a
    // product.
    let is_seen = matches!(call, Call::Page | Call::Screen);
    let places_of_page = if is_seen { &places[..] } else { &places[1..] };
    let of_page = |key: Key| places_of_page.iter().find_map(|found| found.get(key));
    let url = of_page(Key::PlainUrl);
    let screen = record.name.get().or(properties.get(Key::PlainName)).filter(|_| call == Call::Screen);
    let query = Query::of(url);
    let session = places.iter().find_map(|found| found.get(Key::SessionId));
    let visit = session.and_then(|session| visit_of(session, anonymous.unwrap_or(distinct_id)));
    // Browsers give an empty referrer where a page was not reached by a link.
    let is_direct = url.is_some() && context.has(Key::PlainReferrer);
    let referrer = of_page(Key::PlainReferrer).or(is_direct.then_some("$direct"));
    let text = output.properties(record);
    let id = record.event_id(properties.get(Key::InsertId));
    output.event(
        id,
        time,
        call.name(),
        &Activity {
            class: class::of_call(call).unwrap_or_else(|| class::of_event(name)),
            name,
            part: 0,
            has_own_id: id.is_some(),
            distinct_id,
            client_session_id: visit.as_deref().or(session).filter(|id| is_id(id)),
            links: &links(call, user, anonymous, record.previous_id.id()),
            url: address(screen.or(url)),
            path: address(of_page(Key::PlainPath)),
            referrer: address(referrer),
            campaign: query.campaign(&places),
            click_ids: &query.click_ids(&places),
            device: device_of(&places),
            geo: geo(&places),
            properties: text,
            replay: None,
        },
    );
    Ok(())
}

/// The client session of an id that is not unique. RudderStack's SDKs count sessions by the time at which they begin, so
/// visitors who come at the same time have the same number: it names a session only together with the visitor.
fn visit_of(session: &str, visitor: &str) -> Option<String> {
    session.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{visitor}/{session}"))
}

/// The device. Mobile SDKs write the operating system in the place of its type.
fn device_of<'a>(places: &[&'a Found<'_>]) -> Device<'a> {
    let mut device = device(places);
    if device.kind.is_some_and(|kind| ["ios", "android"].iter().any(|os| kind.eq_ignore_ascii_case(os))) {
        device.kind = Some("Mobile");
    }
    device
}

fn time(record: &Record<'_>, envelope: &Envelope<'_>) -> Result<DateTime<Utc>, Flaw> {
    let Record { timestamp, original, .. } = *record;
    let sent = record.sent.or(envelope.sent);
    let received = record.received.or(envelope.received);
    if let (Stamp::At(original), Stamp::At(sent), Stamp::At(received)) = (original, sent, received) {
        let corrected = received.checked_sub_signed(sent - original).filter(super::is_possible);
        return corrected.ok_or("its times lead to a year that is not supported");
    }
    if let Some(time) = timestamp.time().or(original.time()) {
        return Ok(time);
    }
    if [timestamp, original].contains(&Stamp::Wrong) {
        return Err(WRONG_TIME);
    }
    sent.time().or(received.time()).ok_or(NO_TIME)
}

/// The ids that a call joins to one person. Any call can have two ids, and an alias also names the previous id.
fn links<'a>(
    call: Call,
    user: Option<&'a str>,
    anonymous: Option<&'a str>,
    previous: Option<&'a str>,
) -> Vec<Link<'a>> {
    let Some(user) = user else { return Vec::new() };
    let previous = previous.filter(|_| call == Call::Alias);
    let joined = anonymous.into_iter().chain(previous).filter(|joined| *joined != user);
    joined.map(|anonymous| Link { user, anonymous, is_forced: false }).collect()
}
