//! Token usage and tool calls of coding agents, counted once.
//!
//! A response is repeated: on every line of its content, in transcripts that resume or fork its session, and in the
//! lines by which a parent follows a subagent. The fold keeps one [`copy`] per source file and message id. Settling all
//! copies of a message id gives one [`response`]. Tool calls are counted in the same way, by response and call id. The
//! rules are those of COUNTING.md; they are implemented here and not in queries.
//!
//! | module | noun |
//! | --- | --- |
//! | `call` | the calls of one source file by their ids, which are not always unique |
//! | `caption` | short texts: a title, an example of an error |
//! | [`copy`] | a response as one source file has it |
//! | [`response`] | a response, from all its copies |
//! | [`holder`] | a user who has a response that others have too |
//! | [`tool_event`] | a tool call or slash command: in one file, and settled |
//! | [`deed`] | what a call did: file changes, commits, tests |
//! | [`session`] | the summary of one source file |
//! | `names` | the titles of a session |
//! | [`fold`] | the state over one source file |
//! | [`position`] | the line and time of something, and which of two comes first |
//! | [`whereabouts`] | the session, directory, branch, subagent and turn of something |

mod call;
mod caption;
pub mod copy;
pub mod deed;
pub mod fold;
pub mod holder;
mod names;
pub mod position;
pub mod response;
pub mod session;
pub mod tool_event;
pub mod whereabouts;

pub use caption::title;

use sessionmill_contract::{Alone, Bound, Failure, Fold, Inputs, Manifest, Processor, Rows, Settlement, SourceFile};
use std::time::Duration;

/// The name of the processor.
pub const NAME: &str = "usage";

/// The processor. It needs nothing from outside.
#[derive(Debug, Default)]
pub struct Usage;

static MANIFEST: Manifest = Manifest {
    name: NAME,
    version: 9,
    cadence: Duration::from_secs(600),
    bound: Bound::Cpu,
    facts: &[&copy::COPIES, &tool_event::TOOL_CALLS, &session::SESSIONS],
    settlements: &[
        Settlement {
            name: "responses",
            version: 1,
            facts: &copy::COPIES,
            key: Some("message_id"),
            edges: None,
            islands: None,
            order: &["session_file"],
            reviews: None,
            entities: &[&response::RESPONSES, &holder::SHARED],
            clusters: None,
            expires: None,
            alone: Some(copy::ALONE),
        },
        Settlement {
            name: "tool_events",
            version: 1,
            facts: &tool_event::TOOL_CALLS,
            key: Some("event_id"),
            edges: None,
            islands: None,
            order: &["session_file"],
            reviews: None,
            entities: &[&tool_event::TOOL_EVENTS],
            clusters: None,
            expires: None,
            alone: Some(Alone { columns: &[] }),
        },
    ],
};

impl Processor for Usage {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(fold::UsageFold::new(file))
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        if settlement.facts.name == copy::COPIES.name {
            response::settle(key, inputs.facts, entities)
        } else {
            tool_event::settle(key, inputs.facts, entities)
        }
    }
}
