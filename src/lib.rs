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
//! | module | what it does |
//! | --- | --- |
//! | [`pass`] | the program: one walk from the root to settled entities; read it first |
//! | [`source`], [`scan`], [`stat`] | where transcripts are, which there are, and what a stat says of them |
//! | [`agents`], [`alignment`] | where agents keep their logs; how the sources of a run and of a database line up |
//! | [`ledger`], [`look`], [`failures`] | what is known of them: last looks and what they prove, failures that stand |
//! | [`request`], [`limits`], [`pulse`] | who asked for a pass; how far it may go; how it lives, and the word that ends it early |
//! | [`plan`], [`order`], [`job`] | which are due for which processor, and who comes first |
//! | [`open`], [`read`], [`form`], [`lines`], [`hash`] | one safe open, one read: hashed bytes are parsed bytes |
//! | [`batch`], [`lanes`], [`outbox`] | files side by side, their hashes in lanes, their outcomes on the way to the writer |
//! | [`brake`], [`pause`], [`quiet`] | what stops, puts off and delays a pass that waits for a network |
//! | [`flight`], [`trial`] | what was being read when a pass died, and a process of its own to try it in |
//! | [`dialect`] | one file per log format: line → events |
//! | [`plugs`] | the list of processors: settings, reports and commands of each, and how it is made |
//! | [`registry`] | known names that may be meant by an unknown one |
//! | [`writer`] | outcomes → commits, on one thread |
//! | [`store`] | the only user of DuckDB: lock, migrate, commit, settle, repair, read beside others, publish |
//! | [`settle`] | facts of the touched keys → entities |
//! | [`inquiry`] | what a processor asks over a network about settled entities |
//! | [`summary`] | what a pass did, every file in one counted state |
//! | [`price`] | what tokens cost: dated rows of list prices |
//! | [`health`], [`pending`] | how a processor does; files that it has still to look into |
//! | [`metrics`], [`bulletin`] | the same for Prometheus, and for those who may not read the database |
//! | [`report`] | questions to the database, as tables, JSON, CSV and a page |
//! | [`daemon`], [`schedule`] | the service: one loop; when a processor is due |
//! | [`trigger`], [`folder`] | requests as files; a folder of ours that others may write to |
//! | [`notice`], [`unit`] | what the service tells systemd; what its unit lets it do |
//! | [`identities`] | who the people are whose folders hold the transcripts |
//! | [`cli`], [`config`] | the command line, the configuration, the environment |
//! | [`access`], [`owner`], [`acl`] | what the user may read and write, and what would let them; whose a file is; who else may use it |
//! | [`lock`], [`holder`], [`suspension`] | locks between processes; who has one; letting go of the database at Ctrl-Z |
//! | [`moment`], [`zone`], [`duration`] | readings of the clock; days of a time zone; lengths of time in words |
//! | [`error`], [`printable`], [`whole`] | sentences and exit codes; text from outside; files that are written whole |
//! | [`failpoint`] | points at which a development build can be made to die |
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
//! 10. Between passes, and while one waits for a network or settles a large key, no process holds the
//!     database; a long pass lets go of it every few seconds.
//! 11. Sources are never written, locked, or followed outside of their root.
//! 12. A database remembers its sources and refuses others.
//! 13. Time is an argument: only `main`, and the trial of a file, reads the clock; a pass counts on from
//!     there.
//! 14. Same bytes in, same rows and same text out.

pub mod access;
pub mod acl;
pub mod agents;
pub mod alignment;
pub mod batch;
pub mod brake;
pub mod bulletin;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dialect;
pub mod duration;
pub mod error;
pub mod failpoint;
pub mod failures;
pub mod flight;
pub mod folder;
pub mod form;
pub mod hash;
pub mod health;
pub mod holder;
pub mod identities;
pub mod inquiry;
pub mod job;
pub mod lanes;
pub mod ledger;
pub mod limits;
pub mod lines;
pub mod lock;
pub mod look;
pub mod metrics;
pub mod moment;
pub mod notice;
pub mod open;
pub mod order;
pub mod outbox;
pub mod owner;
pub mod pass;
pub mod pause;
pub mod pending;
pub mod plan;
pub mod plugs;
pub mod price;
pub mod printable;
pub mod pulse;
pub mod quiet;
pub mod read;
pub mod registry;
pub mod report;
pub mod request;
pub mod scan;
pub mod schedule;
pub mod settle;
pub mod source;
pub mod stat;
pub mod store;
pub mod summary;
pub mod suspension;
pub mod trial;
pub mod trigger;
pub mod unit;
pub mod whole;
mod wire;
pub mod writer;
pub mod zone;
