//! Worlds in temporary folders, the real pass, the real binary, exact expectations.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test says so by failing, and reads its own files; its modules are one binary"
)]

mod commands;
mod corpus;
mod golden;
mod house;
mod passes;
mod slow;
mod store;
mod world;
