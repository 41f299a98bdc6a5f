//! Task sessions: what runs, what is stuck and what is done, from the life cycles that job runners, scripts and
//! agents log.
//!
//! The fold keeps one fact per event of a task. Settling all events of a task id, over all files, gives one task,
//! whatever the order in which they came, and however often they are repeated. Tasks of some types are held when
//! they end, until a task of another type with the same short id releases them; so what releases and what is held
//! is settled once more, by short id.
//!
//! Nothing here sees a clock. Rules that depend on the time, such as when a task without events counts as orphaned,
//! are times in the rows, which a view compares with a moment.
//!
//! | module | noun |
//! | --- | --- |
//! | [`event`] | an event of a task, as a row; the order of events, and which of them count |
//! | [`fold`] | the state over one source file |
//! | `work` | subagents and task lists of transcripts as tasks |
//! | [`task`] | a task, from all its events |
//! | [`link`] | what is held, and what releases it |
//! | [`release`] | when held tasks close |
//! | [`tombstone`] | tasks that people removed |
//! | [`policy`] | which tasks count, and how long |

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

/// The processor, with the policy that it settles by.
#[derive(Debug, Default)]
pub struct Tasks {
    policy: Policy,
}

static MANIFEST: Manifest = Manifest {
    name: "tasks",
    version: 4,
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
            // What people removed is judged by the view. It is kept with the smaller of the two settlements, so
            // that the tasks of a new file are settled in the transaction that writes its facts.
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
