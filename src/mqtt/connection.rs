//! One connection of the ingest, from its CONNACK to its end.

mod pings;
mod subscriptions;
mod turns;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use rumqttc::{Packet, Publish, QoS};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::info;
use wardwatch_actors::receipt::Receipt;

use super::frames::Incoming;
use super::ingest::{ConnectionEnd, ConnectionProgress, Inbox, Ingest, IngestRequest, Message};
use super::long_messages::{LongMessages, Taken};
use super::probes::Probes;
use super::wire::{Wire, WireFault};
use pings::Pings;

/// How often the connection looks at what is due.
const TICK: Duration = Duration::from_millis(250);
/// Readings handed over before the actors run; an array that is taken while there are fewer may exceed it.
const BURST: u64 = 64;
/// Messages that are read beside them where they only wait.
const MOST_THAT_WAIT: u64 = 1024;
/// While a probe is under way for long, another one asks whether only that one was lost.
const ANOTHER_AFTER: Duration = Duration::from_secs(10);
/// A probe under way for longer means that what we hear is old.
const PROBE_WITHIN: Duration = Duration::from_secs(2);
/// Reading held for longer means that what we hear is old.
const HELD_WITHIN: Duration = Duration::from_secs(1);
/// A probe under way for this long has been withheld, or a very long queue lies before it.
const WITHHELD_AFTER: Duration = Duration::from_secs(30);
/// Ticks without anything new after which the records do not come before what is held is let go: 2 s.
const STALLED_AFTER: u32 = 8;
/// A broker that answers neither probe nor ping for this long beyond their interval is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A connection that ends so soon after a probe may have been ended for it.
const CUT_WITHIN: Duration = Duration::from_secs(2);

/// What became of the probes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbesFate {
    /// One came back.
    Heard,
    /// The connection ended right after one, and none came back.
    CutOff,
    Unknown,
}

pub(super) struct Connection<'a, I> {
    ingest: &'a mut Ingest,
    inbox: &'a mut I,
    wire: Wire,
    /// What waits until the short messages have been handed over.
    long: LongMessages,
    probes: Probes,
    pings: Pings,
    /// When a probe was last sent as a message, and whether one came back.
    probed_at: Option<Instant>,
    has_heard_a_probe: bool,
    /// SUBSCRIBEs not yet answered, in order.
    subscribing: VecDeque<(u16, Vec<String>)>,
    /// The first subscription is confirmed.
    subscribed: bool,
    /// The retained records have been heard.
    records_heard: bool,
    /// The probe whose return means `Drained`; none while what we hear is live.
    drained_by: Option<u64>,
    /// A probe is to be written.
    probe_due: bool,
    probe_at: Instant,
    ping_at: Instant,
    /// Since when nothing is read because the ring is full or the publisher asks to hold.
    held_since: Option<Instant>,
    /// Ticks without any packet, counted rather than timed: a process that was stopped has not listened.
    silent_ticks: u32,
    /// Bytes that had come at the last tick: a large message is long on its way.
    received: u64,
    /// Ticks since anything at all was taken, whether or not we read.
    stalled_ticks: u32,
    withheld: bool,
    /// How many topics of others' subscriptions have been taken back.
    disowned: u32,
    /// How often was read since what waits had its turn.
    bursts: u32,
    /// Packet identifiers to acknowledge; kept for its capacity.
    settled: Vec<u16>,
    drain_until: Option<Instant>,
}

impl<'a, I: Inbox> Connection<'a, I> {
    pub fn new(ingest: &'a mut Ingest, inbox: &'a mut I, wire: Wire) -> Self {
        let now = Instant::now();
        Self {
            probe_at: now + ingest.settings.probe_every,
            ping_at: now + ingest.settings.link.keep_alive() / 3,
            ingest,
            inbox,
            wire,
            long: LongMessages::default(),
            probes: Probes::new(),
            pings: Pings::default(),
            probed_at: None,
            has_heard_a_probe: false,
            subscribing: VecDeque::new(),
            subscribed: false,
            records_heard: false,
            drained_by: Some(1),
            probe_due: false,
            held_since: None,
            silent_ticks: 0,
            received: 0,
            stalled_ticks: 0,
            withheld: false,
            disowned: 0,
            bursts: 0,
            settled: Vec::new(),
            drain_until: None,
        }
    }

    /// Whether a probe of this connection came back.
    pub fn any_came_back(&self) -> bool {
        self.records_heard
    }

    /// What became of its probes.
    pub fn probes_fate(&self) -> ProbesFate {
        let lately = self.probed_at.is_some_and(|at| at.elapsed() < CUT_WITHIN);
        match (self.has_heard_a_probe, lately) {
            (true, _) => ProbesFate::Heard,
            (false, true) => ProbesFate::CutOff,
            (false, false) => ProbesFate::Unknown,
        }
    }

    /// Hears until the connection is lost, a receipt goes wrong, or a shutdown is done.
    pub async fn hear(
        &mut self,
        resumed: bool,
        requests: &mut UnboundedReceiver<IngestRequest>,
        shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> ConnectionEnd {
        self.inbox.hearing(ConnectionProgress::Connected { resumed });
        match self.listen(requests, shutdown).await {
            Ok(ended) => ended,
            Err(lost) => ConnectionEnd::Lost(lost),
        }
    }

    async fn listen(
        &mut self,
        requests: &mut UnboundedReceiver<IngestRequest>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<ConnectionEnd, WireFault> {
        self.subscribe_to_all(requests).await?;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shard_asks = true;
        let mut publisher_holds = true;
        loop {
            if let Some(fault) = self.ingest.ring.fault() {
                return Ok(ConnectionEnd::Fault(fault));
            }
            self.write_what_is_due().await?;
            if self.is_drained() {
                self.wire.close().await?;
                return Ok(ConnectionEnd::ShutDown);
            }
            let (reads, gives_turns) = self.next_step();
            // What has come is read before what waits has its turn, or whatever lies behind a flood would wait for it.
            tokio::select! {
                biased;
                () = &mut shutdown, if self.drain_until.is_none() => self.stop_reading(),
                _ = ticks.tick() => self.tick(Instant::now())?,
                request = requests.recv(), if shard_asks => match request {
                    Some(request) => self.serve(request, requests)?,
                    None => shard_asks = false,
                },
                changed = self.ingest.hold.changed(), if publisher_holds => publisher_holds = changed.is_ok(),
                () = self.ingest.ring.woken() => {}
                packet = self.wire.read(), if reads => self.take_burst(packet?).await?,
                () = std::future::ready(()), if gives_turns => self.give_turn().await,
            }
        }
    }

    /// Acknowledges what is settled and sends the probe that is due, in one write.
    async fn write_what_is_due(&mut self) -> Result<(), WireFault> {
        self.ingest.ring.take_settled(&mut self.settled);
        for pkid in self.settled.drain(..) {
            self.wire.acknowledge(pkid)?;
        }
        if self.probe_due && self.subscribed && self.may_read() {
            self.probe_due = false;
            let now = Instant::now();
            self.probe_at = now + self.ingest.settings.probe_every;
            if self.ingest.pings_take_the_place_of_probes(now) {
                self.ping_as_probe(now)?;
            } else {
                self.probed_at = Some(now);
                let probe = self.probes.send(now);
                self.wire.publish(&self.ingest.settings.probe, probe)?;
            }
        }
        self.wire.flush().await
    }

    /// From here on only what was taken is settled and acknowledged.
    fn stop_reading(&mut self) {
        info!(unacknowledged = self.ingest.ring.len(), "reading stopped; waiting for what is under way");
        self.drain_until = Some(Instant::now() + self.ingest.settings.drain_within);
    }

    fn may_read(&self) -> bool {
        let has_room = !self.ingest.ring.is_full() && !self.long.is_full();
        self.drain_until.is_none() && has_room && !*self.ingest.hold.borrow()
    }

    fn is_drained(&self) -> bool {
        self.drain_until.is_some_and(|until| self.ingest.ring.is_empty() || Instant::now() >= until)
    }

    /// Takes a packet and what has arrived behind it, as far as the ring has room and others had no turn.
    async fn take_burst(&mut self, first: Incoming) -> Result<(), WireFault> {
        self.bursts = self.bursts.saturating_add(1);
        self.long.begin_burst();
        let begun = self.ingest.ring.taken();
        self.take(first)?;
        let goes_on = |connection: &Self| {
            let waits = connection.long.of_burst().min(MOST_THAT_WAIT);
            let may_come = begun + BURST + waits;
            connection.ingest.ring.taken() < may_come
                && !connection.ingest.ring.is_full()
                && !connection.long.is_full()
        };
        while goes_on(self)
            && let Some(packet) = self.wire.read_now()
        {
            self.take(packet?)?;
        }
        // The actors of this thread settle the burst, so that one write acknowledges it.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), WireFault> {
        (self.silent_ticks, self.stalled_ticks) = (0, 0);
        self.held_since = None;
        let packet = match incoming {
            Incoming::Cut { publish, size } => return self.take_message(publish, size),
            Incoming::Packet(packet) => packet,
        };
        match packet {
            Packet::Publish(publish) => {
                let size = publish.payload.len();
                self.take_message(publish, size)
            }
            Packet::SubAck(ack) => self.take_subscribed(ack),
            Packet::PingResp => {
                self.take_pong();
                Ok(())
            }
            Packet::PubAck(_) | Packet::UnsubAck(_) => Ok(()),
            other => Err(WireFault::Unexpected(format!("{other:?}"))),
        }
    }

    fn take_message(&mut self, publish: Publish, size: usize) -> Result<(), WireFault> {
        let Publish { dup: duplicate, qos, retain, topic, pkid, payload } = publish;
        if qos == QoS::ExactlyOnce {
            return Err(WireFault::Unexpected(format!("QoS 2 on `{topic}`")));
        }
        // Of QoS 0 (identifier 0) nothing is acknowledged, but it is work as any other.
        let Some(entry) = self.ingest.ring.push(pkid, payload.len()) else {
            return Err(WireFault::Unexpected("a message when none was read".to_owned()));
        };
        let receipt = Receipt::new(self.ingest.ledger.clone(), entry);
        if topic == self.ingest.settings.probe && !self.is_forged(&payload, retain) {
            self.take_probe(&payload);
            receipt.settle();
        } else {
            if !self.ingest.wants(&topic) {
                self.disown(&topic)?;
            }
            let message = Message { topic, payload, size, retain, duplicate, receipt };
            match self.long.take(message) {
                Taken::Now(message) => self.inbox.message(message),
                Taken::Waits => {}
                Taken::TooMuch(message) => self.inbox.too_much(message),
            }
        }
        Ok(())
    }

    fn take_probe(&mut self, text: &[u8]) {
        let Some(heard) = self.probes.hear(text, Instant::now()) else { return };
        self.has_heard_a_probe = true;
        let progress = ConnectionProgress::Probe { sent: heard.sent, round_trip: heard.round_trip };
        self.caught_up(progress, heard.number);
    }

    /// What was queued before the probe of this number has been heard.
    fn catch_up(&mut self, number: u64) {
        self.withheld = false;
        if !self.records_heard {
            self.records_heard = true;
            self.inbox.hearing(ConnectionProgress::RecordsRead);
        }
        if self.drained_by.is_some_and(|until| number >= until) {
            self.drained_by = None;
            self.inbox.hearing(ConnectionProgress::Drained);
        }
    }

    /// From here on `Drained` is only true once a probe not yet sent is back.
    fn probe_again(&mut self) {
        self.probe_due = true;
        self.drained_by = Some(self.probes.last() + 1);
    }

    fn tick(&mut self, now: Instant) -> Result<(), WireFault> {
        if now >= self.ping_at {
            self.ping_at = now + self.ingest.settings.link.keep_alive() / 3;
            self.ping()?;
        }
        self.say_what_was_heard(now);
        self.stalled_ticks += 1;
        let holds = !self.records_heard && !self.ingest.ring.is_empty();
        if holds && self.stalled_ticks == STALLED_AFTER {
            self.inbox.hearing(ConnectionProgress::Stalled);
        }
        if self.may_read() {
            self.tick_reading(now)
        } else {
            self.silent_ticks = 0;
            let since = *self.held_since.get_or_insert(now);
            if now - since >= HELD_WITHIN {
                self.fall_behind(self.probes.last() + 1);
            }
            Ok(())
        }
    }

    fn tick_reading(&mut self, now: Instant) -> Result<(), WireFault> {
        self.held_since = None;
        let received = self.wire.received();
        let silent = std::mem::replace(&mut self.received, received) == received;
        self.silent_ticks = if silent { self.silent_ticks + 1 } else { 0 };
        let patience = self.ingest.settings.probe_every + ANSWER_WITHIN;
        if TICK * self.silent_ticks > patience {
            return Err(WireFault::Silent(patience));
        }
        let under_way = self.probes.overdue(now);
        // One at a time: a broker that hangs is not to find many of them. A tick comes as early as late.
        let probe_at = if under_way.is_none() { self.probe_at } else { self.probe_at + ANOTHER_AFTER };
        if now + TICK / 2 >= probe_at {
            self.probe_due = true;
        }
        let overdue = under_way.unwrap_or_default();
        if overdue >= PROBE_WITHIN {
            self.fall_behind(self.probes.last());
        }
        if overdue >= WITHHELD_AFTER && !std::mem::replace(&mut self.withheld, true) {
            self.inbox.hearing(ConnectionProgress::Withheld);
            if !self.records_heard {
                self.inbox.hearing(ConnectionProgress::Stalled);
            }
        }
        Ok(())
    }

    /// What is heard is old until the probe of this number is back.
    fn fall_behind(&mut self, until: u64) {
        if self.drained_by.is_none() {
            self.drained_by = Some(until);
            self.probe_due |= until > self.probes.last();
            self.inbox.hearing(ConnectionProgress::Behind);
        }
    }
}
