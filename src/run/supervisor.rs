//! What the service manager is told: that we are ready, alive, and ending.

use sd_notify::NotifyState;
use tracing::debug;

/// Tells systemd, where it started us; anybody else does not listen.
fn tell(state: NotifyState<'_>) {
    if let Err(fault) = sd_notify::notify(&[state]) {
        debug!(%fault, "the service manager could not be notified");
    }
}

/// Everything has been started; the broker may not be there yet.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The shard's thread moves. Without this for `WatchdogSec`, systemd starts us anew.
pub fn alive() {
    tell(NotifyState::Watchdog);
}

/// The end has begun.
pub fn stopping() {
    tell(NotifyState::Stopping);
}
