//! Queries on the tables of knowledge.

pub mod ids;
pub mod knowledge;
pub mod overview;
#[cfg(feature = "console")]
pub mod seen;
pub mod suggest;
