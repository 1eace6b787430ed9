//! `wardwatch receive`: a receiver of alerts that registers, confirms each change, and says when nobody watches.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, ConnectionError, Event, LastWill, Outgoing, Packet, Publish, QoS};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;
use wardwatch_actors::clock::Clock;
use wardwatch_actors::receivers::ConfirmationStatus;

use super::heartbeat_watch::{HeartbeatWatch, WatchNews};
use crate::contract::payload::json;
use crate::contract::payload::receiver::{ConfirmationMessage, Registration};
use crate::contract::payload::system::Status;
use crate::contract::topics::Topics;
use crate::link::{Backoff, Link};

/// Of how many alerts it is remembered up to which change they were shown.
const REMEMBERED: usize = 10_000;
/// Events that wait to be taken.
const EVENTS: usize = 64;
/// How long the goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// What a receiver is made of.
pub struct ReceiveSettings {
    /// The broker, under a client id whose session is the receiver's.
    pub link: Link,
    pub topics: Topics,
    pub name: String,
    /// Which alerts it receives, as `alerts/high/icu-1/#`.
    pub filters: Vec<String>,
    /// The instance whose heartbeat it watches.
    pub instance: String,
    /// What it says of each change.
    pub status: ConfirmationStatus,
}

/// Why a receiver cannot go on.
#[derive(Debug, Error)]
pub enum ReceiveFault<E: std::error::Error + 'static> {
    #[error("no connection to the broker")]
    Broker(#[from] Box<ConnectionError>),
    #[error(transparent)]
    Output(E),
}

/// What is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverNews {
    /// An alert change, as it came.
    Change(Bytes),
    /// Whether WardWatch is heard.
    Watch(WatchNews),
}

/// What of a change says which it is.
#[derive(Deserialize)]
struct WhichChange {
    id: Uuid,
    sequence: u32,
}

/// Which changes have been shown.
#[derive(Debug, Default)]
struct Shown {
    sequences: BTreeMap<Uuid, u32>,
    order: VecDeque<Uuid>,
}

impl Shown {
    /// Whether this change has not been shown before; it counts as shown from now on.
    fn is_new(&mut self, id: Uuid, sequence: u32) -> bool {
        let before = self.sequences.insert(id, sequence);
        if before.is_none() {
            self.order.push_back(id);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.sequences.remove(&oldest);
            }
        }
        let newest = before.is_none_or(|before| before < sequence);
        if let Some(before) = before.filter(|_| !newest) {
            self.sequences.insert(id, before);
        }
        newest
    }
}

/// Receives until `stop`, and hands on what is to be shown.
pub async fn receive<E: std::error::Error + 'static>(
    settings: ReceiveSettings,
    clock: Clock,
    mut show: impl FnMut(ReceiverNews) -> Result<(), E>,
    stop: impl Future<Output = ()>,
) -> Result<(), ReceiveFault<E>> {
    let (client, mut events) = connect(&settings);
    let mut receiver = AlertReceiver::new(settings, clock, client);
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(stop);
    loop {
        let news = tokio::select! {
            Some(event) = events.recv() => match event {
                Ok(event) => receiver.hear(event),
                Err(lost) if !receiver.worked => return Err(Box::new(lost).into()),
                Err(_) => {
                    receiver.watch.connected(false, receiver.clock.uptime()).map(ReceiverNews::Watch)
                }
            },
            _ = seconds.tick() => receiver.watch.judge(receiver.clock.uptime()).map(ReceiverNews::Watch),
            () = &mut stop => break,
        };
        if let Some(news) = news {
            show(news).map_err(ReceiveFault::Output)?;
        }
    }
    receiver.leave(&mut events).await;
    Ok(())
}

/// What the connection says.
type Polled = Result<Event, ConnectionError>;

/// A session that outlives the connection, so that nothing is missed, and the last will that says that nobody receives.
fn connect(settings: &ReceiveSettings) -> (AsyncClient, Receiver<Polled>) {
    let (mut options, network) = settings.link.v4();
    let gone = json(&Registration { online: false, filters: Vec::new(), within: None });
    let will = LastWill::new(settings.topics.receiver(&settings.name), gone, QoS::AtLeastOnce, true);
    options.set_manual_acks(false).set_last_will(will);
    let (client, mut events) = AsyncClient::new(options, 1000);
    events.set_network_options(network);
    // It has a task of its own: a poll that is given up while it connects leaves a connection behind, which the broker
    // takes for one that died.
    let (polled, heard) = channel(EVENTS);
    tokio::spawn(async move {
        let mut backoff = Backoff::default();
        loop {
            let event = events.poll().await;
            let lost = event.is_err();
            if polled.send(event).await.is_err() {
                return;
            }
            match lost {
                true => sleep(backoff.after_failure()).await,
                false => backoff.reset(),
            }
        }
    });
    (client, heard)
}

struct AlertReceiver {
    settings: ReceiveSettings,
    clock: Clock,
    client: AsyncClient,
    watch: HeartbeatWatch,
    heartbeat: String,
    confirmations: String,
    shown: Shown,
    /// Whether there has been a connection.
    worked: bool,
}

impl AlertReceiver {
    fn new(settings: ReceiveSettings, clock: Clock, client: AsyncClient) -> Self {
        Self {
            watch: HeartbeatWatch::new(clock.uptime()),
            heartbeat: settings.topics.system(&settings.instance),
            confirmations: settings.topics.confirmations(&settings.name),
            shown: Shown::default(),
            worked: false,
            client,
            settings,
            clock,
        }
    }

    fn hear(&mut self, event: Event) -> Option<ReceiverNews> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                self.worked = true;
                self.register()
            }
            Event::Incoming(Packet::Publish(message)) => self.take(message),
            _ => None,
        }
    }

    /// Connected: says that it is there, and subscribes.
    fn register(&mut self) -> Option<ReceiverNews> {
        let ReceiveSettings { topics, name, filters, .. } = &self.settings;
        for filter in filters.iter().map(|filter| topics.below(filter)).chain([self.heartbeat.clone()]) {
            // It fails only where the queue of requests is full, which it is not at the start of a connection.
            let _ = self.client.try_subscribe(filter, QoS::AtLeastOnce);
        }
        let there = json(&Registration { online: true, filters: filters.clone(), within: None });
        let _ = self.client.try_publish(topics.receiver(name), QoS::AtLeastOnce, true, there);
        self.watch.connected(true, self.clock.uptime()).map(ReceiverNews::Watch)
    }

    /// Takes a heartbeat or a change; a change that comes again is confirmed again, and not shown.
    fn take(&mut self, message: Publish) -> Option<ReceiverNews> {
        #[derive(Deserialize)]
        struct HeardBeat {
            status: Status,
        }
        if message.topic == self.heartbeat {
            let beat: HeardBeat = serde_json::from_slice(&message.payload).ok()?;
            let news = self.watch.beat(beat.status, message.retain, self.clock.uptime());
            return news.map(ReceiverNews::Watch);
        }
        let WhichChange { id, sequence } = serde_json::from_slice(&message.payload).ok()?;
        let (time, status) = (Some(self.clock.now().wall), self.settings.status);
        let confirmation = json(&ConfirmationMessage { id, sequence, time, status });
        // Where so many wait that this one finds no room, its delivery is published as unconfirmed.
        let _ = self.client.try_publish(&self.confirmations, QoS::AtLeastOnce, false, confirmation);
        self.shown.is_new(id, sequence).then_some(ReceiverNews::Change(message.payload))
    }

    /// Says that it is gone, and disconnects.
    async fn leave(self, events: &mut Receiver<Polled>) {
        let gone = json(&Registration { online: false, filters: Vec::new(), within: None });
        let topic = self.settings.topics.receiver(&self.settings.name);
        let _ = self.client.try_publish(topic, QoS::AtLeastOnce, true, gone);
        // One after the other, as they are asked for: the broker has the word before it is left.
        let _ = self.client.try_disconnect();
        let said = async {
            while let Some(Ok(event)) = events.recv().await {
                if matches!(event, Event::Outgoing(Outgoing::Disconnect)) {
                    return;
                }
            }
        };
        let _ = timeout(GOODBYE_WITHIN, said).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_once_and_an_older_one_not_after_it() {
        let mut shown = Shown::default();
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let changes = [(a, 1), (a, 1), (a, 3), (b, 1), (a, 2), (a, 4), (b, 1)];
        let new: Vec<_> = changes.into_iter().filter(|(id, sequence)| shown.is_new(*id, *sequence)).collect();
        assert_eq!(new, [(a, 1), (a, 3), (b, 1), (a, 4)]);
        (0..REMEMBERED as u128).for_each(|n| assert!(shown.is_new(Uuid::from_u128(100 + n), 1)));
        assert_eq!((shown.order.len(), shown.sequences.len()), (REMEMBERED, REMEMBERED));
    }
}
