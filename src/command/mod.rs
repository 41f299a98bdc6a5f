//! What commands share: their flags, the pass before a report, and their output.
//!
//! | module | noun |
//! | --- | --- |
//! | [`form`] | the format of the output |
//! | [`glance`] | the health of the processors, read together with something else |
//! | [`log`] | the log, on stderr or in the journal |
//! | [`pass`] | a pass that a command runs |
//! | [`place`] | flags for the database, the configuration and the transcripts |
//! | [`scope`] | flags for what a report is about |
//! | [`terminal`] | stderr, and the size of the screen |

pub(crate) mod form;
pub(crate) mod glance;
pub(crate) mod log;
pub(crate) mod pass;
pub(crate) mod place;
pub(crate) mod scope;
pub(crate) mod terminal;

use crate::base::error::{Result, Status};
pub(crate) use form::Form;
pub(crate) use place::{Database, SourceArgs};
pub(crate) use terminal::{remark, screen};

pub(crate) fn print(text: &str) -> Result<Status> {
    crate::report::render::write(&mut std::io::stdout(), text)?;
    Ok(Status::Done)
}
