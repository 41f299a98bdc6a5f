//! Notifies systemd of the state of the service. Without systemd, these functions do nothing.

use crate::base::error::cause;
use sd_notify::NotifyState;
use std::time::Duration;

/// The service is ready.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The service is reading its configuration again. [`ready`] must follow.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(error = cause(&error), "cannot read the clock"),
    }
}

/// The service is stopping.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// The service is alive. If this is not called often enough, the watchdog restarts the service.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// The present state, as one line.
pub fn status(words: &str) {
    notify(&[NotifyState::Status(words)]);
}

/// How often to call [`alive`]: half of the watchdog's time.
pub fn interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|time| time / 2)
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = cause(&error), "cannot notify systemd");
    }
}
