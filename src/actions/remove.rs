//! Hides results of a processor, such as a task, until they are created again.

use crate::base::error::{Error, Result, Status};
use crate::plug::{Removal, Resources};

/// Hides all given ids; if one of them is unknown, hides none. Returns the result as sentences.
///
/// # Errors
///
/// If the processor is unknown or has nothing that can be hidden, if an id is unknown, or if the database cannot be
/// written.
pub fn remove(processor: &str, removal: &Removal, resources: &Resources) -> Result<Vec<String>> {
    let plugs = resources.plugs.named(&[processor.to_owned()])?;
    match plugs.first().and_then(|plug| plug.remove) {
        Some(hide) => hide(removal, resources),
        None => Err(Error::new(Status::Usage, format!("processor `{processor}` has nothing to remove"))),
    }
}
