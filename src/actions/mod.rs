//! What users can do, as functions that the command line, trigger files and the console all call. They never prompt or
//! print; the caller gets a result to show.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`failures`] | retries what has failed, or drops it |
//! | [`publish`] | publishes a snapshot and the state of the processors |
//! | [`review`] | takes a person's decision about a result of a processor |
//! | [`remove`] | hides a result of a processor, such as a task |
//! | [`forget`] | erases a person's data and bans the person |

pub mod failures;
pub mod forget;
pub mod publish;
pub mod remove;
pub mod review;
