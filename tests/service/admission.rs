//! Who is here: records admit, and end a stay.

use std::time::Duration;

use tokio::time::timeout;

use super::mosquitto::{DEADLINE, Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Program, Service, Ward, retained};

const REGISTERED: &str = "[admission]\nmode = \"registered\"\n[limits.adult]\nheart_rate = { delay = \"0s\", clear_delay = \"0s\" }\n";

/// Sends readings as a device does, one after the other, until something on this topic is heard.
///
/// Between a record and the patient's own subscription at the broker readings find no listener.
async fn send_until_heard(bus: &Bus, readings: impl Fn(u32) -> Vec<(&'static str, String)>, topic: &str) {
    let send = async {
        for seq in 1.. {
            for (patient, reading) in readings(seq) {
                bus.read(patient, &reading).await;
            }
            let heard = bus.until("an answer", topic, |heard| !heard.is_empty());
            if timeout(Duration::from_millis(100), heard).await.is_ok() {
                return;
            }
        }
    };
    timeout(DEADLINE, send).await.expect("an answer to one of the readings");
}

#[tokio::test]
async fn registered_admission_hears_nobody_without_a_record_and_ends_a_stay_with_it() {
    let ward = Ward::open(REGISTERED).await;
    ward.bus.keep("patients/icu-1/p-17", r#"{"bed":"B"}"#).await;
    let reading = |seq| format!(r#"{{"seq":{seq},"heart_rate":170}}"#);
    let both = |seq| vec![("icu-1/unknown", reading(seq)), ("icu-1/p-17", reading(seq))];
    send_until_heard(&ward.bus, both, "alerts/").await;
    let raised = ward.bus.alerts(1).await.remove(0);
    assert_eq!((&raised["patient"], &raised["bed"]), (&"p-17".into(), &"B".into()));
    ward.bus.until("its state", "state/icu-1/p-17", |states| !states.is_empty()).await;
    assert_eq!(retained(ward.bus.port, "state").await.len(), 1, "of the registered patient only");

    ward.bus.keep("patients/icu-1/p-17", "").await;
    let cleared = ward.bus.alerts(2).await.remove(1);
    assert_eq!((&cleared["event"], &cleared["reason"]), (&"cleared".into(), &"discharged".into()));
    assert_eq!(cleared["id"], raised["id"]);
    let emptied = |states: &[serde_json::Value]| states.last().is_some_and(serde_json::Value::is_null);
    ward.bus.until("the emptied state", "state/icu-1/p-17", emptied).await;
    assert_eq!(retained(ward.bus.port, "state").await, []);
    assert_eq!(ward.bus.heard("alerts/").len(), 2);
    assert!(ward.bus.heard("rejected").is_empty());
    ward.service.end().await.expect("no fault");
}

/// The reading waits in the broker's queue before the record does; judged by the usual limits it would alert.
#[tokio::test]
async fn a_reading_from_before_the_start_is_judged_by_the_record_that_comes_after_it() {
    let Ward { broker, service, bus } = Ward::open(AT_ONCE).await;
    service.end().await.expect("no fault");
    a_queued_reading_waits_for_the_record(&bus).await;
    drop(broker);
}

/// While WardWatch is away a reading comes, and then the record by whose limits it is none to alert of.
pub async fn a_queued_reading_waits_for_the_record(bus: &Bus) {
    bus.until_status("offline").await;
    bus.read("icu-1/p-17", r#"{"seq":1,"heart_rate":170}"#).await;
    let limits = r#"{"limits":{"heart_rate":{"high":200,"extreme_high":220}}}"#;
    bus.keep("patients/icu-1/p-17", limits).await;
    let service = Service::start(bus.port, AT_ONCE);
    let charted = |states: &[serde_json::Value]| {
        states.iter().any(|state| state["vitals"]["heart_rate"]["value"].as_u64() == Some(170))
    };
    bus.until("the state with the reading", "state/icu-1/p-17", charted).await;
    bus.until_judged("m").await;
    assert_eq!(bus.heard("alerts/").len(), 1, "only the marker's: {:?}", bus.heard("alerts/"));
    service.end().await.expect("no fault");
}

/// The records come behind what was queued, and would never come.
/// Seen to fail with `IngestProgress::Stalled` kept from the census: nobody is ever heard again.
#[tokio::test]
async fn readings_of_strangers_that_fill_all_room_do_not_keep_the_records_away() {
    const PATIENTS: usize = 50;
    let settings = format!("max_unacknowledged = 10\n{AT_ONCE}");
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run(broker.port(), &settings);
    bus.until_status("online").await;
    program.signal("KILL");
    program.ended().await;
    let reading = |n| (format!("wardwatch/vitals/icu-1/p-{n}"), r#"{"seq":1,"heart_rate":170}"#);
    publish(broker.port(), (0..PATIENTS).map(reading)).await;
    let _again = Program::run(broker.port(), &settings);
    bus.alerts(PATIENTS).await;
}
