//! Ctrl-Z: a process lets go of the database before it stops, so that nobody waits for one that sleeps.
//!
//! The kernel stops a process wherever it is, and its locks stay. So the signal is caught: whoever holds the
//! database is asked to end its turn, and the process stops when nobody in it holds one any more. Nobody gets a
//! database until it goes on. SIGSTOP cannot be caught; who waits for such a process gets its number.

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

/// Whether the process is to stop.
static WANTED: AtomicBool = AtomicBool::new(false);

/// A turn that does not end by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database that is held. Dropping it lets the process stop.
#[derive(Debug)]
pub struct Hold(());

impl Hold {
    /// Begins to hold one, unless the process is about to stop: then it waits.
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
        // Here is a good place to stop.
        CHANGED.wait_while(&mut held, |_| is_wanted());
    }
}

/// Whether whoever holds a database is to let go of it.
pub fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// Catches the signal from now on, unless whoever started the program had it ignored.
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

/// Stops the process when it holds no database, and returns when it goes on.
fn stop(signal: i32) {
    let mut held = HELD.lock();
    WANTED.store(true, Ordering::Relaxed);
    CHANGED.wait_while_for(&mut held, |held| *held > 0, PATIENCE);
    // With the lock on the count: nobody begins to hold one in between.
    let _ = emulate_default_handler(signal);
    WANTED.store(false, Ordering::Relaxed);
    drop(held);
    CHANGED.notify_all();
}

/// Whether the program was started with a signal ignored, as far as the system says.
pub fn is_ignored(signal: i32) -> bool {
    #[expect(clippy::disallowed_methods, reason = "what the kernel says about this process")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}
