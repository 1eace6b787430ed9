//! Receivers confirm what they take; where one does not, that is an alert, and somebody else is called.

use serde_json::{Value, json};

use super::mosquitto::{Mosquitto, publish};
use super::ward::{AT_ONCE, Bus, Program, Service, Ward, scratch};

pub const PAGER: &str =
    "[receivers.pager]\nfilters = [\"alerts/high/#\"]\nwithin = \"1s\"\nfallback = \"ward-phone\"\n";

/// The reference receiver on a terminal that rings.
pub fn receives(url: &str) -> Program {
    Program::start(&["receive", "pager", "--filter", "alerts/high/#", "--bell", "always", "--url", url])
}

pub fn unconfirmed(alert: &Value) -> bool {
    alert["condition"] == "delivery.unconfirmed"
}

/// The first change that satisfies this.
pub async fn until(bus: &Bus, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let alerts = bus.until(what, "alerts/", |alerts| alerts.iter().any(&wanted)).await;
    alerts.into_iter().find(|alert| wanted(alert)).expect("the change")
}

fn confirmation(alert: &Value, status: &str) -> String {
    json!({"id": alert["id"], "sequence": alert["sequence"], "status": status}).to_string()
}

#[tokio::test]
async fn what_is_not_confirmed_in_time_calls_somebody_else_until_it_is() {
    let ward = Ward::open(&format!("{AT_ONCE}{PAGER}")).await;
    ward.bus.keep("receivers/pager", r#"{"online":true}"#).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let raised = ward.bus.alerts(1).await.remove(0);
    let raised_of_it = until(&ward.bus, "that nobody confirms", unconfirmed).await;
    assert_eq!(
        (&raised_of_it["event"], &raised_of_it["patient"], &raised_of_it["route"]),
        (&json!("raised"), &json!("p-17"), &json!("ward-phone"))
    );
    assert_eq!(raised_of_it["message"], "pager did not confirm heart_rate.high within 1 s");
    ward.bus.send("confirmations/pager", &confirmation(&raised, "received")).await;
    let over = |alert: &Value| unconfirmed(alert) && alert["event"] == "cleared";
    until(&ward.bus, "that it is confirmed", over).await;

    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn a_receiver_that_confirms_nothing_of_three_patients_is_gone_until_it_does() {
    let ward = Ward::open(&format!("{AT_ONCE}{PAGER}")).await;
    ward.bus.keep("receivers/pager", r#"{"online":true}"#).await;
    let patients: Vec<_> =
        (1..=3).map(|n| (format!("wardwatch/vitals/icu-1/q-{n}"), r#"{"heart_rate":170}"#)).collect();
    publish(ward.bus.port, patients).await;
    let gone = |alert: &Value| unconfirmed(alert) && alert["patient"].is_null();
    let raised_of_it = until(&ward.bus, "that the receiver is gone", gone).await;
    assert_eq!(raised_of_it["message"], "Receiver pager confirms nothing: its alerts may reach nobody");
    assert_eq!((&raised_of_it["route"], &raised_of_it["unit"]), (&json!("ward-phone"), &Value::Null));
    let all_over = |alerts: &[Value]| {
        let of_patients = alerts.iter().filter(|alert| unconfirmed(alert) && !alert["patient"].is_null());
        let (raised, ended): (Vec<_>, Vec<_>) = of_patients.partition(|alert| alert["event"] == "raised");
        raised.len() == ended.len()
    };
    ward.bus.until("one alert instead of each patient's", "alerts/", all_over).await;
    // One that answers is there.
    ward.bus.send("confirmations/pager", &confirmation(&ward.bus.heard("alerts/")[0], "received")).await;
    until(&ward.bus, "that it is back", |alert| gone(alert) && alert["event"] == "cleared").await;

    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn what_no_listed_receiver_says_is_rejected_with_its_reason() {
    let ward = Ward::open(&format!("{AT_ONCE}{PAGER}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let raised = ward.bus.alerts(1).await.remove(0);
    ward.bus.send("confirmations/stranger", &confirmation(&raised, "received")).await;
    ward.bus.keep("confirmations/pager", &confirmation(&raised, "received")).await;
    ward.bus.send("receivers/pager", "here I am").await;
    let rejected = ward.bus.until("three rejections", "rejected", |rejected| rejected.len() == 3).await;
    let reasons: Vec<_> =
        rejected.iter().map(|message| message["reason"].as_str().unwrap_or_default()).collect();
    assert_eq!(reasons[0], "receiver `stranger` is not listed (receivers.NAME)");
    assert_eq!(reasons[1], "a retained confirmation is rejected: it would confirm at every start");
    assert!(reasons[2].starts_with("payload is no registration of a receiver"), "{reasons:?}");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn what_nobody_confirmed_before_a_kill_comes_again_and_is_then_confirmed() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let store = scratch("db");
    let settings = format!("{AT_ONCE}{PAGER}[store]\nurl = \"sqlite://{}\"\n", store.display())
        .replace("within = \"1s\"", "within = \"10s\"");
    let mut first = Program::run(broker.port(), &settings);
    bus.until_status("online").await;
    bus.keep("receivers/pager", r#"{"online":true}"#).await;
    bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    bus.alerts(1).await;
    first.signal("KILL");
    first.ended().await;
    let before = bus.heard("alerts/").len();

    let mut second = Program::run(broker.port(), &settings);
    let again = bus.alerts(before + 1).await.pop().expect("the change again");
    assert_eq!(again, bus.heard("alerts/")[0], "the same id and sequence");
    bus.until_status("online").await;
    bus.send("confirmations/pager", &confirmation(&again, "received")).await;
    bus.until_judged("m").await;
    assert!(!bus.heard("alerts/").iter().any(unconfirmed));
    second.signal("TERM");
    second.ended().await;
}

#[tokio::test]
async fn the_reference_receiver_confirms_rings_and_says_when_nobody_watches() {
    let broker = Mosquitto::start();
    let url = broker.url();
    let mut pager = receives(&url);
    let bus = Bus::of(broker.port()).await;
    bus.until("its registration", "receivers/pager", |said| !said.is_empty()).await;
    let service = Service::start(broker.port(), &format!("{AT_ONCE}{PAGER}"));
    bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let raised = bus.alerts(1).await.remove(0);
    let confirmed = bus.until("its confirmation", "confirmations/pager", |said| !said.is_empty()).await;
    assert_eq!((&confirmed[0]["id"], &confirmed[0]["status"]), (&raised["id"], &json!("received")));
    pager.until_said("\x07\x07\x07").await;
    pager.until_said("HIGH   raised      icu-1/p-17         Heart rate 170 /min, above 150 /min").await;
    bus.read("icu-1/p-17", r#"{"heart_rate":72}"#).await;
    pager.until_said("HIGH   cleared     icu-1/p-17").await;
    service.end().await.expect("no fault");
    pager
        .until_said("!!! WardWatch is offline. NOBODY WATCHES: look after the patients yourselves !!!")
        .await;
    assert!(!bus.heard("alerts/").iter().any(unconfirmed));

    // It says that it goes: that is no surprise, and still nobody confirms.
    pager.signal("INT");
    assert_eq!(pager.ended().await.code(), Some(0), "{}", pager.complained());
    let gone = |said: &[Value]| said.last().is_some_and(|last| last["online"] == false);
    bus.until("that it is gone", "receivers/pager", gone).await;
}
