//! The vocabulary of runs, shared by the pass, the store and the service. Pure: nothing here reads a file, a clock or
//! the database.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`request`] | who asked for a run |
//! | [`policy`] | whose files are left out, and which files wait |
//! | [`quiet`] | when a file that is still growing is due |
//! | [`pause`] | how long a processor asks a server nothing |
//! | [`summary`] | what a run did: every file counted in exactly one state |

pub mod pause;
pub mod policy;
pub mod quiet;
pub mod request;
pub mod summary;
