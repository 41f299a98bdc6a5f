//! sessionmill keeps a DuckDB database in step with the append-only logs of AI coding agents.

pub mod cli;
pub mod config;
pub mod dialect;
pub mod error;
pub mod ledger;
pub mod lines;
pub mod lock;
pub mod open;
pub mod pass;
pub mod plan;
pub mod read;
pub mod registry;
pub mod report;
pub mod scan;
pub mod settle;
pub mod source;
pub mod stat;
pub mod store;
pub mod summary;
