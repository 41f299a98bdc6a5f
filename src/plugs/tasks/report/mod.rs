//! Questions to the tables of tasks.
//!
//! | module | noun |
//! | --- | --- |
//! | [`filter`] | which tasks are asked for |
//! | [`session`] | a task, and its events |
//! | [`figures`] | how many tasks, how many failed, how long they took |

pub mod figures;
pub mod filter;
pub mod session;
