//! The thread that does not wait for the disk: it emits what the recorder is too slow for.

use super::shared::{Loss, SharedStore};

/// Emits what is overdue until the store is closed.
pub fn run(shared: &SharedStore) {
    while let Some(now) = shared.next_overdue() {
        shared.emit(|queue| {
            let (emissions, lost) = queue.overdue(now);
            (emissions, lost.map(|since| Loss::Begins { since: Some(since) }))
        });
    }
}
