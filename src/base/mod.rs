//! What all other folders use. Nothing here knows logs, processors or the database.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`error`] | sentences, hints and exit codes |
//! | [`fault`] | what an error of DuckDB says about the database |
//! | [`disabled`] | processors that cannot work as they are configured |
//! | [`names`] | the known names that may be meant by an unknown one |
//! | [`printable`] | text from outside, for a terminal |
//! | [`moment`] | readings of the clock |
//! | [`utc`] | moments as text |
//! | [`zone`] | days of a time zone |
//! | [`duration`] | lengths of time as text |
//! | [`size`] | sizes of files as text |
//! | [`days`] | days and periods that a report is about |
//! | [`schedule`] | when a processor is due |
//! | [`lock`] | locks between processes |
//! | [`holder`] | who has a lock |
//! | [`suspension`] | letting go of the database at Ctrl-Z |
//! | [`atomic_file`] | files that are written whole |
//! | [`owner`] | whose a file is |
//! | [`acl`] | who else may use it |
//! | `wire` | times in JSON |
//! | [`failpoint`] | points at which a development build can be made to die |
//! | [`guard`] | panics that are contained |
//! | [`limits`] | how far a run may go, and why it ends early |
//! | [`heartbeat`] | a sign of life of a run, and the wish that it ends early |
//! | [`hash`] | a hash, and its text |

pub mod acl;
pub mod atomic_file;
pub mod days;
pub mod disabled;
pub mod duration;
pub mod error;
pub mod failpoint;
pub mod fault;
pub mod guard;
pub mod hash;
pub mod heartbeat;
pub mod holder;
pub mod limits;
pub mod lock;
pub mod moment;
pub mod names;
pub mod owner;
pub mod printable;
pub mod schedule;
pub mod size;
pub mod suspension;
pub mod utc;
pub(crate) mod wire;
pub mod zone;
