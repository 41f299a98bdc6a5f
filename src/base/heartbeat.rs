//! The signs of life of a pass, and the word that ends it early.
//!
//! Whoever started a pass in another thread sees that it makes progress, and can ask it to end:
//! what is in hand is committed, what is left waits for the next pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared between a pass and who watches it.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    beats: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Heartbeat {
    /// Something was done: bytes were read, a group was committed, keys were settled.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats so far: a pass that works on has more of them soon.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Asks the pass to end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The flag that a signal sets.
    pub fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }
}
