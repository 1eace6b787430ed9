//! The publisher on a thread of its own, so that nothing on the shard's thread can hold up an alert.

use tokio::sync::{Notify, mpsc, oneshot};

use crate::fatal::Fatal;
use crate::mqtt::publisher::{Outgoing, Publisher, PublisherFault};

/// The publisher on a thread of its own.
pub struct PublisherThread {
    farewell: oneshot::Sender<Outgoing>,
    ended: oneshot::Receiver<()>,
}

impl PublisherThread {
    /// Publishes from now on; tells when that ends by a fault.
    pub fn start(publisher: Publisher, fatal: mpsc::UnboundedSender<Fatal>) -> Result<Self, Fatal> {
        let (farewell, last_word) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let setup = |fault: std::io::Error| Fatal::Setup(format!("no thread for the publisher: {fault}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(setup)?;
        let work = move || {
            let guard = ThreadGuard(fatal.clone());
            if let Err(fault) = runtime.block_on(publish(publisher, last_word)) {
                let _ = fatal.send(fault.into());
            }
            #[allow(clippy::mem_forget, reason = "the guard tells of a panic, and there was none")]
            std::mem::forget(guard);
            let _ = end.send(());
        };
        std::thread::Builder::new().name("publisher".to_owned()).spawn(work).map_err(setup)?;
        Ok(Self { farewell, ended })
    }

    /// Publishes what is still owed and the last word, as far as time allows.
    pub async fn end(self, last: Outgoing) {
        if self.farewell.send(last).is_ok() {
            let _ = self.ended.await;
        }
    }
}

/// Publishes until the last word; without one the shard has died, and the broker is to say so by our last will.
async fn publish(publisher: Publisher, last_word: oneshot::Receiver<Outgoing>) -> Result<(), PublisherFault> {
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
        ended = publisher.run(shutdown) => ended,
        () = died.notified() => Ok(()),
    }
}

/// Tells when its thread ends by a panic.
struct ThreadGuard(mpsc::UnboundedSender<Fatal>);

impl Drop for ThreadGuard {
    fn drop(&mut self) {
        let _ = self.0.send(Fatal::PublisherThread);
    }
}
