//! What the service manager learns: that we are ready, alive, and ending.

use sd_notify::NotifyState;
use tracing::debug;

/// Notifies systemd, where it started us; anybody else does not listen.
fn notify(state: NotifyState<'_>) {
    if let Err(fault) = sd_notify::notify(&[state]) {
        debug!(%fault, "the service manager could not be notified");
    }
}

/// Everything has been started; the broker may not be there yet.
pub fn ready() {
    notify(NotifyState::Ready);
}

/// The shard's thread moves. Without this for `WatchdogSec`, systemd starts us anew.
pub fn alive() {
    notify(NotifyState::Watchdog);
}

/// The end has begun.
pub fn stopping() {
    notify(NotifyState::Stopping);
}
