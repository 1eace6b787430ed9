//! Rules of one's own, through the public trait.

use serde_json::Value;
use wardwatch_actors::alerts::{Cause, Finding, Presence, RuleName, Timing};
use wardwatch_actors::analyzers::{Analysis, Analyzer, View};
use wardwatch_actors::conditions::{Condition, Priority, ScoreName};
use wardwatch_actors::vitals::Vital;

use super::mosquitto::Mosquitto;
use super::ward::{AT_ONCE, Bus, Service};

/// Finds a heart rate above the systolic pressure: a shock index above 1.
struct ShockIndex;

impl Analyzer for ShockIndex {
    fn name(&self) -> RuleName {
        RuleName::Borrowed("shock_index")
    }

    fn analyze(&self, view: &View) -> Analysis {
        let rate = view.chart.latest(Vital::HeartRate);
        let Some((rate, pressure)) = rate.zip(view.chart.latest(Vital::SystolicPressure)) else {
            return Analysis::default();
        };
        let reached = (rate.value > pressure.value).then_some(Priority::High);
        let finding = Finding {
            condition: Condition::Risk(ScoreName::new("shock_index")),
            reached,
            kept: reached,
            presence: if reached.is_some() { Presence::Present } else { Presence::Absent },
            cause: Cause::Words { words: "Shock index above 1".to_owned() },
            at: rate.at,
            measured: rate.measured,
            reading: Some((*rate.reading).clone()),
            timing: Timing::IMMEDIATE,
            reason: None,
        };
        Analysis { findings: vec![finding], ..Analysis::default() }
    }
}

#[tokio::test]
async fn the_alert_of_a_rule_of_ones_own_is_on_the_bus_beside_the_others() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let service = Service::start_with(broker.port(), AT_ONCE, vec![Box::new(ShockIndex)]);
    bus.until_status("online").await;
    bus.read("icu-1/p-17", r#"{"seq":1,"heart_rate":125,"blood_pressure":"100/60"}"#).await;
    let of_index = |alerts: &[Value]| -> Vec<Value> {
        alerts.iter().filter(|alert| alert["condition"] == "shock_index.risk").cloned().collect()
    };
    let alerts =
        bus.until("its alert", "alerts/high/icu-1/p-17", |alerts| !of_index(alerts).is_empty()).await;
    let raised = of_index(&alerts).remove(0);
    assert_eq!((&raised["event"], &raised["kind"]), (&"raised".into(), &"physiological".into()));
    assert!(raised["message"].as_str().is_some_and(|words| words.contains("Shock index")), "{raised}");
    bus.until("the limit's alert", "alerts/medium/icu-1/p-17", |alerts| !alerts.is_empty()).await;

    bus.read("icu-1/p-17", r#"{"seq":2,"heart_rate":72,"blood_pressure":"100/60"}"#).await;
    let alerts = bus.until("its end", "alerts/high/icu-1/p-17", |alerts| of_index(alerts).len() == 2).await;
    let cleared = of_index(&alerts).remove(1);
    assert_eq!((&cleared["event"], &cleared["id"]), (&"cleared".into(), &raised["id"]));
    service.end().await.expect("no fault");
}

/// Fails on a heart rate of 99, and then cannot even say what it is called.
struct Nameless;

impl Analyzer for Nameless {
    fn name(&self) -> RuleName {
        assert!(!FAILED.get(), "on purpose");
        RuleName::Borrowed("nameless")
    }

    fn analyze(&self, view: &View) -> Analysis {
        if view.patient.patient() == "p-99" {
            FAILED.set(true);
            panic!("on purpose");
        }
        Analysis::default()
    }
}

thread_local! {
    static FAILED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[tokio::test]
async fn an_actor_that_dies_ends_the_service_with_a_status_of_its_own_and_its_reading_comes_again() {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let service = Service::start_with(broker.port(), AT_ONCE, vec![Box::new(Nameless)]);
    bus.until_status("online").await;
    bus.read("icu-1/p-99", r#"{"seq":1,"heart_rate":170}"#).await;
    let fatal = service.ended().await.expect_err("it cannot go on");
    assert_eq!(fatal.status(), 70, "{fatal}");
    // The broker says for it that it is gone: it has not said goodbye.
    bus.until_status("offline").await;
    assert!(bus.heard("alerts/").is_empty());

    let service = Service::start(broker.port(), AT_ONCE);
    let alerts = bus.alerts(1).await;
    assert_eq!((&alerts[0]["event"], &alerts[0]["patient"]), (&"raised".into(), &"p-99".into()));
    service.end().await.expect("no fault");
}
