//! Worlds in temporary folders, the real pass, the real binary, exact expectations.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test says so by failing, and reads its own files"
)]

mod commands;
mod corpus;
mod golden;
mod house;
mod passes;
mod world;
