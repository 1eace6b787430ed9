//! Ends the process when the shard's thread has not moved for ten seconds that really ran.
//!
//! Two threads watch it, each by itself: the watchdog, which ends the process, and the publisher, which
//! drops its connection, so that the broker says by our last will that nobody judges any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::provoked;
use crate::fatal::Fatal;
use crate::log_queue;

/// How many seconds in a row the thread may stand still.
const PATIENCE_S: u32 = 10;
/// How many before the publisher ends where the watchdog has not: it comes second.
const LAST_PATIENCE_S: u32 = PATIENCE_S + 3;
/// How long the watchdog's last words may take.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// Counts the ticks of the shard's thread.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The thread moves.
    pub fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the thread has stood still for too long. A thread that has not ticked yet counts.
    pub async fn stopped(&self) -> Fatal {
        let mut still = Still::default();
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            seconds.tick().await;
            let seconds = still.after_a_second(self.0.load(Ordering::Relaxed));
            if seconds > LAST_PATIENCE_S {
                return Fatal::Stalled(seconds);
            }
        }
    }
}

/// For how many seconds, counted while the process runs, nothing has ticked: a suspended process does not age.
#[derive(Debug, Default)]
struct Still {
    ticks: u64,
    seconds: u32,
}

impl Still {
    fn after_a_second(&mut self, ticks: u64) -> u32 {
        self.seconds = if ticks == self.ticks { self.seconds + 1 } else { 0 };
        self.ticks = ticks;
        self.seconds
    }
}

/// Watches one thread from another, as long as it is kept.
pub struct Watchdog {
    pulse: Pulse,
    _kept: Arc<()>,
}

impl Watchdog {
    /// Watches the thread of this pulse from now on.
    pub fn start(pulse: Pulse) -> Result<Self, Fatal> {
        let kept = Arc::new(());
        let (watched, watching) = (pulse.clone(), Arc::downgrade(&kept));
        let work = move || watch(&watched, &watching);
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(work);
        thread.map_err(|fault| Fatal::Setup(format!("no thread for the watchdog: {fault}")))?;
        Ok(Self { pulse, _kept: kept })
    }

    /// The thread moves.
    pub fn tick(&self) {
        self.pulse.tick();
    }
}

fn watch(pulse: &Pulse, watching: &Weak<()>) {
    let mut still = Still::default();
    while watching.strong_count() > 0 {
        provoked::hang("watchdog");
        let seconds = still.after_a_second(pulse.0.load(Ordering::Relaxed));
        if seconds > PATIENCE_S {
            end_process(&Fatal::Stalled(seconds));
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// Ends the process from here: whoever would hear of the fault is the one that stands still.
///
/// Saying so must not keep it from ending, whatever holds the log or standard error.
#[allow(clippy::exit, reason = "nobody is left who could end the process in order")]
pub fn end_process(fault: &Fatal) -> ! {
    let (status, words) = (i32::from(fault.status()), fault.to_string());
    let (done, said) = mpsc::channel();
    let say = move || {
        tracing::error!("ended: {words}");
        log_queue::flush(LAST_WORDS_WITHIN);
        let _ = done.send(());
    };
    // Without a thread there are no last words.
    if thread::Builder::new().name("last words".to_owned()).spawn(say).is_ok() {
        let _ = said.recv_timeout(LAST_WORDS_WITHIN);
    }
    std::process::exit(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seconds_without_a_tick_count() {
        let mut still = Still::default();
        let seconds = [0, 0, 1, 1, 1, 7, 7].map(|ticks| still.after_a_second(ticks));
        assert_eq!(seconds, [1, 2, 0, 1, 2, 0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_never_ticks_has_stopped_too() {
        let begun = tokio::time::Instant::now();
        assert!(matches!(Pulse::default().stopped().await, Fatal::Stalled(14)));
        assert_eq!(begun.elapsed().as_secs(), 13);
    }
}
