//! Activity sessions: who was active when, from where, with what.
//!
//! | module | noun |
//! | --- | --- |
//! | [`bot`] | programs that nobody sits in front of |
//! | [`channel`] | by what channel somebody came |
//! | [`device`] | what somebody used, by agent string |
//! | [`domain`] | the host of an address, its registrable domain, and which referrers are external |

pub mod bot;
pub mod channel;
pub mod device;
pub mod domain;
mod punycode;
