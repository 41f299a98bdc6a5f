//! One question to a model, whatever it is about and whatever server answers it: pure.

use serde_json::{Value, json};

/// What a model is asked, and the form of its answer.
#[derive(Debug)]
pub struct Question {
    /// Name of the answer's form.
    pub form: &'static str,
    /// What the form is for.
    pub purpose: &'static str,
    pub instruction: &'static str,
    /// Of the answer, in the part of JSON Schema that every server understands.
    pub schema: Value,
    /// The data that the question is about.
    pub content: String,
}

/// The schema of an object that has all of these properties and no others.
pub fn object(properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
