//! Processors that wait for a network.

use crate::run::quiet::Quiet;

/// How a processor asks over a network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Who is asked: its address, and a mark of the key.
    pub server: String,
    /// Questions that are under way at a time, about files or about entities.
    pub connections: usize,
    /// When a file that grows is asked about.
    pub quiet: Quiet,
}

impl Default for Network {
    fn default() -> Self {
        Self { server: String::new(), connections: 4, quiet: Quiet::default() }
    }
}
