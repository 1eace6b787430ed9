//! The publisher on a thread of its own, so that nothing on the shard's thread can hold up an alert.

use tokio::sync::{Notify, mpsc, oneshot};

use super::provoked;
use super::watchdog::{Pulse, end_process};
use crate::fatal::Fatal;
use crate::mqtt::publisher::{Outgoing, Publisher};

/// The publisher on a thread of its own.
pub struct PublisherThread {
    farewell: oneshot::Sender<Outgoing>,
    ended: oneshot::Receiver<()>,
}

impl PublisherThread {
    /// Publishes from now on, as long as the shard's thread moves; answers when that ends by a fault.
    pub fn start(
        publisher: Publisher,
        pulse: Pulse,
        fatal: mpsc::UnboundedSender<Fatal>,
    ) -> Result<Self, Fatal> {
        let (farewell, last_word) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let setup = |fault: std::io::Error| Fatal::Setup(format!("no thread for the publisher: {fault}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(setup)?;
        let work = move || {
            let guard = ThreadGuard(fatal.clone());
            provoked::panic("publisher");
            match runtime.block_on(publish(publisher, &pulse, last_word)) {
                Ok(()) => {}
                // Nobody is left who could hear it, and the watchdog is no more.
                Err(stalled @ Fatal::Stalled(_)) => end_process(&stalled),
                Err(fault) => _ = fatal.send(fault),
            }
            #[allow(clippy::mem_forget, reason = "the guard reports a panic, and there was none")]
            std::mem::forget(guard);
            let _ = end.send(());
        };
        std::thread::Builder::new().name("publisher".to_owned()).spawn(work).map_err(setup)?;
        Ok(Self { farewell, ended })
    }

    /// Publishes what is still pending and the last word, as far as time allows.
    pub async fn end(self, last: Outgoing) {
        if self.farewell.send(last).is_ok() {
            let _ = self.ended.await;
        }
    }
}

/// Publishes until the last word; without one, or where the shard's thread stands still, the connection is
/// dropped: the broker is to say by our last will that nobody judges any more.
async fn publish(
    publisher: Publisher,
    pulse: &Pulse,
    last_word: oneshot::Receiver<Outgoing>,
) -> Result<(), Fatal> {
    let died = Notify::new();
    let shutdown = async {
        match last_word.await {
            Ok(last) => Some(last),
            Err(_) => {
                died.notify_one();
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        ended = publisher.run(shutdown) => Ok(ended?),
        () = died.notified() => Ok(()),
        stalled = pulse.stopped() => Err(stalled),
    }
}

/// Reports when its thread ends by a panic.
struct ThreadGuard(mpsc::UnboundedSender<Fatal>);

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        let _ = self.0.send(Fatal::PublisherThread);
    }
}
