//! Ctrl-Z: a process releases the database before it stops, so that no other process waits for one that is stopped.
//!
//! By default the kernel stops a process wherever it is, and its locks stay. So the signal is caught: threads that hold
//! a database are asked to release it, and the process stops when none holds one any more. Until the process is
//! resumed, no thread of it gets a database. SIGSTOP cannot be caught; a process that waits for one so stopped reports
//! its pid.

use crate::base::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many databases this process holds.
static HELD: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// Whether the process is about to stop.
static WANTED: AtomicBool = AtomicBool::new(false);

/// The process does not wait longer than this for its threads to release their databases.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database that a thread holds. Dropping it lets the process stop.
#[derive(Debug)]
pub struct Hold(());

impl Hold {
    /// Begins to hold a database. If the process is about to stop, waits until it is resumed.
    pub fn begin() -> Self {
        let mut held = HELD.lock();
        CHANGED.wait_while(&mut held, |_| is_wanted());
        *held += 1;
        Self(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = HELD.lock();
        *held -= 1;
        CHANGED.notify_all();
        // The database is released now, so let the process stop here.
        CHANGED.wait_while(&mut held, |_| is_wanted());
    }
}

/// Whether threads that hold a database are asked to release it.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// Catches the signal from now on, unless the program was started with it ignored.
///
/// # Errors
///
/// If signals cannot be listened to.
pub fn listen() -> Result<()> {
    if is_ignored(SIGTSTP) {
        return Ok(());
    }
    let mut signals = Signals::new([SIGTSTP]).map_err(|error| Error::cannot("listen to", "signals", error))?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            stop(signal);
        }
    });
    Ok(())
}

/// Waits until the process holds no database, stops it, and returns when it is resumed.
fn stop(signal: i32) {
    let mut held = HELD.lock();
    WANTED.store(true, Ordering::Relaxed);
    CHANGED.wait_while_for(&mut held, |held| *held > 0, PATIENCE);
    // The count stays locked meanwhile, so no thread can begin to hold a database.
    let _ = emulate_default_handler(signal);
    WANTED.store(false, Ordering::Relaxed);
    drop(held);
    CHANGED.notify_all();
}

/// Whether the program was started with a signal ignored, according to `/proc`. False where the system has none.
pub fn is_ignored(signal: i32) -> bool {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about this process")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}
