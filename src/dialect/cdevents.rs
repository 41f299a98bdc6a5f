//! CDEvents: task runs and pipeline runs of continuous delivery, <https://cdevents.dev>.
//!
//! ```json
//! {"context":{"id":"e1","source":"/ci","type":"dev.cdevents.taskrun.finished.0.2.0","timestamp":"2026-03-01T12:00:00Z"},
//!  "subject":{"id":"t1","content":{"outcome":"failure","errors":"2 tests failed"}}}
//! ```

use super::json::{Fields, Id, Object, Raw, Text, skip};
use super::moment::Moment;
use super::task_log::{self, Emit, Record, Records};
use super::{Dialect, content_id};
use serde::de::MapAccess;
use sessionmill_contract::{Event, TaskEvent, TaskState};

pub(super) const CDEVENTS: Dialect = Dialect {
    name: "cdevents",
    open: || Box::new(Records(|at, line, bytes, ask, emit| task_log::read::<CdEvent<'_>>(at, line, bytes, ask, emit))),
    lists: true,
};

/// An event.
#[derive(Debug, Default)]
pub(super) struct CdEvent<'de> {
    context: Context<'de>,
    subject: Subject<'de>,
}

impl<'de> Fields<'de> for CdEvent<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "context" => self.context = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            "subject" => self.subject = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Record<'de> for CdEvent<'de> {
    fn is_own(&self) -> bool {
        self.context.kind.get().is_some_and(|kind| kind.starts_with("dev.cdevents."))
    }

    fn kind(&self) -> Option<&str> {
        self.context.kind.name()
    }

    fn emit(&self, line: u64, bytes: &[u8], emit: &mut Emit<'_>) {
        self.emit_in(line, None, bytes, emit);
    }
}

impl CdEvent<'_> {
    /// Emits what the event says. `envelope` is the source and id of a CloudEvent around it, if there is one.
    pub(super) fn emit_in(&self, line: u64, envelope: Option<(&str, &str)>, bytes: &[u8], emit: &mut Emit<'_>) {
        let malformed = |why, emit: &mut Emit<'_>| emit(&Event::malformed(line, why));
        let Self { context, subject } = self;
        let Some(kind) = context.kind.name() else { return malformed("no `context.type`", emit) };
        let mut parts = kind.strip_prefix("dev.cdevents.").unwrap_or_default().split('.');
        let (task_type, predicate) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let strange = |emit: &mut Emit<'_>| task_log::unknown(line, &format!("{task_type}/{predicate}"), emit);
        if !matches!(task_type, "taskrun" | "pipelinerun") {
            return strange(emit);
        }
        let content = subject.content();
        let outcome = content.outcome.get().map(str::to_ascii_lowercase);
        let (state, is_guessed) = match (predicate, outcome.as_deref()) {
            ("queued" | "started", _) => (TaskState::Created, false),
            ("finished", Some("success")) => (TaskState::Completed, false),
            ("finished", Some("failure" | "error")) => (TaskState::Failed, false),
            ("finished", Some("cancel" | "cancelled" | "canceled")) => (TaskState::Cancelled, false),
            ("finished", _) => (TaskState::Completed, true),
            _ => return strange(emit),
        };
        let Some(task_id) = subject.id.id() else { return malformed("no `subject.id`", emit) };
        let Some(time) = context.timestamp.0 else { return malformed("no `context.timestamp`", emit) };
        let own = context.source.id().zip(context.id.id()).or(envelope);
        let hash = own.is_none().then(|| content_id(&[bytes]));
        let (source, id) = own.unwrap_or((CDEVENTS.name, hash.as_deref().unwrap_or_default()));
        let event = TaskEvent {
            task_id,
            source,
            sequence: None,
            state,
            short_id: content.pipeline_run.id.id().or(context.chain.id()).or(Some(task_id)),
            task_type: Some(task_type),
            task_name: None,
            user_id: None,
            attempt: None,
            error: content.errors.name().filter(|error| !error.is_empty()),
            data: subject.content.map(|Raw(text)| text),
            is_guessed,
        };
        task_log::known(line, kind, (time, Some(id)), &event, emit);
    }
}

#[derive(Debug, Default)]
struct Context<'de> {
    id: Id<'de>,
    source: Text<'de>,
    kind: Text<'de>,
    timestamp: Moment,
    chain: Id<'de>,
}

impl<'de> Fields<'de> for Context<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "source" => self.source = map.next_value()?,
            "type" => self.kind = map.next_value()?,
            "timestamp" => self.timestamp = map.next_value()?,
            "chainId" => self.chain = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Subject<'de> {
    id: Id<'de>,
    content: Option<Raw<'de>>,
}

impl Subject<'_> {
    fn content(&self) -> Content<'_> {
        let read = self.content.map(|raw| serde_json::from_str::<Object<Content<'_>>>(raw.0));
        read.and_then(|read| read.ok()?.0).unwrap_or_default()
    }
}

impl<'de> Fields<'de> for Subject<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            "content" => self.content = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Content<'de> {
    outcome: Text<'de>,
    errors: Text<'de>,
    pipeline_run: Run<'de>,
}

impl<'de> Fields<'de> for Content<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "outcome" => self.outcome = map.next_value()?,
            "errors" => self.errors = map.next_value()?,
            "pipelineRun" => self.pipeline_run = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Run<'de> {
    id: Id<'de>,
}

impl<'de> Fields<'de> for Run<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
