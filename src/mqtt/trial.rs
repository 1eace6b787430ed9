//! The publisher's second connection, where a rejection costs the connection: what the broker may reject is tried here.
//!
//! It is opened when there is something to try. It has no last will, and takes no session from anybody.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::delivery::{Delivery, DeliveryEnd, keep_alive, terms};
use super::in_flight::PublisherConnection;
use super::publisher::{KEEP_ALIVE, SharedOutbox};
use super::wire5::{ConnectTerms, Wire5};
use crate::link::{Backoff, Link};

/// The pause after a connection that the broker ended for a rejection: so many a second may be rejected.
const AFTER_A_REJECTION: Duration = Duration::from_millis(20);

/// After so many connections in a row that the broker did not take, what is to be tried goes with all else.
const FAILURES_ALLOWED: u32 = 3;

/// Tries what is to be tried, for ever.
#[allow(clippy::infinite_loop, reason = "it says so by its type, as the publisher's other connection does")]
pub(super) async fn try_apart(link: &Link, shared: &SharedOutbox) -> Infallible {
    let link = link.with_client_id(format!("{}-trial", link.client_id()));
    let mut backoff = Backoff::default();
    let mut failures = 0;
    loop {
        until_wanted(shared).await;
        let begun = Instant::now();
        let end = match connect(&link, shared).await {
            Ok(trial) => {
                failures = 0;
                deliver(trial, shared).await
            }
            Err(end) => {
                failures += 1;
                end
            }
        };
        let (reason, blame) = match end {
            DeliveryEnd::TakenOver => ("another client has connected under its client id".to_owned(), false),
            DeliveryEnd::Blamed(reason) => (reason, true),
            DeliveryEnd::Lost(reason) => (reason, false),
        };
        let blamed = blame.then_some(&*reason);
        let ended = PublisherConnection::Trial;
        let explained = shared.change(|state, finished| state.queue.disconnect(ended, blamed, finished));
        debug!(reason, explained, "the connection for what the broker may reject has ended");
        if failures >= FAILURES_ALLOWED && shared.lock().queue.is_connected() {
            warn!(
                reason,
                "what the broker may reject cannot be tried on a connection of its own: it goes with all else"
            );
            shared.change(|state, _| state.queue.try_with_the_others());
            failures = 0;
        }
        sleep(if explained { AFTER_A_REJECTION } else { backoff.after_connection(begun.elapsed()) }).await;
    }
}

/// A connection, and for how long it is kept without a word.
async fn connect(link: &Link, shared: &SharedOutbox) -> Result<(Wire5, Duration), DeliveryEnd> {
    let (wire, ack) = Wire5::connect(link, ConnectTerms::without_session(KEEP_ALIVE, None)).await?;
    shared.lock().queue.connect(PublisherConnection::Trial, terms(&ack));
    Ok((wire, keep_alive(&ack)))
}

/// Delivers until the connection ends.
async fn deliver((mut wire, keep_alive): (Wire5, Duration), shared: &SharedOutbox) -> DeliveryEnd {
    let connection = PublisherConnection::Trial;
    match (Delivery { shared, wire: &mut wire, connection }).run(keep_alive).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn until_wanted(shared: &SharedOutbox) {
    loop {
        let mut wanted = pin!(shared.trial.notified());
        wanted.as_mut().enable();
        if shared.lock().queue.wants_trial() {
            return;
        }
        wanted.await;
    }
}
