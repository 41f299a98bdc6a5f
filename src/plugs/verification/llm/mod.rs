//! The detector that asks a language model over a network. The verification processor uses it only if the configuration
//! says so.
//!
//! | module | noun |
//! | --- | --- |
//! | [`address`] | the address of a server, and whether a key may be sent there |
//! | [`key`] | the API key for a server |
//! | [`model`] | the detector: prompt, journal, budget, client, answer |
//! | [`question`] | a question to a model, with the form of the answer |
//! | [`prompt`] | the question about a conversation: the instruction, the schema, the turns as data |
//! | [`judgement`] | the question about a correction, and its answer |
//! | [`network`] | whether this process may open connections |
//! | [`api`] | the two supported HTTP APIs |
//! | [`client`] | sends a request, and classifies failures |
//! | [`answer`] | checks the claims of a model against the conversation |
//! | [`journal`] | stored answers, beside the database |
//! | [`budget`] | limits of calls, tokens and money, for runs and days |

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
