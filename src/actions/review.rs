//! A decision of a person about what a processor found out.

use crate::base::error::{Error, Result, Status};
use crate::plugs::{Resources, Review};

/// Takes a decision about something that a processor found out. Returns the result in words. Taking the same
/// decision again changes nothing.
///
/// # Errors
///
/// If the processor is unknown or has nothing to decide about, if it makes nothing of the decision, or if the database
/// cannot be written.
pub fn review(processor: &str, review: &Review, resources: &Resources) -> Result<Vec<String>> {
    let plugs = resources.plugs.named(&[processor.to_owned()])?;
    match plugs.first().and_then(|plug| plug.review) {
        Some(decisions) => (decisions.decide)(review, resources),
        None => Err(Error::new(Status::Usage, format!("processor `{processor}` has nothing to decide about"))),
    }
}
