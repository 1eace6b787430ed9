//! The thread that does not wait for the disk: it publishes what the recorder is too slow for.

use super::StoreEvent;
use super::shared::Shared;

/// Releases what is overdue until the store is closed.
pub fn run(shared: &Shared) {
    while let Some(now) = shared.next_overdue() {
        shared.release(|queue| {
            let (releases, lost) = queue.overdue(now);
            (releases, lost.map(|since| StoreEvent::Lost { since }))
        });
    }
}
