//! What the pass, the store and the service all speak of when they speak of a run. Pure: nothing here reads a file, a
//! clock or the database.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`request`] | who asked for a run |
//! | [`policy`] | whose files are left out, and which files wait |
//! | [`quiet`] | when a file that still grows is due |
//! | [`pause`] | how long a server is not asked again |
//! | [`summary`] | what a run did: every file in one counted state |

pub mod pause;
pub mod policy;
pub mod quiet;
pub mod request;
pub mod summary;
