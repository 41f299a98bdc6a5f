//! What a processor asks about entities once they are settled. The answer is an input of the next
//! settling, kept beside what people decided, and never asked for inside of one.

use crate::{Failure, Value};

/// A question that was not asked yet. To call it asks, and waits for the answer. Several are asked at a time, so what one
/// asks must not depend on the answer to another.
pub type Inquiry<'p> = Box<dyn FnOnce() -> Ruling + Send + 'p>;

/// What came of an inquiry.
#[derive(Debug)]
pub struct Ruling {
    /// The entity that it was about.
    pub entity: Box<str>,
    /// The key of the entity, which is settled again if there is an answer.
    pub key: Box<str>,
    /// Rows for the reviews of the settlement, whose numbers the runner gives. A failure that
    /// counts against the entity leaves some too, so that nobody asks for ever.
    pub reviews: Vec<Vec<Value>>,
    /// Why there is no answer.
    pub failure: Option<Failure>,
}
