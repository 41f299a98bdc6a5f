//! Takes a person's decision about a result of a processor, such as a confirmed item of knowledge.

use crate::base::error::{Error, Result, Status};
use crate::plug::{Resources, Review};

/// Stores a decision. Returns the result as sentences. Repeating a decision changes nothing.
///
/// # Errors
///
/// If the processor is unknown or takes no decisions, if it refuses this one, or if the database cannot be written.
pub fn review(processor: &str, review: &Review, resources: &Resources) -> Result<Vec<String>> {
    let plugs = resources.plugs.named(&[processor.to_owned()])?;
    match plugs.first().and_then(|plug| plug.review) {
        Some(decisions) => (decisions.decide)(review, resources),
        None => Err(Error::new(Status::Usage, format!("processor `{processor}` has nothing to decide about"))),
    }
}
