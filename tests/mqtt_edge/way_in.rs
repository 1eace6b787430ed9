//! The way in: what is heard, in which order, and what is acknowledged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wardwatch::mqtt::ingest::{
    ConnectionProgress, Inbox, Ingest, IngestFault, IngestRequest, IngestSettings, Message,
};
use wardwatch::mqtt::ring::{Ring, RingFault};
use wardwatch_actors::receipt::Receipt;

use super::mosquitto::{CONFIG, DEADLINE, Mosquitto, publish, publish_retained, until};
use super::scripted_broker::ScriptedBroker;
use super::{link, numbers, reading, readings};

/// What an ingest has said, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Message(String),
    ConnectionProgress(ConnectionProgress),
}

#[derive(Default)]
struct Notes {
    said: Vec<Said>,
    receipts: Vec<(String, Receipt)>,
    /// Settle what comes, instead of keeping its receipt.
    settle: bool,
}

/// Hands over to the test what the ingest says.
#[derive(Clone, Default)]
struct Shard(Arc<Mutex<Notes>>);

impl Inbox for Shard {
    fn message(&mut self, message: Message) {
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        let mut notes = self.0.lock().expect("notes");
        notes.said.push(Said::Message(payload.clone()));
        if notes.settle {
            message.receipt.settle();
        } else {
            notes.receipts.push((payload, message.receipt));
        }
    }

    fn too_much(&mut self, message: Message) {
        message.receipt.settle();
    }

    fn hearing(&mut self, hearing: ConnectionProgress) {
        if !matches!(hearing, ConnectionProgress::Probe { .. }) {
            self.0.lock().expect("notes").said.push(Said::ConnectionProgress(hearing));
        }
    }
}

impl Shard {
    fn settling() -> Self {
        let shard = Self::default();
        shard.0.lock().expect("notes").settle = true;
        shard
    }

    fn said(&self) -> Vec<Said> {
        self.0.lock().expect("notes").said.clone()
    }

    fn messages(&self) -> Vec<String> {
        let message = |said| if let Said::Message(payload) = said { Some(payload) } else { None };
        self.said().into_iter().filter_map(message).collect()
    }

    fn times(&self, hearing: &ConnectionProgress) -> usize {
        self.said().iter().filter(|said| matches!(said, Said::ConnectionProgress(h) if h == hearing)).count()
    }

    fn settle(&self, payload: &str) {
        let mut notes = self.0.lock().expect("notes");
        let at = notes.receipts.iter().position(|(of, _)| of == payload).expect("a receipt");
        notes.receipts.remove(at).1.settle();
    }

    fn take_receipts(&self) -> Vec<Receipt> {
        let mut notes = self.0.lock().expect("notes");
        notes.settle = true;
        notes.receipts.drain(..).map(|(_, receipt)| receipt).collect()
    }

    async fn until_messages(&self, count: usize) {
        until(&format!("{count} messages have come"), || self.messages().len() >= count).await;
    }

    async fn until_drained(&self, times: usize) {
        until("the backlog is drained", || self.times(&ConnectionProgress::Drained) >= times).await;
    }
}

/// An ingest under test.
struct Listening {
    ring: Arc<Ring>,
    shard: Shard,
    requests: mpsc::UnboundedSender<IngestRequest>,
    hold: watch::Sender<bool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), IngestFault>>,
}

impl Listening {
    fn start(url: &str, shard: Shard, max_unacknowledged: usize, vitals: &[&str]) -> Self {
        let settings = IngestSettings {
            optional: Vec::new(),
            link: link(url, "ingest"),
            probe: "wardwatch/probe/test".to_owned(),
            records: vec!["wardwatch/patients/#".to_owned(), "wardwatch/devices/#".to_owned()],
            vitals: vitals.iter().map(|&filter| filter.to_owned()).collect(),
            probe_every: Duration::from_secs(1),
            max_payload: 512 << 10,
            drain_within: Duration::from_secs(3),
        };
        let ring = Arc::new(Ring::new(max_unacknowledged));
        let (requests, asked) = mpsc::unbounded_channel();
        let (hold, held) = watch::channel(false);
        let (stop, stopped) = oneshot::channel();
        let ingest = Ingest::new(settings, ring.clone(), held);
        let shutdown = async move {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let task = tokio::spawn(ingest.run(shard.clone(), asked, shutdown));
        Self { ring, shard, requests, hold, stop, task }
    }

    fn open(url: &str, shard: Shard) -> Self {
        Self::start(url, shard, 4000, &["wardwatch/vitals/#"])
    }

    /// Waits until the broker has worked on all that was written before.
    async fn probe_again(&self) {
        let before = self.shard.times(&ConnectionProgress::Drained);
        self.requests.send(IngestRequest::ProbeAgain).expect("a running ingest");
        self.shard.until_drained(before + 1).await;
    }

    /// Ends it as `kill -9` does: no goodbye, nothing more is acknowledged.
    async fn kill(self) {
        self.ring.close();
        self.task.abort();
        let _ = self.task.await;
    }

    async fn shut_down(self) {
        self.stop.send(()).expect("a running ingest");
        timeout(DEADLINE, self.task).await.expect("an end in time").expect("no panic").expect("no fault");
    }
}

/// Taken out to see it fail: the write of the PUBACKs (both come again), or settling by receipt (none comes).
#[tokio::test]
async fn a_settled_reading_does_not_come_again_and_an_unsettled_one_does() {
    let broker = Mosquitto::start();
    let first = Listening::open(&broker.url(), Shard::default());
    first.shard.until_drained(1).await;
    publish(broker.port(), ["settled", "pending"].map(reading)).await;
    first.shard.until_messages(2).await;
    first.shard.settle("settled");
    first.probe_again().await;
    first.kill().await;

    let second = Listening::open(&broker.url(), Shard::settling());
    second.shard.until_drained(1).await;
    assert_eq!(second.shard.messages(), ["pending"]);
    assert_eq!(
        second.shard.said()[0],
        Said::ConnectionProgress(ConnectionProgress::Connected { resumed: true })
    );
}

/// Taken out to see it fail: `void` after a lost connection (the early receipts count for the late readings).
#[tokio::test]
async fn receipts_of_an_earlier_connection_acknowledge_nothing() {
    let mut broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::default());
    ingest.shard.until_drained(1).await;
    publish(broker.port(), readings(0..3)).await;
    ingest.shard.until_messages(3).await;
    broker.stop();
    until("the ring is void", || ingest.ring.is_empty()).await;
    let early = ingest.shard.0.lock().expect("notes").receipts.drain(..).collect::<Vec<_>>();
    broker.restart();
    ingest.shard.until_messages(6).await;
    ingest.shard.until_drained(2).await;
    early.into_iter().for_each(|(_, receipt)| receipt.settle());
    ingest.probe_again().await;
    // Three readings at the front, and the probes behind them.
    assert!(ingest.ring.len() > 3, "{}", ingest.ring.len());
    assert_eq!(ingest.shard.messages(), ["0", "1", "2", "0", "1", "2"]);
    ingest.kill().await;
}

#[tokio::test]
async fn readings_settled_out_of_order_are_acknowledged_in_order() {
    let mut broker = ScriptedBroker::start().await;
    let ingest = Listening::open(&broker.url(), Shard::default());
    broker.deliver(reading("a"), 11);
    broker.deliver(reading("b"), 12);
    broker.deliver(reading("c"), 13);
    ingest.shard.until_messages(3).await;
    ingest.shard.settle("c");
    ingest.shard.settle("b");
    ingest.shard.settle("a");
    assert_eq!(
        [broker.acknowledged(11..).await, broker.acknowledged(11..).await, broker.acknowledged(11..).await],
        [11, 12, 13]
    );
    ingest.kill().await;
}

/// Taken out to see it fail: the look at `is_full` before reading (the ring is overrun, the connection lost).
#[tokio::test]
async fn a_full_ring_stops_the_reading_and_room_lets_it_go_on() {
    let broker = Mosquitto::start();
    let ingest = Listening::start(&broker.url(), Shard::default(), 10, &["wardwatch/vitals/#"]);
    ingest.shard.until_drained(1).await;
    publish(broker.port(), readings(0..500)).await;
    until("the shard knows", || ingest.shard.times(&ConnectionProgress::Behind) == 1).await;
    assert_eq!(ingest.shard.messages(), numbers(0..10));
    ingest.shard.take_receipts().into_iter().for_each(Receipt::settle);
    ingest.shard.until_messages(500).await;
    ingest.shard.until_drained(2).await;
    assert_eq!(ingest.shard.messages(), numbers(0..500));
    assert_eq!(ingest.shard.times(&ConnectionProgress::Connected { resumed: false }), 1);
    ingest.shut_down().await;
}

#[tokio::test]
async fn a_held_ingest_reads_nothing_until_it_is_let_go() {
    let broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::settling());
    ingest.shard.until_drained(1).await;
    ingest.hold.send_replace(true);
    publish(broker.port(), readings(0..5)).await;
    until("the shard knows", || ingest.shard.times(&ConnectionProgress::Behind) == 1).await;
    assert!(ingest.shard.messages().len() < 5);
    ingest.hold.send_replace(false);
    ingest.shard.until_drained(2).await;
    assert_eq!(ingest.shard.messages(), numbers(0..5));
    ingest.shut_down().await;
}

/// Taken out to see it fail: the PINGREQ in `tick` (no ping ever comes).
#[tokio::test]
async fn a_stopped_ingest_keeps_its_connection_alive() {
    let mut broker = ScriptedBroker::start().await;
    let ingest = Listening::start(&broker.url(), Shard::default(), 1, &[]);
    until("the first probe is back", || ingest.shard.times(&ConnectionProgress::Drained) == 1).await;
    broker.deliver(reading("pending"), 11);
    ingest.shard.until_messages(1).await;
    broker.pinged().await;
    broker.pinged().await;
    assert!(ingest.ring.is_full());
    ingest.kill().await;
}

/// Taken out to see it fail: waiting for the probe before `Records` and `Drained` are reported.
#[tokio::test]
async fn records_and_the_backlog_are_heard_before_the_shard_learns_so() {
    let broker = Mosquitto::start();
    let first = Listening::open(&broker.url(), Shard::settling());
    first.shard.until_drained(1).await;
    first.kill().await;
    let record = |number: u32| (format!("wardwatch/patients/icu-1/p-{number}"), format!("record {number}"));
    publish_retained(broker.port(), (0..1000).map(record)).await;
    publish(broker.port(), readings(0..1000)).await;

    let second = Listening::open(&broker.url(), Shard::settling());
    second.shard.until_drained(1).await;
    let said = second.shard.said();
    let place = |hearing| said.iter().position(|said| *said == hearing).expect("reported");
    let records = place(Said::ConnectionProgress(ConnectionProgress::RecordsRead));
    let drained = place(Said::ConnectionProgress(ConnectionProgress::Drained));
    let before = |end: usize, start: &str| {
        let of_kind =
            |said: &&Said| matches!(said, Said::Message(m) if m.starts_with("record") == (start == "record"));
        said[..end].iter().filter(of_kind).count()
    };
    assert!(before(records, "record") >= 1000, "{} records", before(records, "record"));
    assert_eq!(before(drained, "reading"), 1000);
    second.shut_down().await;
}

#[tokio::test]
async fn a_broker_that_hangs_makes_us_hear_old_news_until_a_probe_is_back() {
    let broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::settling());
    ingest.shard.until_drained(1).await;
    broker.suspend();
    until("the shard knows", || ingest.shard.times(&ConnectionProgress::Behind) == 1).await;
    broker.resume();
    ingest.shard.until_drained(2).await;
    assert_eq!(ingest.shard.times(&ConnectionProgress::Connected { resumed: false }), 1);
    ingest.shut_down().await;
}

#[tokio::test]
async fn a_receipt_dropped_unsettled_ends_the_ingest() {
    let broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::default());
    ingest.shard.until_drained(1).await;
    publish(broker.port(), [reading("lost")]).await;
    ingest.shard.until_messages(1).await;
    drop(ingest.shard.take_receipts());
    let ended = timeout(DEADLINE, ingest.task).await.expect("an end in time").expect("no panic");
    assert!(matches!(ended, Err(IngestFault::Receipt(RingFault::Abandoned))));
}

/// Taken out to see it fail: subscribing anew after a CONNACK (nothing comes after the restart).
#[tokio::test]
async fn what_patients_subscribed_to_is_heard_again_from_a_broker_that_forgot_everything() {
    let mut broker = Mosquitto::start();
    let ingest = Listening::start(&broker.url(), Shard::settling(), 4000, &[]);
    ingest.shard.until_drained(1).await;
    let filter = |patient: u32| format!("wardwatch/vitals/icu-1/p-{patient}");
    for patient in 0..500 {
        ingest.requests.send(IngestRequest::Subscribe(filter(patient))).expect("a running ingest");
    }
    ingest.requests.send(IngestRequest::Unsubscribe(filter(3))).expect("a running ingest");
    ingest.probe_again().await;
    let one_of_each = || (0..500).map(|patient| (filter(patient), patient.to_string()));
    let expected: Vec<String> = (0..500_u32).filter(|&p| p != 3).map(|p| p.to_string()).collect();
    publish(broker.port(), one_of_each()).await;
    ingest.probe_again().await;
    assert_eq!(ingest.shard.messages(), expected);

    broker.kill();
    broker.restart_empty();
    until("it is connected again", || {
        ingest.shard.times(&ConnectionProgress::Connected { resumed: false }) == 2
    })
    .await;
    ingest.probe_again().await;
    publish(broker.port(), one_of_each()).await;
    ingest.probe_again().await;
    assert_eq!(ingest.shard.messages()[expected.len()..], expected);
    ingest.shut_down().await;
}

/// Taken out to see it fail: `is_drained` waiting for the ring (what is settled in time comes again).
#[tokio::test]
async fn a_shutdown_acknowledges_what_is_settled_in_time_and_nothing_else() {
    let broker = Mosquitto::start();
    let first = Listening::open(&broker.url(), Shard::default());
    first.shard.until_drained(1).await;
    publish(broker.port(), ["in time", "never"].map(reading)).await;
    first.shard.until_messages(2).await;
    let shard = first.shard.clone();
    let ring = first.ring.clone();
    let end = tokio::spawn(first.shut_down());
    publish(broker.port(), [reading("too late")]).await;
    shard.settle("in time");
    end.await.expect("a clean end");
    assert_eq!(ring.len(), 1);
    drop(shard.take_receipts());
    assert_eq!(ring.fault(), None);

    let second = Listening::open(&broker.url(), Shard::settling());
    second.shard.until_drained(1).await;
    assert_eq!(second.shard.messages(), ["never", "too late"]);
}

#[tokio::test]
async fn a_message_that_is_too_large_comes_with_its_beginning_and_never_again() {
    const SIZE: usize = 15 << 20;
    let broker = Mosquitto::with_config(&CONFIG.replace("message_size_limit", "# "));
    let first = Listening::open(&broker.url(), Shard::default());
    first.shard.until_drained(1).await;
    let (topic, _) = reading("");
    let (next, after) = reading("after");
    publish(broker.port(), [(topic, vec![b'x'; SIZE]), (next, after.into_bytes())]).await;
    first.shard.until_messages(2).await;
    assert_eq!(first.shard.messages(), ["x".repeat(1024), "after".to_owned()]);
    first.shard.settle(&"x".repeat(1024));
    first.probe_again().await;
    first.kill().await;

    let second = Listening::open(&broker.url(), Shard::settling());
    second.shard.until_drained(1).await;
    assert_eq!(second.shard.messages(), ["after"]);
    second.shut_down().await;
}
