//! The first stage: lists the files and their metadata. Each source is walked by itself.

use crate::base::error::{Error, Result, Status};
use crate::source::Source;
use crate::source::open::Root;
use crate::source::scan::{self, Walk};

/// The root of a source and the files in it, or why it cannot be walked.
pub type Walked = Result<(Root, Walk)>;

/// Walks the sources.
///
/// # Errors
///
/// If none of them can be walked.
pub fn walk(sources: &[Source], login: &str) -> Result<Vec<Walked>> {
    some_of(scan::each(sources, login))
}

/// Returns the walks, if at least one of them has succeeded.
///
/// # Errors
///
/// If all have failed, with all causes.
pub fn some_of(walks: Vec<Walked>) -> Result<Vec<Walked>> {
    if walks.is_empty() || walks.iter().any(std::result::Result::is_ok) {
        return Ok(walks);
    }
    let mut errors = walks.into_iter().filter_map(std::result::Result::err);
    let first = errors.next().unwrap_or_else(|| Error::new(Status::CannotRun, "there is no source"));
    let what = errors.fold(first.to_string(), |all, error| format!("{all}; {error}"));
    Err(Error { what, cause: None, ..first })
}
