//! The answer when a request fails: a problem document as in RFC 9457.

use super::accounts::StoreError;
use crate::base::error::{Error, Status};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A problem. Its text contains no secrets and nothing from transcripts.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub status: StatusCode,
    pub detail: String,
    /// Further members, such as the holder of a lock.
    more: Map<String, Value>,
    /// Seconds after which another attempt can succeed.
    retry_after: Option<u64>,
}

/// The schema of a problem, for the description of the API.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: String,
    title: String,
    status: u16,
    detail: String,
}

/// Seconds after which a store that cannot be reached may be back.
const SOON: u64 = 5;

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), more: Map::new(), retry_after: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Used both for things that do not exist and for things of other users, so that the answer does not reveal which.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found, or you may not see it")
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "log in, or send a token: `Authorization: Bearer sm_…`")
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).after(SOON)
    }

    /// Turns a plain-text refusal into a problem document; other answers stay unchanged. The web framework refuses in
    /// plain text what it cannot parse, such as a parameter that should be a number.
    pub(crate) async fn documented(response: Response) -> Response {
        let is_plain =
            response.headers().get(header::CONTENT_TYPE).is_none_or(|of| of.as_bytes().starts_with(b"text/plain"));
        let status = response.status();
        if !is_plain || !(status.is_client_error() || status.is_server_error()) {
            return response;
        }
        let text = axum::body::to_bytes(response.into_body(), 4096).await.unwrap_or_default();
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than a request may be".into(),
            _ => String::from_utf8_lossy(&text),
        };
        Self::new(status, detail).into_response()
    }

    /// The answer for a browser, with this page in place of the document.
    pub(crate) fn as_page(&self, page: Html<String>) -> Response {
        let mut response = (self.status, page).into_response();
        self.add_headers(&mut response);
        response
    }

    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }

    /// Says after how many seconds to try again.
    pub(crate) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.more.insert(key.to_owned(), value);
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreachable(cause) => {
                tracing::error!(error = cause, "the account store cannot be reached");
                Self::unavailable("the account store cannot be reached")
            }
            StoreError::Unusable(cause) => {
                tracing::error!(error = cause, "the account store cannot be used");
                Self::unavailable("the account store cannot be used")
            }
            StoreError::Deadlock | StoreError::Older(_) => Self::unavailable(error.to_string()),
            StoreError::Taken => Self::new(StatusCode::CONFLICT, error.to_string()),
            StoreError::Invalid(detail) => Self::bad_request(detail),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.status {
            Status::Busy if error.holder.is_some() => StatusCode::CONFLICT,
            Status::Usage => StatusCode::BAD_REQUEST,
            Status::Config => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON);
        if status.is_server_error() {
            tracing::error!(error = error.to_string(), "a request failed");
        }
        let problem = Self { retry_after, ..Self::new(status, error.to_string()) };
        match error.holder {
            Some(holder) => problem.with("holder", json!(holder)),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = Map::new();
        document.insert("type".to_owned(), json!("about:blank"));
        document.insert("title".to_owned(), json!(self.status.canonical_reason().unwrap_or("Problem")));
        document.insert("status".to_owned(), json!(self.status.as_u16()));
        document.insert("detail".to_owned(), json!(self.detail));
        document.extend(self.more.clone());
        let body = Value::Object(document).to_string();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        self.add_headers(&mut response);
        // The gate makes a page of it for a browser.
        response.extensions_mut().insert(self);
        response
    }
}
