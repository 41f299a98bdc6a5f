//! Questions to the tables of activity sessions.
//!
//! | module | noun |
//! | --- | --- |
//! | [`by`] | what a row of the report is about |
//! | [`filter`] | which sessions a report is about |
//! | [`visits`] | the sessions, as a report reads them |
//! | [`activity`] | the report: sessions, people, time, cost |
//! | [`cost`] | what the responses in a session cost |
//! | [`rhythm`] | at which hours of which weekdays people are there |
//! | [`html`] | the part of the page about activity |
//! | [`session`] | the session that an id names |
//! | [`recording`] | where the recording of a session stands |
//! | [`timeline`] | everything that somebody did, in one order |

pub mod activity;
pub mod by;
mod cost;
pub mod filter;
pub mod html;
pub(super) mod recording;
mod rhythm;
pub mod session;
pub mod timeline;
mod visits;
