//! A line that records what happened to a task: an event of CloudEvents 1.0 in JSON format.
//!
//! ```text
//! {"specversion":"1.0","id":"019c…","source":"urn:sessionmill:ada","type":"sessionmill.task.created",
//!  "subject":"019c…","time":"2026-02-01T10:00:00.000000Z","datacontenttype":"application/json",
//!  "data":{"short_id":"order-17","task_type":"image_analysis"}}
//! ```

use crate::base::utc;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sessionmill_contract::TaskState;
use std::fmt::Write as _;
use uuid::{NoContext, Timestamp, Uuid};

/// What happened to a task. Absent fields are not written.
#[derive(Debug)]
pub(super) struct Happening<'a> {
    pub(super) task_id: &'a str,
    pub(super) state: TaskState,
    pub(super) time: DateTime<Utc>,
    /// The login name of the user who reports it.
    pub(super) login: &'a str,
    pub(super) details: &'a Details,
}

/// Details of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    pub(super) short_id: Option<String>,
    pub(super) task_type: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) attempt: Option<u64>,
    pub(super) error: Option<String>,
    /// Any other data of the caller.
    pub(super) metadata: Option<Map<String, Value>>,
}

/// A unique id: a UUID of version 7, which begins with the time, followed by random bits.
pub(super) fn new_id(now: DateTime<Utc>) -> String {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())).to_string()
}

impl Happening<'_> {
    /// The line without its line break, with this id for the event.
    pub(super) fn line(&self, event_id: &str) -> String {
        let Details { short_id, task_type, user_id, attempt, error, metadata } = self.details;
        let data = [
            ("short_id", json!(short_id)),
            ("task_type", json!(task_type)),
            ("user_id", json!(user_id)),
            ("attempt", json!(attempt)),
            ("error", json!(error)),
            ("metadata", json!(metadata)),
        ];
        let data = data.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value));
        json!({
            "specversion": "1.0",
            "id": event_id,
            "source": source(self.login),
            "type": format!("sessionmill.task.{}", self.state.name()),
            "subject": self.task_id,
            "time": utc::microseconds(self.time),
            "datacontenttype": "application/json",
            "data": data.collect::<Map<_, _>>(),
        })
        .to_string()
    }
}

/// The source of an event as a URI (RFC 3986). Characters that are not allowed in a URI are written as `%XX`.
fn source(login: &str) -> String {
    let mut source = "urn:sessionmill:".to_owned();
    for byte in login.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => source.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => source.push(byte.into()),
            _ => _ = write!(source, "%{byte:02X}"),
        }
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_known_and_no_more() {
        let details = Details {
            short_id: Some("order-17".to_owned()),
            task_type: Some("image_analysis".to_owned()),
            metadata: Some(Map::from_iter([("pages".to_owned(), json!(3))])),
            ..Details::default()
        };
        let time = "2026-02-01T10:00:00.1234567Z".parse().unwrap();
        let created = Happening { task_id: "t1", state: TaskState::Created, time, login: "ada l", details: &details };
        assert_eq!(
            created.line("e1"),
            r#"{"specversion":"1.0","id":"e1","source":"urn:sessionmill:ada%20l","type":"sessionmill.task.created","subject":"t1","time":"2026-02-01T10:00:00.123456Z","datacontenttype":"application/json","data":{"short_id":"order-17","task_type":"image_analysis","metadata":{"pages":3}}}"#
        );
        let details = Details { error: Some("no\nroom".to_owned()), attempt: Some(2), ..Details::default() };
        let failed = Happening { state: TaskState::Failed, details: &details, ..created };
        let line = failed.line("e2");
        assert!(line.ends_with(r#""data":{"attempt":2,"error":"no\nroom"}}"#), "{line}");
        assert!(!line.contains('\n'), "a line has one end");
    }

    #[test]
    fn ids_are_ordered_by_time_and_never_the_same() {
        let at = |text: &str| new_id(text.parse().unwrap());
        let [a, b] = ["2026-02-01T10:00:00.123Z"; 2].map(at);
        assert_ne!(a, b);
        assert_eq!(a[..13], b[..13], "the milliseconds");
        assert_eq!((a.len(), &a[14..15]), (36, "7"));
        assert!(at("2026-02-01T10:00:00.124Z") > a);
    }
}
