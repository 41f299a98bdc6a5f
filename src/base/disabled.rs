//! Processors that cannot run with the present configuration.

use crate::base::error::{Error, Status};

/// Processors that cannot run with the present configuration, each with the reason.
#[derive(Clone, Debug, Default)]
pub struct Disabled(Vec<(&'static str, Reason)>);

#[derive(Clone, Debug)]
struct Reason {
    words: String,
    is_local: bool,
}

impl Disabled {
    /// Adds a processor that cannot run. `is_local`: the service may still be able to run it.
    pub fn add(&mut self, processor: &'static str, words: String, is_local: bool) {
        self.0.push((processor, Reason { words, is_local }));
    }

    /// Why a processor cannot run; `None` if it can.
    pub fn why(&self, processor: &str) -> Option<&str> {
        self.of(processor).map(|reason| &*reason.words)
    }

    /// Whether the reason may hold for this process only: the service has its own credentials and network.
    pub fn is_local(&self, processor: &str) -> bool {
        self.of(processor).is_some_and(|reason| reason.is_local)
    }

    /// The error with which a run of each of them ends.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, Error)> {
        self.iter().map(|(name, reason)| (name, disabled_error(name, reason)))
    }

    /// All of them, with the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, reason)| (*name, &*reason.words))
    }

    fn of(&self, processor: &str) -> Option<&Reason> {
        self.0.iter().find(|(name, _)| *name == processor).map(|(_, reason)| reason)
    }
}

/// The error with which a run of a disabled processor ends.
fn disabled_error(name: &str, reason: &str) -> Error {
    Error::new(Status::Config, format!("processor `{name}` is disabled: {reason}"))
}
