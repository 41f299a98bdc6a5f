//! Questions to the tables of knowledge.

pub mod knowledge;
pub mod overview;
