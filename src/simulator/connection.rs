//! One connection of the fleet: writes bursts at once, keeps what is not acknowledged, and comes back after a loss.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::{
    ConnectionError, Event, EventLoop, LastWill, MqttOptions, NetworkOptions, Packet, Publish, QoS, Request,
    StateError,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Unacknowledged messages of one connection.
const IN_FLIGHT: u16 = 4000;
/// Orders that wait for one connection; the runner waits when there are more, so the fleet falls behind, not over.
const ORDERS: usize = 8;
/// Between attempts to connect again.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// What a connection is asked to do.
#[derive(Debug)]
enum Order {
    Publish(Vec<Publish>),
    /// Break off without a goodbye, once all is acknowledged: the broker publishes the last will.
    Vanish,
    /// Say goodbye, once all is acknowledged.
    Leave,
}

/// What a connection reports.
#[derive(Debug)]
pub enum ConnectionReport {
    /// It is there for the first time.
    Connected,
    /// It never was.
    Unreachable(ConnectionError),
}

/// How it shows on the bus.
#[derive(Debug)]
pub struct BusPresence {
    /// Where it is `online`, and by its last will `offline`.
    pub status_topic: String,
    /// What it publishes, retained, after each time it connects.
    pub greeting: Vec<Publish>,
}

/// A connection's near end; dropping it lets the far end leave.
#[derive(Debug)]
pub struct DeviceConnection {
    orders: mpsc::Sender<Order>,
    burst: Vec<Publish>,
    task: JoinHandle<()>,
}

impl DeviceConnection {
    /// Begins to connect, with a clean session, once the one `before` it with the same client id has ended.
    pub fn open(
        before: Option<JoinHandle<()>>,
        mut options: MqttOptions,
        presence: BusPresence,
        acknowledged: Arc<AtomicU64>,
        reports: mpsc::Sender<ConnectionReport>,
    ) -> Self {
        let will = LastWill::new(&presence.status_topic, "offline", QoS::AtLeastOnce, true);
        options.set_last_will(will).set_clean_session(true).set_inflight(IN_FLIGHT);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        let mut events = EventLoop::new(options, 1);
        events.set_network_options(network);
        let (orders, taken) = mpsc::channel(ORDERS);
        let carrier = Carrier {
            events,
            presence,
            orders: taken,
            reports,
            acknowledged,
            connected: false,
            introduced: false,
            waiting: VecDeque::new(),
            statuses: HashSet::new(),
            ending: None,
            retry_after: RETRY_FIRST,
        };
        let task = tokio::spawn(async move {
            if let Some(before) = before {
                // However it ended.
                let _ = before.await;
            }
            carrier.run().await;
        });
        Self { orders, burst: Vec::new(), task }
    }

    /// Puts a message into the next burst.
    pub fn add(&mut self, message: Publish) {
        self.burst.push(message);
    }

    /// Hands the burst over; waits while the connection cannot keep up.
    pub async fn send(&mut self) {
        if !self.burst.is_empty() {
            let expected = self.burst.len();
            let burst = std::mem::replace(&mut self.burst, Vec::with_capacity(expected));
            // A connection that has ended by itself has said why.
            let _ = self.orders.send(Order::Publish(burst)).await;
        }
    }

    /// Breaks off without a goodbye, after what was sent is acknowledged, and waits for that.
    pub async fn vanish(self) {
        self.end(Order::Vanish).await;
    }

    /// Says goodbye after what was sent is acknowledged, and waits for that.
    pub async fn leave(self) {
        self.end(Order::Leave).await;
    }

    async fn end(mut self, order: Order) {
        self.send().await;
        // A connection that has ended by itself has said why.
        let _ = self.orders.send(order).await;
        let _ = (&mut self.task).await;
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    Vanish,
    Leave,
}

/// A connection's far end: the task that owns the socket.
///
/// It writes past rumqttc's request queue, which would cost one system call a message.
struct Carrier {
    events: EventLoop,
    presence: BusPresence,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<ConnectionReport>,
    acknowledged: Arc<AtomicU64>,
    connected: bool,
    /// Has ever been connected.
    introduced: bool,
    /// Not yet written, or to be written again.
    waiting: VecDeque<Publish>,
    /// Packet ids of statuses and records, which do not count as readings.
    statuses: HashSet<u16>,
    ending: Option<Goodbye>,
    retry_after: Duration,
}

impl Carrier {
    async fn run(mut self) {
        loop {
            let may_take = self.connected && self.waiting.is_empty() && self.ending.is_none();
            tokio::select! {
                event = self.events.poll() => match event {
                    Ok(event) => self.heard(event).await,
                    Err(fault) => if self.lost(fault).await.is_break() { return },
                },
                order = self.orders.recv(), if may_take => self.take(order),
            }
            if let Err(fault) = self.write().await {
                // The next poll finds the connection broken too, and says so.
                tracing::debug!(
                    fault = &fault as &dyn std::error::Error,
                    "a simulated device cannot write to the broker"
                );
            }
            if self.ended().await {
                return;
            }
        }
    }

    fn take(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Publish(burst)) => self.waiting.extend(burst),
            Some(Order::Vanish) => self.ending = Some(Goodbye::Vanish),
            // The runner is gone.
            Some(Order::Leave) | None => self.ending = Some(Goodbye::Leave),
        }
    }

    /// Takes in an event and all that came with it.
    async fn heard(&mut self, first: Event) {
        self.note(&first);
        while let Some(event) = self.events.state.events.pop_front() {
            self.note(&event);
        }
        if matches!(first, Event::Incoming(Packet::ConnAck(_))) {
            self.connected = true;
            self.retry_after = RETRY_FIRST;
            self.statuses.clear();
            for message in self.presence.greeting.iter().rev() {
                self.waiting.push_front(message.clone());
            }
            if !self.introduced {
                self.introduced = true;
                // Nobody waits for a device that connects by itself later.
                let _ = self.reports.send(ConnectionReport::Connected).await;
            }
        }
    }

    fn note(&mut self, event: &Event) {
        if let Event::Incoming(Packet::PubAck(ack)) = event
            && !self.statuses.remove(&ack.pkid)
        {
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what waits, as far as the window allows, in one go.
    async fn write(&mut self) -> Result<(), StateError> {
        let Some(network) = &mut self.events.network else { return Ok(()) };
        if !self.connected || self.waiting.is_empty() {
            return Ok(());
        }
        while self.events.state.inflight() < IN_FLIGHT {
            let Some(message) = self.waiting.pop_front() else { break };
            let status = message.retain;
            if let Some(packet) = self.events.state.handle_outgoing_packet(Request::Publish(message))? {
                if let Packet::Publish(publish) = &packet
                    && status
                {
                    self.statuses.insert(publish.pkid);
                }
                network.write(packet).await?;
            }
        }
        network.flush().await
    }

    /// Whether the connection has ended as it was asked to.
    async fn ended(&mut self) -> bool {
        let Some(ending) = self.ending else { return false };
        if !self.connected || !self.waiting.is_empty() || self.events.state.inflight() > 0 {
            return false;
        }
        if ending == Goodbye::Leave
            && let Some(network) = &mut self.events.network
        {
            // Whoever cannot say goodbye is gone as well.
            let _ = network.write(Packet::Disconnect).await;
            let _ = network.flush().await;
        }
        true
    }

    /// Keeps what was not acknowledged for the next connection, and waits before it.
    async fn lost(&mut self, fault: ConnectionError) -> ControlFlow<()> {
        if self.introduced || self.reports.is_closed() {
            tracing::warn!(
                fault = &fault as &dyn std::error::Error,
                "a simulated device has no connection to the broker"
            );
        } else {
            // Whoever waits for the first connection stops waiting; a full channel holds a fault already.
            let _ = self.reports.try_send(ConnectionReport::Unreachable(fault));
        }
        self.connected = false;
        for request in self.events.pending.drain(..).rev() {
            if let Request::Publish(mut message) = request
                && !message.retain
            {
                message.pkid = 0;
                self.waiting.push_front(message);
            }
        }
        if self.ending == Some(Goodbye::Vanish) || self.orders.is_closed() {
            return ControlFlow::Break(());
        }
        tokio::time::sleep(self.retry_after).await;
        self.retry_after = (self.retry_after * 2).min(RETRY_MOST);
        ControlFlow::Continue(())
    }
}
