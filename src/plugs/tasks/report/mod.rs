//! Queries on the tables of tasks.
//!
//! | module | noun |
//! | --- | --- |
//! | `table` | the tasks as of a time, as a table for queries |
//! | [`filter`] | restricts a report to some tasks |
//! | [`session`] | a task, and its events |
//! | [`figures`] | the number of tasks and of failures, and durations |

pub mod figures;
pub mod filter;
pub mod session;
pub(super) mod table;
