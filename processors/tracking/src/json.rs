//! Small JSON objects of texts, in which groups of rare values are stored.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// An object that is written value by value.
#[derive(Debug, Default)]
pub(crate) struct Object(String);

impl Object {
    /// Adds a value, if it is present.
    pub(crate) fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.raw(key, &Value::from(value).to_string());
        }
    }

    /// Adds a value that is JSON.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        let before = if self.0.is_empty() { '{' } else { ',' };
        let _ = write!(self.0, "{before}{}:{json}", Value::from(key));
    }

    /// The object; `None` if it is empty.
    pub(crate) fn end(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}

/// The values of a stored object; none if it is not an object.
pub(crate) fn read(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// A JSON list of texts.
pub(crate) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    Value::from_iter(texts).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_it_was_written() {
        let mut object = Object::default();
        object.text("a\"b", Some("x\n"));
        object.text("none", None);
        object.raw("n", "[1,2]");
        let text = object.end().unwrap();
        assert_eq!(text, r#"{"a\"b":"x\n","n":[1,2]}"#);
        assert_eq!(read(&text)["a\"b"], "x\n");
        assert_eq!(Object::default().end(), None);
        assert!(read("[1").is_empty());
        assert_eq!(list(["b", "a"]), r#"["b","a"]"#);
    }
}
