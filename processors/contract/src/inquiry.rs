//! Questions that a processor asks about settled entities, for example to a language model. The answer is stored like a
//! decision of a person and becomes an input of the next settling. Settling itself asks nothing.

use crate::{Failure, Value};

/// A question that was not asked yet. Calling it asks and waits for the answer. Several are asked at the same time, so
/// none may depend on the answer to another.
pub type Inquiry<'p> = Box<dyn FnOnce() -> Ruling + Send + 'p>;

/// The outcome of an inquiry.
#[derive(Debug)]
pub struct Ruling {
    /// The entity in question.
    pub entity: Box<str>,
    /// The key of the entity. If there is an answer, the key is settled again.
    pub key: Box<str>,
    /// Rows for the reviews of the settlement; the runner assigns their ids. A failure that is caused by the entity
    /// also adds rows, so that the question is not asked for ever.
    pub reviews: Vec<Vec<Value>>,
    /// Why there is no answer.
    pub failure: Option<Failure>,
}
