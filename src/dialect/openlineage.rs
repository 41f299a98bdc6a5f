//! OpenLineage: runs of jobs on data, <https://openlineage.io>.
//!
//! ```json
//! {"eventType":"COMPLETE","eventTime":"2026-03-01T12:00:00Z","producer":"https://example.org/dbt",
//!  "run":{"runId":"r1","facets":{"parent":{"run":{"runId":"r0"}}}},"job":{"namespace":"dbt","name":"shop.orders"}}
//! ```
//!
//! Events that are only about a job or a dataset are counted, but describe no task.

use super::json::{Fields, Id, Object, Text, skip};
use super::moment::Moment;
use super::task_log::{self, Emit, Record, Records};
use super::{Dialect, content_id};
use serde::de::MapAccess;
use sessionmill_contract::{Event, Said, TaskEvent, TaskState};

pub(super) const OPENLINEAGE: Dialect = Dialect {
    name: "openlineage",
    open: || Box::new(Records(|at, line, bytes, ask, emit| task_log::read::<Lineage<'_>>(at, line, bytes, ask, emit))),
    lists: true,
};

/// An event.
#[derive(Debug, Default)]
struct Lineage<'de> {
    kind: Text<'de>,
    /// Present, but possibly not a valid time.
    time: Option<Moment>,
    run: Option<Run<'de>>,
    job: Option<Job<'de>>,
    has_dataset: bool,
}

impl<'de> Fields<'de> for Lineage<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "eventType" => self.kind = map.next_value()?,
            "eventTime" => self.time = Some(map.next_value()?),
            "run" => self.run = map.next_value::<Object<_>>()?.0,
            "job" => self.job = map.next_value::<Object<_>>()?.0,
            "dataset" => {
                self.has_dataset = true;
                skip(map)?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Record<'de> for Lineage<'de> {
    fn is_own(&self) -> bool {
        self.time.is_some() && (self.job.is_some() || self.has_dataset)
    }

    fn kind(&self) -> Option<&str> {
        self.kind.name()
    }

    fn emit(&self, line: u64, bytes: &[u8], emit: &mut Emit<'_>) {
        let Some(time) = self.time.and_then(|time| time.0) else {
            return emit(&Event::malformed(line, "no `eventTime`"));
        };
        let (run, job) = match (&self.run, &self.job) {
            (Some(run), Some(job)) => (run, job),
            (_, job) => {
                let kind = if job.is_some() { "job" } else { "dataset" };
                return emit(&Event { line, time: Some(time), id: None, said: Said::Record { kind, known: true } });
            }
        };
        let kind = self.kind.name().unwrap_or("run");
        let state = match kind {
            "START" => TaskState::Created,
            "RUNNING" | "OTHER" | "run" => TaskState::Updated,
            "COMPLETE" => TaskState::Completed,
            "FAIL" => TaskState::Failed,
            "ABORT" => TaskState::Cancelled,
            _ => return task_log::unknown(line, kind, emit),
        };
        let Some(task_id) = run.id.id() else { return emit(&Event::malformed(line, "no `run.runId`")) };
        let name = job.name.name().filter(|name| !name.is_empty());
        let data = name.map(|name| serde_json::json!({ "namespace": job.namespace.name(), "name": name }).to_string());
        let facets = &run.facets;
        let event = TaskEvent {
            task_id,
            source: OPENLINEAGE.name,
            sequence: None,
            state,
            short_id: facets.parent.root.id.id().or(facets.parent.run.id.id()).or(Some(task_id)),
            task_type: job.facets.kind.name().filter(|kind| !kind.is_empty()),
            task_name: name,
            user_id: None,
            attempt: None,
            error: facets.error.name().filter(|error| !error.is_empty()),
            data: data.as_deref(),
            is_guessed: false,
        };
        task_log::known(line, kind, (time, Some(&content_id(&[bytes]))), &event, emit);
    }
}

#[derive(Debug, Default)]
struct Run<'de> {
    id: Id<'de>,
    facets: Facets<'de>,
}

impl<'de> Fields<'de> for Run<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "runId" => self.id = map.next_value()?,
            "facets" => self.facets = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Facets<'de> {
    parent: Parent<'de>,
    error: Text<'de>,
}

impl<'de> Fields<'de> for Facets<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "parent" => self.parent = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            "errorMessage" => {
                let Message { message } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.error = message;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Message<'de> {
    message: Text<'de>,
}

impl<'de> Fields<'de> for Message<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "message" => self.message = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The parent of a run, and the run at the root.
#[derive(Debug, Default)]
struct Parent<'de> {
    run: Named<'de>,
    root: Named<'de>,
}

impl<'de> Fields<'de> for Parent<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "run" => self.run = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            "root" => {
                let Root { run } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.root = run;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Root<'de> {
    run: Named<'de>,
}

impl<'de> Fields<'de> for Root<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "run" => self.run = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Named<'de> {
    id: Id<'de>,
}

impl<'de> Fields<'de> for Named<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "runId" => self.id = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Job<'de> {
    namespace: Text<'de>,
    name: Text<'de>,
    facets: JobFacets<'de>,
}

impl<'de> Fields<'de> for Job<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "namespace" => self.namespace = map.next_value()?,
            "name" => self.name = map.next_value()?,
            "facets" => self.facets = map.next_value::<Object<_>>()?.0.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct JobFacets<'de> {
    kind: Text<'de>,
}

impl<'de> Fields<'de> for JobFacets<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "jobType" => {
                let JobType { kind } = map.next_value::<Object<_>>()?.0.unwrap_or_default();
                self.kind = kind;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct JobType<'de> {
    kind: Text<'de>,
}

impl<'de> Fields<'de> for JobType<'de> {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "jobType" => self.kind = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
