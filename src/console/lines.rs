//! The body of an answer whose lines are made while it is sent, at the pace of whoever reads it: a long recording takes no
//! more memory than a short one.

use crate::base::error::{Error, Result};
use axum::body::Bytes;
use hyper::body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};

type Iter = Box<dyn Iterator<Item = Result<String>> + Send>;

pub(super) struct Lines(Iter);

/// Bytes of a part of the body, and a line more.
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
        // The lines are read from a file.
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
            // What is sent already cannot be taken back: the connection breaks, and whoever reads knows that it does.
            Err(error) => {
                tracing::error!(error = error.to_string(), "an answer broke off");
                Some(Err(error))
            }
        })
    }
}
