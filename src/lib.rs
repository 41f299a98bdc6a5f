//! sessionmill keeps a DuckDB database in step with the append-only logs of AI coding agents.
//!
//! A session is a fold over an append-only log: grouped by a key, opened by an event, closed by a
//! rule. One engine does it, with two hooks for a processor: *fold* makes facts of one source file,
//! *settle* makes entities of all facts of one key.
//!
//! # The way of the data
//!
//! ```text
//! root ─scan─▶ files ─plan─▶ jobs ─read─▶ lines ─dialect─▶ events ─fold─▶ facts ─commit─▶ DuckDB ─settle─▶ entities ─▶ reports
//! ```
//!
//! The folders of `src` are layers: each uses only those that come after it in this table. One exception is by design:
//! the commands of a plug are written with the flags and the output of the command line.
//!
//! | folder | what it does |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | `console` | the HTTP API, its pages, and the store of login sessions; all async code |
//! | [`service`] | the daemon: when a processor is due, requests as files, metrics, systemd |
//! | [`actions`] | what can be done, as functions for commands and trigger files |
//! | [`plugs`] | the list of processors: settings, reports and commands of each, and how it is made |
//! | [`report`] | questions to the database, as tables, JSON, CSV and a page; how well processors do |
//! | [`pass`] | the program: one pass from the roots to settled entities; read it first |
//! | [`identities`] | who owns which folder |
//! | [`store`] | DuckDB: schema, commits, settling, snapshots, reading beside others |
//! | [`config`] | the configuration and the environment |
//! | [`run`] | what a run is: who asked for it, whom it leaves out, what it did |
//! | [`read`] | one safe read of a file: the bytes that are hashed are the bytes that are parsed |
//! | [`source`] | what there is: the walk, and what is known of each file |
//! | [`price`] | what tokens cost |
//! | [`dialect`] | one file or folder per log format: a line becomes events |
//! | [`base`] | what all of these use: errors, time, locks, files that are written whole |
//! | `simd` | a crate of its own, the only one with unsafe code: MD5 and the marks of JSON text, many bytes at once |
//!
//! # Invariants
//!
//! 1. The walk is the truth. Whatever starts a pass only chooses when to walk.
//! 2. The bytes hashed are the bytes parsed: one read of an open file does both.
//! 3. A fold sees events, settling sees facts, decisions of people and answers that were kept. Neither sees
//!    a path to open, a clock, the environment or a database, and settling asks nobody.
//! 4. A file's facts and its ledger row change in one transaction. What a processor now says about a
//!    file is all it says.
//! 5. Entities are a function of facts, of what people decided and of what was answered: settling
//!    everything again changes nothing.
//! 6. Parsing never fails a file. What is not understood is counted, by kind, and shown.
//! 7. A bad file, user or processor costs itself only; every file ends a pass in one counted state.
//! 8. A skip needs proof.
//! 9. Parallel code never touches the database. A commit after a failed statement is impossible.
//! 10. Between passes, and while one waits for a network, no process holds the database; a long pass lets go of it
//!     within seconds of another process that waits.
//! 11. Sources are never written, locked, or followed outside of their root.
//! 12. A database remembers its sources and refuses others.
//! 13. Time is an argument: only `main`, the trial of a file, and the console's requests read the clock; a pass
//!     counts on from there.
//! 14. Same bytes in, same rows and same text out.
//! 15. The console reads snapshots or copies. It changes nothing by itself: it asks the daemon, or calls the same
//!     actions as a command would where no daemon serves the database.

pub mod actions;
pub mod base;
pub mod cli;
pub mod config;
#[cfg(feature = "console")]
pub mod console;
pub mod dialect;
pub mod identities;
pub mod pass;
pub mod plugs;
pub mod price;
pub mod read;
pub mod report;
pub mod run;
pub mod service;
pub mod source;
pub mod store;
