//! How far a pass may go.

use crate::read::Caps;
use std::time::Duration;

/// Bounds of a pass and of what one file can cost it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Files that processors look into; of one that waits for a network, files that it asks about. Those
    /// whose hash says that nothing is new do not count.
    pub files: Option<u64>,
    /// Files that are not begun by then are left for the next pass.
    pub time: Option<Duration>,
    pub caps: Caps,
    /// Threads that read.
    pub threads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { files: None, time: None, caps: Caps::default(), threads }
    }
}
