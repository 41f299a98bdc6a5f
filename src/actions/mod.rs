//! What can be done, as functions that the command line, trigger files and a console call alike. They ask nobody and
//! print nothing: what there is to say is returned.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`failures`] | tries again what has failed, or gives it up |
//! | [`publish`] | a snapshot for readers, and how the processors do |
//! | [`review`] | a decision of a person about what a processor found out |
//! | [`remove`] | hides what a processor shows, such as a task |
//! | [`forget`] | erases somebody for good, and keeps them out |

pub mod failures;
pub mod forget;
pub mod publish;
pub mod remove;
pub mod review;
