//! Queries on the tables of activity sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | [`by`] | what the rows of the report are grouped by |
//! | [`filter`] | restricts a report to some sessions |
//! | [`visits`] | the sessions, as a report reads them |
//! | `key` | the names of the rows that a session is in |
//! | [`activity`] | the report: sessions, people, time, cost |
//! | [`cost`] | the cost of the responses in a session |
//! | [`rhythm`] | presence by weekday and hour |
//! | [`html`] | the part of the page about activity |
//! | [`session`] | finds the session of an id |
//! | [`recording`] | the recording of a session |
//! | [`timeline`] | everything that a person did, in order of time |

pub mod activity;
pub mod by;
mod cost;
pub mod filter;
pub mod html;
mod key;
pub(super) mod recording;
mod rhythm;
pub mod session;
pub mod timeline;
mod visits;
