//! Processors that wait for a network.

use crate::run::quiet::Quiet;

/// The settings of a processor that asks over a network.
#[derive(Clone, Debug)]
pub struct Network {
    /// The server: its address, and a mark of the key.
    pub server: String,
    /// The most questions at the same time, about files or about entities.
    pub connections: usize,
    /// How long a growing file must be quiet before the processor asks about it.
    pub quiet: Quiet,
}

impl Default for Network {
    fn default() -> Self {
        Self { server: String::new(), connections: 4, quiet: Quiet::default() }
    }
}
