//! Alerts that the broker's access list rejects: kept, counted, and published once it is mended.

use serde_json::Value;

use super::mosquitto::{self, Mosquitto};
use super::ward::{AT_ONCE, Bus, Program, scratch};

/// Everybody may say everything but alerts of high priority.
const NO_HIGH: &str = "topic read #
topic write wardwatch/vitals/#
topic write wardwatch/alerts/medium/#
topic write wardwatch/state/#
topic write wardwatch/scores/#
topic write wardwatch/rejected
topic write wardwatch/system/#
topic write wardwatch/probe/#
";

fn rejected(count: u64) -> impl Fn(&[Value]) -> bool {
    move |beats| {
        let newest = beats.last();
        newest.is_some_and(|beat| {
            beat["broker_rejected"] == count && (beat["status"] == "degraded") == (count > 0)
        })
    }
}

/// Events and sequences of the alert, in the order in which they came.
fn of_p17(alerts: &[Value]) -> Vec<(String, Option<u64>)> {
    let of_patient = alerts.iter().filter(|alert| alert["patient"] == "p-17");
    let event = |alert: &Value| alert["event"].as_str().unwrap_or_default().to_owned();
    of_patient.map(|alert| (event(alert), alert["sequence"].as_u64())).collect()
}

/// Seen to fail with what was rejected offered with each connection: Mosquitto 2.0.11 closed each of them, for ever.
#[tokio::test]
async fn a_rejected_alert_is_published_when_the_access_list_is_mended_with_a_restart_in_between() {
    let (acl, database) = (scratch("acl"), scratch("db"));
    std::fs::write(&acl, NO_HIGH).expect("an access list");
    let mut broker = Mosquitto::with_config(&format!("{}\nacl_file {}\n", mosquitto::CONFIG, acl.display()));
    let bus = Bus::of(broker.port()).await;
    let settings = format!("{AT_ONCE}[store]\nurl = \"sqlite://{}\"\n", database.display());
    let mut program = Program::run(broker.port(), &settings);
    bus.until_status("online").await;

    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":1,"heart_rate":170}"#).await;
    bus.until("that it is rejected", "system/", rejected(1)).await;
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":2,"heart_rate":72}"#).await;
    bus.until("that its end waits behind it", "system/", rejected(2)).await;
    bus.read("icu-1/p-18", r#"{"device":"mon-18","seq":1,"heart_rate":130}"#).await;
    let others = bus.alerts(1).await;
    assert_eq!((&others[0]["patient"], &others[0]["priority"]), (&"p-18".into(), &"medium".into()));

    program.signal("KILL");
    program.ended().await;
    bus.until_status("offline").await;
    let mut again = Program::run(broker.port(), &settings);
    bus.until("that both are rejected again", "system/", rejected(2)).await;
    assert_eq!(of_p17(&bus.heard("alerts/")), []);

    std::fs::write(&acl, "topic readwrite #\n").expect("an access list");
    broker.reload();
    broker.stop();
    broker.restart();
    let alerts = bus.until("both", "alerts/", |alerts| of_p17(alerts).len() >= 2).await;
    assert_eq!(of_p17(&alerts), [("raised".to_owned(), Some(1)), ("cleared".to_owned(), Some(2))]);
    bus.until("that nothing is rejected any more", "system/", rejected(0)).await;
    again.signal("TERM");
    assert_eq!(again.ended().await.code(), Some(0), "{}", again.complained());
    let _ = std::fs::remove_file(acl);
    ["", "-wal", "-shm", ".lock"].into_iter().for_each(|ending| {
        let _ = std::fs::remove_file(format!("{}{ending}", database.display()));
    });
}
