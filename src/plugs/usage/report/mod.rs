//! Queries on the tables of usage: tokens and their cost, tool calls, sessions.

mod active;
pub mod block;
pub mod by;
pub mod calls;
mod causes;
pub mod ccusage;
pub mod errors;
pub mod explain;
pub mod facts;
pub mod family;
pub mod filter;
pub mod html;
mod key;
pub mod names;
pub mod outcomes;
#[cfg(feature = "console")]
pub mod people;
pub mod period;
pub mod prompts;
pub mod recurring;
pub mod reported;
pub mod sessions;
pub mod spending;
pub mod step;
mod subagents;
pub mod timeline;
pub mod times;
pub mod trouble;
pub mod usage;
