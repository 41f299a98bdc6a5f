//! What the service reports to systemd: that it is ready, alive, what it does, and that it ends. Without systemd,
//! nothing is reported.

use crate::base::error::cause;
use sd_notify::NotifyState;
use std::time::Duration;

/// It serves.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// It reads its configuration again, and says when it is ready.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(error = cause(&error), "cannot read the clock"),
    }
}

/// It ends.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// It gets on: without this the watchdog barks.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// What it does, in a line.
pub fn status(words: &str) {
    notify(&[NotifyState::Status(words)]);
}

/// How often the watchdog wants to hear from it: half of the time that it waits.
pub fn interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = cause(&error), "cannot notify systemd");
    }
}
