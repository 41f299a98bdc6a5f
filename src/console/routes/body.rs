//! The JSON body of a request.

use crate::console::problem::Problem;
use axum::body::Bytes;
use serde::de::DeserializeOwned;

/// Parses a JSON body. The error does not quote the body.
pub(super) fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("the body is not the JSON that is expected, at line {}", error.line());
        Problem::bad_request(format!("{place}, column {}", error.column()))
    })
}
