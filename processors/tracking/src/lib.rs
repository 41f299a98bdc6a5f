//! Activity sessions: who was active when, from where, with what.
//!
//! | module | noun |
//! | --- | --- |
//! | [`channel`] | by what channel somebody came |
//! | [`domain`] | the host of an address, its registrable domain, and which referrers are external |

pub mod channel;
pub mod domain;
mod punycode;
