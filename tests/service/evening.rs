//! An alert from its delay to its end on a real broker, as two scenarios have it, with the receiver killed half-way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::mosquitto::{Mosquitto, publish};
use super::receivers::{PAGER, receives, unconfirmed, until};
use super::ward::{Bus, Program, Service};

const SETTINGS: &str = r#"
[limits.adult]
heart_rate = { delay = "1s", extreme_delay = "1s", clear_delay = "1s" }
[signals]
reminder = "1s"
answer_within = "1s"
[[escalation]]
after = "2s"
to = "charge-nurse"
[[escalation]]
after = "1s"
to = "team-leader"
[senders.desk]
may = ["acknowledge"]
"#;

/// A monitor that goes on measuring what it is asked to.
struct Monitor {
    rate: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Monitor {
    fn of(port: u16, patient: &'static str) -> Self {
        let rate = Arc::new(AtomicU64::new(80));
        let measured = Arc::clone(&rate);
        let task = tokio::spawn(async move {
            let mut each = tokio::time::interval(Duration::from_millis(200));
            for seq in 1_u64.. {
                each.tick().await;
                let rate = measured.load(Ordering::Relaxed);
                let reading = json!({"device": "mon-17", "seq": seq, "heart_rate": rate});
                publish(port, [(format!("wardwatch/vitals/{patient}"), reading.to_string())]).await;
            }
        });
        Self { rate, task }
    }

    fn measures(&self, rate: u64) {
        self.rate.store(rate, Ordering::Relaxed);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The ward of that evening.
struct Evening {
    broker: Mosquitto,
    bus: Bus,
    pager: Program,
    monitor: Monitor,
}

impl Evening {
    async fn begin() -> (Self, Service) {
        let broker = Mosquitto::start();
        let pager = receives(&broker.url());
        let bus = Bus::of(broker.port()).await;
        bus.until("its registration", "receivers/pager", |said| !said.is_empty()).await;
        let service = Service::start(broker.port(), &format!("{SETTINGS}{PAGER}"));
        bus.until_status("online").await;
        let monitor = Monitor::of(broker.port(), "icu-1/p-17");
        (Self { broker, bus, pager, monitor }, service)
    }

    /// Waits for this event of the alert.
    async fn until(&self, event: &str) -> Value {
        let is_it = |alert: &Value| alert["condition"] == "heart_rate.high" && alert["event"] == event;
        until(&self.bus, event, is_it).await
    }

    /// Waits for this about this condition.
    async fn until_of(&self, condition: &str, event: &str) -> Value {
        let is_it = |alert: &Value| alert["condition"] == condition && alert["event"] == event;
        until(&self.bus, condition, is_it).await
    }

    /// Somebody acknowledges it from a shell.
    async fn acknowledge(&self, alert: &Value) {
        let (id, url) = (alert["id"].as_str().expect("an id"), self.broker.url());
        let who = ["--unit", "icu-1", "--patient", "p-17", "--by", "anna", "--sender", "desk", "--url", &url];
        let mut command = Program::start(&[&["command", "acknowledge", id][..], &who].concat());
        assert_eq!(command.ended().await.code(), Some(0), "{}", command.said());
    }

    /// The pager dies once it has confirmed this alert.
    async fn kill_the_pager(&mut self, alert: &Value) {
        let took = |said: &[Value]| said.iter().any(|said| said["id"] == alert["id"]);
        self.bus.until("the pager's confirmation", "confirmations/pager", took).await;
        self.pager.signal("KILL");
        self.pager.ended().await;
        let gone = until(&self.bus, "that the pager is gone", unconfirmed).await;
        assert_eq!((&gone["patient"], &gone["route"]), (&Value::Null, &json!("ward-phone")));
    }

    /// Everybody is called in vain.
    async fn nobody_answers(&self) {
        for route in ["charge-nurse", "team-leader"] {
            until(&self.bus, route, |alert| alert["route"] == route).await;
        }
        assert_eq!(self.until_of("alert.unanswered", "raised").await["priority"], "high");
    }
}

#[tokio::test]
async fn an_alert_goes_its_way_though_the_receiver_is_killed_half_way() {
    let (mut evening, service) = Evening::begin().await;
    evening.monitor.measures(130);
    let raised = evening.until("raised").await;
    assert_eq!(raised["priority"], "medium");
    evening.acknowledge(&raised).await;
    evening.until("reminder").await;

    evening.monitor.measures(160);
    let worse = evening.until("escalated").await;
    assert_eq!((&worse["priority"], &worse["signal"]), (&json!("high"), &json!("on")));
    evening.kill_the_pager(&worse).await;
    evening.nobody_answers().await;

    evening.pager = receives(&evening.broker.url());
    evening.until_of("delivery.unconfirmed", "cleared").await;
    evening.pager.until_said("called: team-leader").await;
    evening.acknowledge(&worse).await;
    evening.until_of("alert.unanswered", "cleared").await;
    evening.monitor.measures(80);
    assert_eq!(evening.until("cleared").await["id"], raised["id"]);
    evening.pager.until_said("HIGH   cleared     icu-1/p-17").await;
    service.end().await.expect("no fault");

    let of_it = |alert: &&Value| alert["condition"] == "heart_rate.high" && alert["event"] != "reminder";
    let alerts = evening.bus.heard("alerts/high/icu-1/p-17");
    let events: Vec<_> = alerts.iter().filter(of_it).filter_map(|alert| alert["event"].as_str()).collect();
    assert_eq!(events, ["escalated", "escalated", "escalated", "acknowledged", "cleared"]);
}
