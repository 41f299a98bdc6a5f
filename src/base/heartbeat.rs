//! Progress of a pass, and the request to stop it.
//!
//! The thread that started a pass watches its beats. It can ask the pass to stop: the pass then commits what it has
//! read, and the next pass does the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between a pass and the thread that watches it.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    beats: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Heartbeat {
    /// Reports progress: bytes were read, a group was committed, or keys were settled.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats so far. While a pass makes progress, the number grows.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Asks the pass to stop.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }
}
