//! Events that programs send. Each becomes a line of a log in the caller's own event folder, and is on disk before the
//! answer. The next run reads it like any other log. Nothing else is written.

use crate::base::utc;
use crate::console::accounts::token::Scope;
use crate::console::app::App;
use crate::console::caller::Caller;
use crate::console::paths::{BODY_OF_EVENTS, EVENTS};
use crate::console::problem::{Problem, ProblemDocument};
use crate::console::unread::Named;
use crate::dialect;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use axum::{Json, Router};
use flate2::read::MultiGzDecoder;
use serde::Serialize;
use serde_json::value::RawValue;
use sessionmill_contract::{Event, Said};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

/// The most bytes of a body after unpacking.
const UNPACKED: u64 = 64 << 20;
/// The most events of a request.
const MOST: usize = 50_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route(EVENTS, post(append)).layer(DefaultBodyLimit::max(BODY_OF_EVENTS))
}

/// The number of events that are on disk.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Appended {
    accepted: usize,
}

/// Append events in the format of PostHog or CloudEvents: one, a list, or PostHog's `{"batch": […]}`; gzip is allowed.
/// Either all are appended, or none: if one has another format or is about a task of another user.
#[utoipa::path(post, path = "/events", operation_id = "appendEvents", tag = "events",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 202, body = Appended), (status = 400, body = ProblemDocument),
        (status = 401, body = ProblemDocument), (status = 403, body = ProblemDocument),
        (status = 409, body = ProblemDocument), (status = 413, body = ProblemDocument),
        (status = 415, body = ProblemDocument),
        (status = 503, body = ProblemDocument)))]
pub(super) async fn append(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Appended>), Problem> {
    caller.require(Scope::Ingest)?;
    let Some(root) = app.events.clone() else { return Err(Problem::unavailable("there is no folder of events")) };
    let is_packed = is_packed(&headers)?;
    let (now, cap) = ((app.now)().wall, app.config.caps.line);
    let read = tokio::task::spawn_blocking(move || {
        let text = if is_packed { unpacked(&body)? } else { body.to_vec() };
        lines(&text, &utc::milliseconds(now), cap)
    });
    let (lines, named) = read.await.map_err(|_| Problem::unavailable("the events could not be read"))??;
    let accepted = app.append(&caller, root, now.date_naive(), lines, named).await?;
    Ok((StatusCode::ACCEPTED, Json(Appended { accepted })))
}

/// Whether the body is packed with gzip.
fn is_packed(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let (coding, more) = (codings.next(), codings.next());
    match coding.map(|coding| coding.to_str().unwrap_or_default().trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") if more.is_none() => Ok(false),
        Some("gzip" | "x-gzip") if more.is_none() => Ok(true),
        _ => {
            let detail = "a body is packed with gzip or not at all";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::new();
    let read = MultiGzDecoder::new(body).take(UNPACKED + 1).read_to_end(&mut text);
    match read {
        Ok(bytes) if bytes as u64 > UNPACKED => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body unpacks to more than 64 MiB"))
        }
        Ok(_) => Ok(text),
        Err(_) => Err(Problem::bad_request("the body is not packed with gzip")),
    }
}

const UNKNOWN: &str = "its type is unknown: that of a task ends with .task.created, .task.updated, .task.completed, \
                       .task.failed or .task.cancelled";

type Object<'t> = BTreeMap<String, &'t RawValue>;

/// Turns a body into lines, one per event. An event is kept as it was sent, with the time of arrival added. Also
/// returns the tasks that the events name. An event that a run could not read, because it is invalid or too long, is
/// refused.
fn lines(text: &[u8], now: &str, cap: usize) -> Result<(Vec<String>, Named), Problem> {
    let no_json = |error: serde_json::Error| {
        Problem::bad_request(format!("the body is not JSON, at line {}, column {}", error.line(), error.column()))
    };
    let whole: &RawValue = serde_json::from_slice(text).map_err(no_json)?;
    let (events, sent_at): (Vec<&RawValue>, Option<&RawValue>) = match whole.get().as_bytes().first() {
        Some(b'[') => (serde_json::from_str(whole.get()).map_err(no_json)?, None),
        Some(b'{') => {
            let object: Object<'_> = serde_json::from_str(whole.get()).map_err(no_json)?;
            match object.get("batch").filter(|_| format(&object).is_none()) {
                Some(batch) => {
                    let wrong = |_| Problem::bad_request("`batch` is not a list");
                    let events = serde_json::from_str(batch.get()).map_err(wrong)?;
                    (events, object.get("sent_at").copied())
                }
                None => (vec![whole], None),
            }
        }
        _ => return Err(Problem::bad_request("the body is neither an event nor a list of events")),
    };
    if events.len() > MOST {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has {MOST} events at most")));
    }
    let mut reader = dialect::Reader::default();
    let mut lines = Vec::with_capacity(events.len());
    let mut named = Named::default();
    for (number, event) in (1u64..).zip(&events) {
        let line = line(number, event, sent_at, now)?;
        if line.len() > cap {
            let detail = format!("event {number} is longer than a line may be, which is {cap} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let (mut broken, mut is_unknown) = (None, false);
        let take = &mut |event: &Event<'_>| match event.said {
            Said::Malformed { why } => broken = Some(why),
            Said::Record { known: false, .. } => is_unknown = true,
            Said::Task(task) => named.add(number, event, task),
            _ => {}
        };
        reader.line(number, 0, line.as_bytes(), take);
        dialect::Reader::every(number, line.as_bytes(), take);
        if let Some(why) = broken.or(is_unknown.then_some(UNKNOWN)) {
            return Err(Problem::bad_request(format!("event {number} would not be read: {why}")));
        }
        lines.push(line);
    }
    Ok((lines, named))
}

/// The format of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    PostHog,
    CloudEvents,
}

/// The format of an event by its fields; `None` if it is no event.
fn format(object: &Object<'_>) -> Option<Format> {
    let has = |names: &[&str]| names.iter().all(|name| object.contains_key(*name));
    if has(&["event"]) && (has(&["distinct_id"]) || has(&["properties"])) {
        return Some(Format::PostHog);
    }
    has(&["specversion", "id", "source", "type"]).then_some(Format::CloudEvents)
}

fn line(number: u64, event: &RawValue, sent_at: Option<&RawValue>, now: &str) -> Result<String, Problem> {
    let wrong = |why: &str| Problem::bad_request(format!("event {number} {why}"));
    let object: Object<'_> = serde_json::from_str(event.get()).map_err(|_| wrong("is not a JSON object"))?;
    let Some(format) = format(&object) else {
        return Err(wrong(
            "is neither PostHog's (`event`, `distinct_id`) nor a CloudEvent (`specversion`, `id`, `source`, `type`)",
        ));
    };
    // Outside of strings, a line feed is only white space. Inside strings, JSON writes it as `\n`.
    let text = event.get().replace(['\n', '\r'], " ");
    let body = text.trim().strip_suffix('}').unwrap_or(&text).trim_end();
    let mut line = body.to_owned();
    if !object.contains_key("now") {
        line += &format!(",\"now\":\"{now}\"");
    }
    if let Some(sent_at) = sent_at.filter(|_| format == Format::PostHog && !object.contains_key("sent_at")) {
        line += &format!(",\"sent_at\":{}", sent_at.get().replace(['\n', '\r'], " "));
    }
    line.push('}');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Result<Vec<String>, String> {
        lines(text.as_bytes(), "2026-02-01T10:00:00.000Z", 1000)
            .map(|(lines, _)| lines)
            .map_err(|problem| problem.detail)
    }

    #[test]
    fn each_event_is_a_line_as_it_was_sent() {
        let now = r#""now":"2026-02-01T10:00:00.000Z""#;
        let one = r#"{"event":"$pageview","distinct_id":"u","n":12345678901234567890.10}"#;
        let with_now = one.replace("10}", &format!("10,{now}}}"));
        assert_eq!(made(one), Ok(vec![with_now.clone()]));
        assert_eq!(made(&format!("[{one},\n{one}]")), Ok(vec![with_now.clone(); 2]));
        let batch = format!(r#"{{"api_key":"k","sent_at":"2026-02-01T09:59:59Z","batch":[{one}]}}"#);
        let with_sent = with_now.replace('}', r#","sent_at":"2026-02-01T09:59:59Z"}"#);
        assert_eq!(made(&batch), Ok(vec![with_sent]));
        let pretty =
            "{\n  \"specversion\": \"1.0\", \"id\": \"a\\nb\",\r\n \"source\": \"s\", \"type\": \"task.created\",
            \"subject\": \"t\", \"time\": \"2026-02-01\"\n}\n";
        let line = made(pretty).unwrap().remove(0);
        assert!(!line.contains('\n') && line.contains(r#""id": "a\nb""#), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["id"], &value["now"]), (&"a\nb".into(), &"2026-02-01T10:00:00.000Z".into()));
        assert_eq!(made("[]"), Ok(vec![]));
    }

    #[test]
    fn a_body_without_valid_events_appends_nothing() {
        for (text, why) in [
            ("", "the body is not JSON, at line 1, column 0"),
            ("7", "the body is neither an event nor a list of events"),
            ("[1]", "event 1 is not a JSON object"),
            (r#"{"batch": 7}"#, "`batch` is not a list"),
        ] {
            assert_eq!(made(text), Err(why.to_owned()), "{text}");
        }
        let fine =
            r#"{"specversion":"1.0","id":"a","source":"s","type":"task.created","subject":"t","time":"2026-02-01"}"#;
        assert!(made(&format!("[{fine},{{}}]")).unwrap_err().starts_with("event 2 is neither PostHog's"));
        let unknown = made(&fine.replace("created", "finished")).unwrap_err();
        assert!(unknown.starts_with("event 1 would not be read: its type is unknown"), "{unknown}");
    }

    #[test]
    fn an_event_with_a_field_called_batch_is_an_event() {
        let task =
            r#"{"specversion":"1.0","id":"a","source":"s","type":"task.created","subject":"t","time":"2026-02-01"}"#;
        let view = r#"{"event":"$pageview","distinct_id":"u"}"#;
        for event in [task, view] {
            for batch in ["[]", "\"7\"", "7", &format!("[{view}]")] {
                let event = event.replace('}', &format!(r#","batch":{batch}}}"#));
                let made = made(&event).unwrap();
                assert_eq!(made.len(), 1, "{event}");
                assert!(made[0].starts_with(&event[..event.len() - 1]), "{made:?}");
            }
        }
    }
}
