//! Queries on the tables of knowledge.

pub mod ids;
pub mod knowledge;
pub mod overview;
pub mod suggest;
