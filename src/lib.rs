//! sessionmill keeps a DuckDB database in step with the append-only logs of AI coding agents.
//!
//! A session is a fold over an append-only log: events are grouped by a key, one event opens the session, and a rule
//! closes it. The program has one engine for that. A processor adds two functions: *fold* makes facts from one source
//! file, and *settle* makes entities from all facts of one key.
//!
//! # How the data flows
//!
//! ```text
//! root ─scan─▶ files ─plan─▶ jobs ─read─▶ lines ─dialect─▶ events ─fold─▶ facts
//!      ─commit─▶ DuckDB ─settle─▶ entities ─▶ reports
//! ```
//!
//! The folders of `src` are layers: each uses only those below it in this table.
//!
//! | folder | what it does |
//! | --- | --- |
//! | [`cli`] | the command line: the program's own commands, and how a command is found |
//! | `console` | the HTTP API, its pages, and the store of login sessions; all async code |
//! | [`plugs`] | the processors: how each is made, and its settings, reports and commands |
//! | `command` | what commands share: flags, the pass before a report, output |
//! | [`service`] | the daemon: decides when a processor is due, reads trigger files, writes metrics, talks to systemd |
//! | [`actions`] | what users can do, as functions for commands and trigger files |
//! | [`plug`] | what the program knows about a processor, as a value |
//! | [`report`] | queries, printed as tables, JSON, CSV and HTML; measures the quality of processors |
//! | [`pass`] | the core: one pass from the roots to settled entities; read this folder first |
//! | [`identities`] | the owners of folders |
//! | [`store`] | DuckDB: schema, commits, settling, snapshots, and reading while others write |
//! | [`config`] | the configuration and the environment |
//! | [`run`] | what is known about a run: who asked for it, whom it leaves out, what it did |
//! | [`read`] | reads a file once, so that the hashed bytes are the parsed bytes |
//! | [`source`] | finds files, and decides what the metadata of a file proves |
//! | [`price`] | the prices of tokens |
//! | [`dialect`] | the log formats, one file or folder each: turns lines into events |
//! | [`base`] | used by all: errors, time, locks, atomic files |
//! | `simd` | a crate of its own, the only one with unsafe code: MD5 and structural bytes of JSON, many bytes at once |
//!
//! # Invariants
//!
//! 1. The walk is the truth. A schedule, a watcher or a user only decides when to walk.
//! 2. The hashed bytes are the parsed bytes: one read of an open file gives both.
//! 3. A fold sees events; settling sees facts, reviews by people and stored answers. Neither sees a path to open, a
//!    clock, the environment or a database, and settling asks nothing over a network.
//! 4. The facts of a file and its ledger row change in one transaction. New facts of a processor replace all its
//!    earlier ones of that file.
//! 5. Entities are a function of facts, reviews and stored answers: settling everything again changes nothing.
//! 6. Parsing never fails a file. Lines that are not understood are counted by kind and shown.
//! 7. A bad file, user or processor affects only itself. Every file ends a pass in exactly one counted state.
//! 8. A file is skipped only with proof that its bytes were read.
//! 9. Parallel code never touches the database. A transaction with a failed statement cannot be committed.
//! 10. No process holds the database between passes or while it waits for a network. A long pass releases it within
//!     seconds when another process waits.
//! 11. Sources are never written or locked, and no file outside of a root is read.
//! 12. A database remembers its sources and refuses other ones.
//! 13. Time is an argument. Only `main`, the trial of a file, and requests of the console read the clock; a pass adds
//!     the time that has passed since its start.
//! 14. The same bytes give the same rows and the same text.
//! 15. The console reads snapshots or copies. It changes nothing itself: it asks the daemon or, if no daemon serves the
//!     database, calls the same actions as a command.

pub mod actions;
pub mod base;
pub mod cli;
mod command;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
pub mod dialect;
pub mod identities;
pub mod pass;
pub mod plug;
pub mod plugs;
pub mod price;
pub mod read;
pub mod report;
pub mod run;
pub mod service;
pub mod source;
pub mod store;
