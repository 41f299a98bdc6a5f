//! A question to a model, independent of its subject and of the server.

use serde_json::{Value, json};

/// What a model is asked, and the form of its answer.
#[derive(Debug)]
pub struct Question {
    /// The name of the answer's form.
    pub form: &'static str,
    /// What the form is for.
    pub purpose: &'static str,
    pub instruction: &'static str,
    /// The schema of the answer. It uses only the part of JSON Schema that all servers understand.
    pub schema: Value,
    /// The data that the question is about.
    pub content: String,
}

/// The schema of an object that has all of these properties and no others.
pub fn object(properties: Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}
