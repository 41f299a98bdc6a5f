//! Activity sessions: who was active when, from where, with what.
//!
//! | module | noun |
//! | --- | --- |
//! | [`domain`] | the host of an address, its registrable domain, and which referrers are external |

pub mod domain;
mod punycode;
