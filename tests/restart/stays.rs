//! Who is here after `kill -9`, and who is not.

use super::*;

/// Seen to fail with the discharge of who has no record taken out.
#[tokio::test]
async fn a_registered_patient_whose_record_was_emptied_meanwhile_is_discharged() {
    let mut ward = Ward::open(&format!("[admission]\nmode = \"registered\"\n{AT_ONCE}")).await;
    let stay = ["patients/icu-1/stays", "patients/markers/before"];
    for patient in [&["patients/icu-1/p-17"], &stay[..]].concat() {
        ward.bus.keep(patient, "{}").await;
    }
    // Between a record and the patient's own subscription at the broker readings find no listener.
    let mut seq = 0;
    while ward.alerts().is_empty() {
        seq += 1;
        ward.read(&reading(seq, now(), 170)).await;
        until_time(now() + Span::from_ms(100)).await;
    }
    ward.kill().await;
    // A broker that does not even say that the record is gone: it only has those of the others.
    ward.replace_broker().await;
    for patient in stay {
        ward.bus.keep(patient, "{}").await;
    }
    ward.start().await;
    let ended = |alerts: &[Value]| alerts.last().is_some_and(|alert| alert["event"] == "cleared");
    ward.bus.until("the end", "alerts/high/icu-1", ended).await;
    let alerts = ward.alerts();
    assert_eq!(lines(&alerts), ["raised heart_rate.high 1", "cleared heart_rate.high 2"]);
    assert_eq!((&alerts[1]["id"], &alerts[1]["reason"]), (&alerts[0]["id"], &"discharged".into()));
    let emptied = |states: &[Value]| states.last().is_some_and(Value::is_null);
    ward.bus.until("the emptied state", "state/icu-1/p-17", emptied).await;
    let here = "SELECT group_concat(patient, ' ') FROM (SELECT patient FROM snapshots ORDER BY patient)";
    let here: String = ward.database().query_row(here, [], |row| row.get(0)).expect("who is here");
    assert_eq!(here, "icu-1/stays markers/before");
}

/// Seen to fail with the departed of a restart taken out.
#[tokio::test]
async fn a_discharged_patient_is_not_admitted_by_a_mere_reading() {
    let mut ward = Ward::open(AT_ONCE).await;
    ward.bus.keep("patients/icu-1/p-17", "{}").await;
    ward.read(&reading(1, now(), 72)).await;
    ward.bus.keep("patients/icu-1/p-17", "").await;
    let emptied = |states: &[Value]| states.last().is_some_and(Value::is_null);
    ward.bus.until("the emptied state", "state/icu-1/p-17", emptied).await;
    ward.restart().await;
    ward.read(&reading(2, now(), 170)).await;
    let rejected = ward.bus.until("the rejection", "rejected", |rejected| !rejected.is_empty()).await;
    let reason = rejected[0]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("icu-1/p-17 was discharged"), "{reason}");
    assert_eq!(ward.settled("after").await, Vec::<Value>::new());
}
