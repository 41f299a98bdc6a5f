//! Task sessions: what is running, stuck or done, according to life cycle events that job runners, scripts and agents
//! log.
//!
//! The fold keeps one fact per event of a task. Settling all events of a task id, from all files, gives one task. The
//! result does not depend on the order in which the events arrive or on repetitions. Tasks of some types are *held*
//! when they end, until a task of another type with the same short id *releases* them. So held tasks and releases are
//! settled in a second step, by short id.
//!
//! Nothing here reads a clock. Rules that depend on the present time, such as when a task without events counts as
//! orphaned, become times in the rows; a view compares them with the present.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | an event of a task, as a row; the order of events, and which of them count |
//! | [`fold`] | the state over one source file |
//! | `work` | subagents and task lists of transcripts as tasks |
//! | [`task`] | a task, from all its events |
//! | [`link`] | held tasks, and what releases them |
//! | [`release`] | when held tasks close |
//! | [`tombstone`] | tasks that people removed |
//! | [`policy`] | which tasks count, and for how long |

pub mod event;
pub mod fold;
pub mod link;
pub mod policy;
pub mod release;
pub mod task;
pub mod tombstone;
mod work;

pub use policy::Policy;

use sessionmill_contract::{Bound, Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile};
use std::time::Duration;

/// The name of the processor.
pub const NAME: &str = "tasks";

/// The processor, with the policy for settling.
#[derive(Debug, Default)]
pub struct Tasks {
    policy: Policy,
}

static MANIFEST: Manifest = Manifest {
    name: NAME,
    version: 5,
    cadence: Duration::from_secs(120),
    bound: Bound::Cpu,
    facts: &[&event::EVENTS],
    settlements: &[
        Settlement {
            name: "tasks",
            version: 2,
            facts: &event::EVENTS,
            key: Some("task_id"),
            edges: None,
            islands: None,
            order: &["time", "source", "session_file", "line"],
            reviews: None,
            entities: &[&task::TASKS, &link::LINKS],
            clusters: None,
            expires: Some("expires_at"),
            alone: None,
        },
        Settlement {
            name: "releases",
            version: 1,
            facts: &link::LINKS,
            key: Some("short_id"),
            edges: None,
            islands: None,
            order: &["kind", "moment", "task_id"],
            // The view applies removals. They are stored with the smaller of the two settlements, so that the tasks of
            // a new file can be settled in the transaction that writes its facts.
            reviews: Some(&tombstone::TOMBSTONES),
            entities: &[&release::RELEASES],
            clusters: None,
            expires: None,
            alone: None,
        },
    ],
};

impl Tasks {
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl Processor for Tasks {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(fold::TasksFold::new(file))
    }

    fn settings(&self, _: &Settlement) -> String {
        self.policy.text()
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        if settlement.facts.name == event::EVENTS.name {
            task::settle(&self.policy, key, inputs.facts, entities)
        } else {
            release::settle(&self.policy, key, inputs.facts, entities)
        }
    }
}
