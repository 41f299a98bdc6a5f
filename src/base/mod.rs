//! What all other folders use. Nothing here knows logs, processors or the database.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`error`] | sentences, hints and exit codes |
//! | [`fault`] | what an error of DuckDB says about the database |
//! | [`disabled`] | processors that cannot run with the present configuration |
//! | [`names`] | the known names that an unknown or short one may mean |
//! | [`printable`] | text from outside, made safe for a terminal |
//! | [`moment`] | readings of the clock |
//! | [`utc`] | moments as text |
//! | [`zone`] | days of a time zone |
//! | [`duration`] | durations as text |
//! | [`size`] | sizes of files as text |
//! | [`days`] | ranges of days that a report is about |
//! | [`schedule`] | when a processor is due |
//! | [`lock`] | locks between processes |
//! | [`holder`] | which process holds a lock |
//! | [`suspension`] | releasing the database at Ctrl-Z |
//! | [`atomic_file`] | files that are replaced as a whole |
//! | [`owner`] | who owns a file |
//! | [`acl`] | rights of other users on a file |
//! | `wire` | times in JSON |
//! | [`failpoint`] | points at which a development build can be made to die |
//! | [`guard`] | panics that are contained |
//! | [`limits`] | limits of a pass, and why it ends early |
//! | [`heartbeat`] | progress of a pass, and the request to stop it |
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
