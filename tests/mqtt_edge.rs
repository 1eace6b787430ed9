//! The way in and the way out, on a real Mosquitto that is stopped, killed and suspended.

#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/scripted_broker.rs"]
mod scripted_broker;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mosquitto::{DEADLINE, Listener, Mosquitto, publish, publish_retained, until};
use scripted_broker::ScriptedBroker;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wardwatch::mqtt::ingest::{Hearing, Inbox, Ingest, IngestFault, IngestRequest, IngestSettings, Message};
use wardwatch::mqtt::link::{Link, LinkSettings};
use wardwatch::mqtt::publisher::{
    LinkEvent, Outbox, OutboxListener, Outcome, Outgoing, Publisher, PublisherFault, PublisherSettings, Way,
    Weight,
};
use wardwatch::mqtt::ring::{Ring, RingFault};
use wardwatch_actors::receipt::{Ledger, Receipt};

/// What an ingest has said, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Message(String),
    Hearing(Hearing),
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

    fn hearing(&mut self, hearing: Hearing) {
        if !matches!(hearing, Hearing::Probe(_)) {
            self.0.lock().expect("notes").said.push(Said::Hearing(hearing));
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

    fn times(&self, hearing: &Hearing) -> usize {
        self.said().iter().filter(|said| matches!(said, Said::Hearing(h) if h == hearing)).count()
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
        until("the backlog is drained", || self.times(&Hearing::Drained) >= times).await;
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
            link: link(url, "ingest"),
            probe: "wardwatch/probe/test".to_owned(),
            records: vec!["wardwatch/patients/#".to_owned(), "wardwatch/devices/#".to_owned()],
            vitals: vitals.iter().map(|&filter| filter.to_owned()).collect(),
            mark_every: Duration::from_secs(1),
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
    async fn remark(&self) {
        let before = self.shard.times(&Hearing::Drained);
        self.requests.send(IngestRequest::Remark).expect("a running ingest");
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

fn link(url: &str, client_id: &str) -> Link {
    let settings = LinkSettings {
        url: url.to_owned(),
        client_id: client_id.to_owned(),
        keep_alive: Duration::from_secs(5),
        ..LinkSettings::default()
    };
    Link::new(&settings).expect("a link")
}

fn reading(payload: &str) -> (String, String) {
    ("wardwatch/vitals/icu-1/p-17".to_owned(), payload.to_owned())
}

fn readings(range: std::ops::Range<u32>) -> impl Iterator<Item = (String, String)> {
    range.map(|number| reading(&number.to_string()))
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Taken out to see it fail: the write of the PUBACKs (both come again), or settling by receipt (none comes).
#[tokio::test]
async fn a_settled_reading_does_not_come_again_and_an_unsettled_one_does() {
    let broker = Mosquitto::start();
    let first = Listening::open(&broker.url(), Shard::default());
    first.shard.until_drained(1).await;
    publish(broker.port(), ["settled", "owed"].map(reading)).await;
    first.shard.until_messages(2).await;
    first.shard.settle("settled");
    first.remark().await;
    first.kill().await;

    let second = Listening::open(&broker.url(), Shard::settling());
    second.shard.until_drained(1).await;
    assert_eq!(second.shard.messages(), ["owed"]);
    assert_eq!(second.shard.said()[0], Said::Hearing(Hearing::Connected { resumed: true }));
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
    ingest.remark().await;
    // Three readings at the front, and the marks behind them.
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
    until("the shard is told", || ingest.shard.times(&Hearing::Behind) == 1).await;
    assert_eq!(ingest.shard.messages(), numbers(0..10));
    ingest.shard.take_receipts().into_iter().for_each(Receipt::settle);
    ingest.shard.until_messages(500).await;
    ingest.shard.until_drained(2).await;
    assert_eq!(ingest.shard.messages(), numbers(0..500));
    assert_eq!(ingest.shard.times(&Hearing::Connected { resumed: false }), 1);
    ingest.shut_down().await;
}

#[tokio::test]
async fn a_held_ingest_reads_nothing_until_it_is_let_go() {
    let broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::settling());
    ingest.shard.until_drained(1).await;
    ingest.hold.send_replace(true);
    publish(broker.port(), readings(0..5)).await;
    until("the shard is told", || ingest.shard.times(&Hearing::Behind) == 1).await;
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
    until("the first mark is back", || ingest.shard.times(&Hearing::Drained) == 1).await;
    broker.deliver(reading("owed"), 11);
    ingest.shard.until_messages(1).await;
    broker.pinged().await;
    broker.pinged().await;
    assert!(ingest.ring.is_full());
    ingest.kill().await;
}

/// Taken out to see it fail: waiting for the mark before `Records` and `Drained` are told.
#[tokio::test]
async fn records_and_the_backlog_are_heard_before_the_shard_is_told_so() {
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
    let place = |hearing| said.iter().position(|said| *said == hearing).expect("told");
    let records = place(Said::Hearing(Hearing::Records));
    let drained = place(Said::Hearing(Hearing::Drained));
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
async fn a_broker_that_hangs_makes_us_hear_old_news_until_a_mark_is_back() {
    let broker = Mosquitto::start();
    let ingest = Listening::open(&broker.url(), Shard::settling());
    ingest.shard.until_drained(1).await;
    broker.suspend();
    until("the shard is told", || ingest.shard.times(&Hearing::Behind) == 1).await;
    broker.resume();
    ingest.shard.until_drained(2).await;
    assert_eq!(ingest.shard.times(&Hearing::Connected { resumed: false }), 1);
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
    ingest.remark().await;
    let one_of_each = || (0..500).map(|patient| (filter(patient), patient.to_string()));
    let expected: Vec<String> = (0..500_u32).filter(|&p| p != 3).map(|p| p.to_string()).collect();
    publish(broker.port(), one_of_each()).await;
    ingest.remark().await;
    assert_eq!(ingest.shard.messages(), expected);

    broker.kill();
    broker.restart_empty();
    until("it is connected again", || ingest.shard.times(&Hearing::Connected { resumed: false }) == 2).await;
    ingest.remark().await;
    publish(broker.port(), one_of_each()).await;
    ingest.remark().await;
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

/// What a publisher has told.
#[derive(Clone, Default)]
struct Told {
    links: Arc<Mutex<Vec<LinkEvent>>>,
    settled: Arc<Mutex<Vec<(u64, Outcome)>>>,
}

impl OutboxListener for Told {
    fn link(&self, event: LinkEvent) {
        self.links.lock().expect("told").push(event);
    }

    fn settled(&self, row: u64, outcome: Outcome) {
        self.settled.lock().expect("told").push((row, outcome));
    }
}

/// A publisher under test.
struct Publishing {
    outbox: Outbox,
    told: Told,
    stop: oneshot::Sender<Option<Outgoing>>,
    task: JoinHandle<Result<(), PublisherFault>>,
}

impl Publishing {
    fn start(url: &str) -> Self {
        let settings = PublisherSettings {
            link: link(url, "publisher"),
            will_topic: "wardwatch/system/test".to_owned(),
            will_payload: Bytes::from_static(b"offline (will)"),
            max_changes: 100_000,
            drain_within: Duration::from_secs(10),
        };
        let told = Told::default();
        let (publisher, outbox) = Publisher::new(settings, told.clone());
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            match stopped.await {
                Ok(last) => last,
                Err(_) => std::future::pending().await,
            }
        };
        let task = tokio::spawn(publisher.run(shutdown));
        Self { outbox, told, stop, task }
    }

    async fn until_connected(&self) {
        timeout(DEADLINE, self.outbox.connected()).await.expect("a connection in time");
    }

    async fn until_emptied(&self) {
        timeout(DEADLINE, self.outbox.emptied()).await.expect("an empty outbox in time");
    }

    fn settled(&self) -> Vec<(u64, Outcome)> {
        self.told.settled.lock().expect("told").clone()
    }

    fn links(&self) -> Vec<bool> {
        let connected = |event: &LinkEvent| *event == LinkEvent::Connected;
        self.told.links.lock().expect("told").iter().map(connected).collect()
    }
}

fn change(number: u64) -> Outgoing {
    Outgoing {
        topic: "wardwatch/alerts/high/icu-1/p-17".to_owned(),
        payload: number.to_string().into(),
        way: Way::Change(Weight::High),
        receipts: Vec::new(),
        row: Some(number),
    }
}

fn heartbeat(payload: &'static str) -> Outgoing {
    Outgoing {
        topic: "wardwatch/system/test".to_owned(),
        payload: Bytes::from_static(payload.as_bytes()),
        way: Way::Latest,
        receipts: Vec::new(),
        row: None,
    }
}

/// The first time each number was heard, in order.
fn first_heard(heard: &[rumqttc::Publish]) -> Vec<u64> {
    let mut seen = std::collections::HashSet::new();
    let number = |publish: &rumqttc::Publish| std::str::from_utf8(&publish.payload).ok()?.parse().ok();
    heard.iter().filter_map(number).filter(|&number: &u64| seen.insert(number)).collect()
}

/// Taken out to see it fail: putting sent messages back in `Queue::disconnect` (changes are missing).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_changes_survive_a_restart_of_the_broker_in_order() {
    const CHANGES: u64 = 20_000;
    let mut broker = Mosquitto::start();
    let listener = Listener::subscribe(broker.port(), &["wardwatch/alerts/#"]).await;
    let publisher = Publishing::start(&broker.url());
    publisher.until_connected().await;
    (0..CHANGES / 2).for_each(|number| publisher.outbox.publish(change(number)));
    listener.hear("the first changes", |heard| heard.len() > 500).await;
    broker.stop();
    (CHANGES / 2..CHANGES).for_each(|number| publisher.outbox.publish(change(number)));
    broker.restart();
    publisher.until_emptied().await;
    let all = |heard: &[rumqttc::Publish]| {
        heard.len() as u64 >= CHANGES && first_heard(heard).len() as u64 == CHANGES
    };
    let heard = listener.hear("every change", all).await;
    assert!(first_heard(&heard).into_iter().eq(0..CHANGES));
    assert!(publisher.settled().into_iter().eq((0..CHANGES).map(|row| (row, Outcome::Accepted))));
    assert_eq!(publisher.links(), [false, true, false, true]);
}

/// Taken out to see it fail: settling on the PUBACK rather than on the handing over (settled while the broker is dead).
#[tokio::test]
async fn receipts_settle_only_once_a_killed_broker_is_back_and_has_the_change() {
    let mut broker = Mosquitto::start();
    let listener = Listener::subscribe(broker.port(), &["wardwatch/alerts/#"]).await;
    let publisher = Publishing::start(&broker.url());
    publisher.until_connected().await;
    broker.kill();
    let ring = Arc::new(OneDebt::default());
    let receipt = Receipt::new(ring.clone(), 0);
    publisher.outbox.publish(Outgoing { receipts: vec![receipt], ..change(1) });
    until("the loss is noticed", || !publisher.outbox.status().connected).await;
    assert!(!ring.settled());
    broker.restart();
    publisher.until_emptied().await;
    assert!(ring.settled());
    listener.hear("the change", |heard| first_heard(heard) == [1]).await;
}

#[derive(Default)]
struct OneDebt(std::sync::atomic::AtomicBool);

impl OneDebt {
    fn settled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Ledger for OneDebt {
    fn owe(&self, _: u64) {}

    fn settle(&self, _: u64) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    fn abandon(&self, _: u64) {
        panic!("a receipt was dropped unsettled");
    }
}

/// Taken out to see it fail: giving up on a refusal for good (the outbox never empties).
#[tokio::test]
async fn a_change_that_the_broker_cannot_take_does_not_hold_up_the_next() {
    let config =
        format!("{}\n", mosquitto::CONFIG).replace("message_size_limit 1048576", "message_size_limit 1000");
    let broker = Mosquitto::with_config(&config);
    let listener = Listener::subscribe(broker.port(), &["wardwatch/alerts/#"]).await;
    let publisher = Publishing::start(&broker.url());
    publisher.until_connected().await;
    publisher.outbox.publish(Outgoing { payload: vec![b'x'; 2000].into(), ..change(1) });
    publisher.outbox.publish(change(2));
    publisher.until_emptied().await;
    listener.hear("the next change", |heard| first_heard(heard) == [2]).await;
    assert_eq!(publisher.outbox.status().undeliverable, 1);
    assert!(publisher.settled().contains(&(1, Outcome::Undeliverable)));
    assert!(publisher.settled().contains(&(2, Outcome::Accepted)));
}

/// Mosquitto tells it from 2.0.15 on, in the short form shown here; rumqttc's client cannot read that form.
#[tokio::test]
async fn another_instance_with_the_same_name_ends_the_publisher() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("mqtt://{}", listener.local_addr().expect("its address"));
    let publisher = Publishing::start(&url);
    let (mut client, _) = listener.accept().await.expect("a client");
    client.write_all(&[0x20, 3, 0, 0, 0]).await.expect("a CONNACK");
    publisher.until_connected().await;
    client.write_all(&[0xe0, 1, 0x8e]).await.expect("a DISCONNECT");
    let ended = timeout(DEADLINE, publisher.task).await.expect("an end in time").expect("no panic");
    assert_eq!(ended, Err(PublisherFault::TakenOver("publisher".to_owned())));
}

#[tokio::test]
async fn a_goodbye_leaves_our_last_word_and_a_sudden_end_the_last_will() {
    let broker = Mosquitto::start();
    let listener = Listener::subscribe(broker.port(), &["wardwatch/system/#"]).await;
    let last = |word: &'static str| {
        move |heard: &[rumqttc::Publish]| heard.last().is_some_and(|p| p.payload == word)
    };

    let polite = Publishing::start(&broker.url());
    polite.until_connected().await;
    polite.outbox.publish(heartbeat("online"));
    listener.hear("the heartbeat", last("online")).await;
    assert!(polite.stop.send(Some(heartbeat("offline"))).is_ok());
    assert_eq!(timeout(DEADLINE, polite.task).await.expect("an end in time").expect("no panic"), Ok(()));
    listener.hear("the goodbye", last("offline")).await;

    let sudden = Publishing::start(&broker.url());
    sudden.until_connected().await;
    sudden.outbox.publish(heartbeat("online"));
    listener.hear("the heartbeat", last("online")).await;
    sudden.task.abort();
    let heard = listener.hear("the last will", last("offline (will)")).await;
    let words: Vec<_> = heard.iter().map(|publish| publish.payload.clone()).collect();
    assert_eq!(words, ["online", "offline", "online", "offline (will)"]);
}
