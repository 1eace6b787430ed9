//! Ends the process when the shard's thread has not moved for ten seconds that really ran.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::fatal::Fatal;

/// How many seconds in a row the thread may stand still.
const PATIENCE_S: u32 = 10;

/// Watches one thread from another.
pub struct Watchdog {
    /// Seconds since the last tick, counted while the process runs: a suspended process does not age.
    still: Arc<AtomicU32>,
}

impl Watchdog {
    /// Watches the thread that calls [`Watchdog::tick`] from now on.
    pub fn start(fatal: UnboundedSender<Fatal>) -> Result<Self, Fatal> {
        let still = Arc::new(AtomicU32::new(0));
        let watched = Arc::downgrade(&still);
        let work = move || {
            while let Some(still) = watched.upgrade() {
                let seconds = still.fetch_add(1, Ordering::Relaxed);
                if seconds > PATIENCE_S {
                    end(&fatal, seconds);
                }
                drop(still);
                std::thread::sleep(Duration::from_secs(1));
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(work);
        thread.map_err(|fault| Fatal::Setup(format!("no thread for the watchdog: {fault}")))?;
        Ok(Self { still })
    }

    /// The thread moves.
    pub fn tick(&self) {
        self.still.store(0, Ordering::Relaxed);
    }
}

/// The thread that would receive the fault is the one that stands still: the process ends here.
#[allow(clippy::exit, reason = "nobody is left who could end the process in order")]
fn end(fatal: &UnboundedSender<Fatal>, seconds: u32) {
    let fault = Fatal::Stalled(seconds);
    tracing::error!(%fault, "ending at once");
    let status = i32::from(fault.status());
    let _ = fatal.send(fault);
    std::process::exit(status);
}
