//! The body of an answer whose lines are produced while it is sent, at the pace of the client. So a long recording
//! takes no more memory than a short one.

use crate::base::error::{Error, Result};
use axum::body::Bytes;
use hyper::body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};

type Iter = Box<dyn Iterator<Item = Result<String>> + Send>;

pub(super) struct Lines(Iter);

/// The size of a part of the body; at most one line more.
const PART: usize = 64 << 10;

impl Lines {
    pub(super) fn new(lines: Iter) -> Self {
        Self(lines)
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        // The lines are read from a file, which can block.
        let part: Result<_> = tokio::task::block_in_place(|| {
            let mut part = String::new();
            while part.len() < PART
                && let Some(line) = self.0.next()
            {
                part += &line?;
                part.push('\n');
            }
            Ok(part)
        });
        Poll::Ready(match part {
            Ok(part) if part.is_empty() => None,
            Ok(part) => Some(Ok(Frame::data(part.into()))),
            // Data that was sent cannot be taken back. So the connection is broken, and the client notices that the
            // answer is incomplete.
            Err(error) => {
                tracing::error!(error = error.to_string(), "an answer broke off");
                Some(Err(error))
            }
        })
    }
}
