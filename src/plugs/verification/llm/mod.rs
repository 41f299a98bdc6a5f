//! Detectors that ask a language model over a network: the verification processor gets one where the
//! configuration asks for it, and needs none otherwise.
//!
//! | module | noun |
//! | --- | --- |
//! | [`address`] | where a server is, and whether a key may go there |
//! | [`key`] | the secret that a server wants to see |
//! | [`model`] | the detector: prompt, journal, budget, client, answer |
//! | [`question`] | what a model is asked, and the form of its answer |
//! | [`prompt`] | the question about a conversation: the instruction, the schema, the turns as data |
//! | [`judgement`] | the question about a correction, and its answer |
//! | [`network`] | whether a connection can be opened at all |
//! | [`api`] | the two ways in which servers want to be asked |
//! | [`client`] | one request, and what to do about its failure |
//! | [`answer`] | the claims that a model found, held against what was said |
//! | [`journal`] | the answers that were paid for, kept beside the database |
//! | [`budget`] | calls, tokens and money, per run and per day |

pub mod address;
pub mod answer;
pub mod api;
pub mod budget;
pub mod client;
pub mod journal;
pub mod judgement;
pub mod key;
pub mod model;
pub(super) mod network;
pub mod prompt;
pub mod question;

pub use model::Model;
