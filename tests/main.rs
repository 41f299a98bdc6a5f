//! Worlds in temporary folders, the real pass, the real binary, exact expectations.

mod commands;
mod corpus;
mod golden;
mod house;
mod passes;
mod slow;
mod world;
