//! Worlds in temporary folders, real passes, the real binary, exact expectations.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test says so by failing, and reads its own files; its modules are one binary"
)]

mod activity;
mod activity_report;
mod chains;
mod check;
mod clients;
mod clocks;
mod clusters;
mod codex;
mod commands;
mod config;
mod consent;
mod console;
mod corpus;
mod costs;
mod counting;
mod crashes;
mod daemon;
mod daily;
mod damage;
mod decisions;
mod detectors;
mod dialects;
mod disclosure;
mod erasing;
mod everything;
mod failures;
mod faulty;
mod forms;
mod fuzz;
mod golden;
mod health;
mod holders;
mod hostile;
mod house;
mod html;
mod islands;
mod judgements;
mod knowledge;
mod login_store;
mod model;
mod network;
mod outcomes;
mod packaging;
mod passes;
mod people;
mod places;
mod price_history;
mod prices;
mod privacy;
mod publish;
mod reader;
mod replay;
mod room;
mod runs;
mod screens;
mod server;
mod sessions;
mod settling;
mod slow;
mod sources;
mod store;
mod store_server;
mod suggest;
mod sums;
mod task_sessions;
mod tasks;
mod terms;
mod top;
mod triggers;
mod visits;
mod world;
