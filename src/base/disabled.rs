//! Processors that cannot work as they are configured.

use crate::base::error::{Error, Status};

/// Processors that cannot work as they are configured, and why.
#[derive(Clone, Debug, Default)]
pub struct Disabled(Vec<(&'static str, Reason)>);

#[derive(Clone, Debug)]
struct Reason {
    words: String,
    is_local: bool,
}

impl Disabled {
    /// Adds one that cannot work.
    pub fn add(&mut self, processor: &'static str, words: String, is_local: bool) {
        self.0.push((processor, Reason { words, is_local }));
    }

    /// Why a processor cannot work, if it cannot.
    pub fn why(&self, processor: &str) -> Option<&str> {
        self.of(processor).map(|reason| &*reason.words)
    }

    /// Whether that need not hold for the service, which has credentials and a network of its own.
    pub fn is_local(&self, processor: &str) -> bool {
        self.of(processor).is_some_and(|reason| reason.is_local)
    }

    /// The result of a run of each of them.
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

/// The error of a run of a processor that cannot work.
fn disabled_error(name: &str, reason: &str) -> Error {
    Error::new(Status::Config, format!("processor `{name}` is disabled: {reason}"))
}
