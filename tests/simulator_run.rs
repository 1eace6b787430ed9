//! The simulated fleet on a broker: everything arrives, and a lost device says so by its last will.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use wardwatch::broker::{self, EmbeddedBroker};
use wardwatch::simulator::runner::{self, RunSettings};
use wardwatch::simulator::{
    Episode, EpisodeKind, Fleet, FleetProgress, FleetSettings, Schedule, SimulatorFault,
};

/// How long a test waits for something that must come; only a failure takes it.
const PATIENCE: Duration = Duration::from_secs(30);

fn wall() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

fn options_at(address: SocketAddr) -> impl Fn(&str) -> MqttOptions {
    move |client_id| MqttOptions::new(client_id, address.ip().to_string(), address.port())
}

async fn a_broker() -> EmbeddedBroker {
    broker::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap()
}

async fn listener(broker: &EmbeddedBroker, filter: &str) -> EventLoop {
    let mut options = options_at(broker.address())("listener");
    options.set_manual_acks(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
    while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
    // The event loop ends when its last client is gone.
    #[allow(clippy::mem_forget, reason = "it must last as long as the loop")]
    std::mem::forget(client);
    events
}

async fn receive(events: &mut EventLoop) -> Publish {
    let arrival = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    };
    tokio::time::timeout(PATIENCE, arrival).await.expect("it never came")
}

fn fleet(settings: FleetSettings) -> Fleet {
    Fleet::new(settings, wall()).unwrap()
}

#[tokio::test]
async fn every_reading_is_sent_and_acknowledged_over_several_connections() {
    let broker = a_broker().await;
    let mut events = listener(&broker, "wardwatch/vitals/#").await;
    let settings =
        FleetSettings { patients: 10, rate: 50.0, schedule: Schedule::Off, ..FleetSettings::default() };
    let run = RunSettings {
        duration: Some(Duration::from_millis(400)),
        patients_per_connection: 3,
        ..RunSettings::new(wall)
    };
    let running = runner::run(fleet(settings), run, options_at(broker.address()), |_| {}, pending());
    let listening = async {
        for _ in 0..200 {
            receive(&mut events).await;
        }
    };
    let (outcome, ()) = tokio::join!(running, listening);
    let FleetProgress { sent, acknowledged, .. } = outcome.unwrap();
    assert_eq!((sent, acknowledged), (200, 200));
}

/// The first device is gone for a second: long enough for the broker to notice it.
fn a_lost_device() -> Episode {
    let tenth = Duration::from_millis(100);
    Episode {
        patient: 0,
        kind: EpisodeKind::DeviceLost,
        begins: tenth,
        builds: tenth,
        holds: Duration::from_secs(1),
        passes: tenth,
        depth: 1.0,
    }
}

#[tokio::test]
async fn a_lost_device_is_offline_by_its_last_will_and_returns() {
    let broker = a_broker().await;
    let mut events = listener(&broker, "wardwatch/devices/sim-mon-001/status").await;
    let settings = FleetSettings {
        patients: 2,
        rate: 50.0,
        schedule: Schedule::Script(vec![a_lost_device()]),
        ..FleetSettings::default()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let running =
        runner::run(fleet(settings), RunSettings::new(wall), options_at(broker.address()), |_| {}, stopped);
    let listening = async {
        let mut statuses = Vec::new();
        // From the gateway, by its own connection, its last will, its return.
        for _ in 0..4 {
            statuses.push(String::from_utf8(receive(&mut events).await.payload.to_vec()).unwrap());
        }
        stop.send(()).unwrap();
        statuses
    };
    let (outcome, statuses) = tokio::join!(running, listening);
    assert_eq!(statuses, ["online", "online", "offline", "online"]);
    outcome.unwrap();
    // And at the end it is taken back.
    assert_eq!(&receive(&mut events).await.payload[..], b"");
}

#[tokio::test]
async fn a_fleet_without_a_broker_says_so_instead_of_waiting() {
    let broker = a_broker().await;
    let address = broker.address();
    broker.stop().await;
    let run = runner::run(
        fleet(FleetSettings::default()),
        RunSettings::new(wall),
        options_at(address),
        |_| {},
        pending(),
    );
    let fault = tokio::time::timeout(PATIENCE, run).await.unwrap().unwrap_err();
    assert!(matches!(fault, SimulatorFault::Unreachable(_)));
}

#[tokio::test]
async fn what_a_broker_did_not_take_is_sent_when_it_is_back() {
    let broker = a_broker().await;
    let address = broker.address();
    let settings =
        FleetSettings { patients: 4, rate: 50.0, schedule: Schedule::Off, ..FleetSettings::default() };
    let (published, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let report = move |progress: FleetProgress| {
        let _ = published.send(progress.acknowledged);
    };
    let running = tokio::spawn(runner::run(
        fleet(settings),
        RunSettings::new(wall),
        options_at(address),
        report,
        stopped,
    ));
    let acknowledged_above = async |hear: &mut tokio::sync::mpsc::UnboundedReceiver<u64>, least| {
        let wait = async { while hear.recv().await.unwrap() <= least {} };
        tokio::time::timeout(PATIENCE, wait).await.expect("nothing more was acknowledged");
    };
    acknowledged_above(&mut hear, 10).await;
    broker.stop().await;
    let broker = broker::start(address).await.unwrap();
    acknowledged_above(&mut hear, 500).await;
    stop.send(()).unwrap();
    let FleetProgress { sent, acknowledged, .. } = running.await.unwrap().unwrap();
    assert_eq!(sent, acknowledged);
    broker.stop().await;
}
