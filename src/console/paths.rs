//! The base of the API's paths, and how long the body of a request may be.

/// The base of all paths of the API.
pub(super) const BASE: &str = "/api/v1";

/// The path to which events are sent, below [`BASE`].
pub(super) const EVENTS: &str = "/events";

/// The most bytes of a request, except for those that append events.
pub(super) const BODY: usize = 64 << 10;

/// The most bytes of a request that appends events.
pub(super) const BODY_OF_EVENTS: usize = 20 << 20;

/// The most bytes of a request to a path.
pub(super) fn body_limit(path: &str) -> usize {
    if path.strip_prefix(BASE) == Some(EVENTS) { BODY_OF_EVENTS } else { BODY }
}
