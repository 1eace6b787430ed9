//! Bad input: rejected with its reason, counted, and nobody else is touched.

use super::ward::{AT_ONCE, Ward};

#[tokio::test]
async fn what_cannot_be_a_reading_is_rejected_with_its_topic_its_reason_and_its_text() {
    let ward = Ward::open(AT_ONCE).await;
    ward.bus.send("vitals/icu-1/p-17", "{\"heart_rate\":").await;
    ward.bus.send("vitals/icu-1/p-17/extra", r#"{"heart_rate":72}"#).await;
    ward.bus.send("vitals/icu-1/p-17", r#"{"device":"mon-17"}"#).await;
    ward.bus.send("patients/icu-1/p-17", r#"{"class":"dog"}"#).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":9999,"oxygen_saturation":97}"#).await;
    let rejected = ward.bus.until("five rejections", "rejected", |rejected| rejected.len() >= 5).await;
    let expected = [
        ("vitals/icu-1/p-17", "JSON", None),
        ("vitals/icu-1/p-17/extra", "names no patient", None),
        ("vitals/icu-1/p-17", "vital", None),
        ("patients/icu-1/p-17", "dog", None),
        ("vitals/icu-1/p-17", "9999", Some("heart_rate")),
    ];
    for (message, (topic, reason, field)) in rejected.iter().zip(expected) {
        assert_eq!(message["topic"].as_str(), Some(&*format!("wardwatch/{topic}")));
        assert!(message["reason"].as_str().is_some_and(|words| words.contains(reason)), "{message}");
        assert_eq!(message["field"].as_str(), field, "{message}");
    }
    assert_eq!(rejected[0]["payload"], "{\"heart_rate\":");
    // The rest of the last reading is used.
    let charted = |states: &[serde_json::Value]| {
        states.last().is_some_and(|state| state["vitals"]["oxygen_saturation"]["value"].as_u64() == Some(97))
    };
    ward.bus.until("the value that can be", "state/icu-1/p-17", charted).await;
    ward.bus.until_judged("m").await;
    assert_eq!(ward.bus.heard("rejected").len(), 5);
    ward.service.end().await.expect("no fault");
    let last = ward.bus.heard("system/").pop().expect("a heartbeat");
    assert_eq!((last["rejected"].as_u64(), last["readings"].as_u64()), (Some(5), Some(2)));
}

#[tokio::test]
async fn a_retained_reading_is_rejected_since_nobody_knows_how_old_it_is() {
    let Ward { broker, service, bus } = Ward::open(AT_ONCE).await;
    service.end().await.expect("no fault");
    // A subscriber gets it as retained only where it has not got it as sent: under a name that is new to the broker.
    bus.keep("vitals/icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let newcomer = format!("client_id = \"other\"\n{AT_ONCE}");
    let service = super::ward::Service::start(broker.port(), &newcomer);
    let rejected = bus.until("the rejection", "rejected", |rejected| !rejected.is_empty()).await;
    assert!(rejected[0]["reason"].as_str().is_some_and(|words| words.contains("retained")), "{rejected:?}");
    bus.until_judged("m").await;
    assert_eq!(bus.heard("alerts/").len(), 1, "only the marker's");
    service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_flood_of_rejections_is_published_as_one_with_its_count_even_at_the_end() {
    let ward = Ward::open(AT_ONCE).await;
    let bad = |_| ("wardwatch/vitals/icu-1/p-17".to_owned(), "no reading");
    super::mosquitto::publish(ward.bus.port, (0..200).map(bad)).await;
    ward.bus.until_judged("m").await;
    ward.service.end().await.expect("no fault");
    ward.bus.until_status("offline").await;
    let rejected = ward.bus.heard("rejected");
    let counted: u64 = rejected.iter().filter_map(|message| message["count"].as_u64()).sum();
    assert_eq!(counted, 200);
    assert!(rejected.len() < 100, "{}", rejected.len());
}
