//! A load beside, of healthy patients of whom no alert may come: two devices each, one in arrays, one at QoS 0.

use std::time::Duration;

use rumqttc::{AsyncClient, EventLoop, MqttOptions, QoS};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use wardwatch_actors::clock::{Clock, Span, Timestamp};

/// How many they are.
const PATIENTS: u64 = 20;
/// How many readings an array has, one a second.
const IN_ARRAY: u64 = 5;

/// The load while it lasts; it ends with its value.
pub struct Beside {
    tasks: [AbortHandle; 2],
}

impl Beside {
    /// They send from now on. What a connection loses is lost: others have measured since.
    pub fn start(port: u16) -> Self {
        let mut options = MqttOptions::new("beside", "127.0.0.1", port);
        options.set_clean_session(true).set_inflight(1000);
        let (client, events) = AsyncClient::new(options, 1000);
        let carrying = tokio::spawn(carry(events)).abort_handle();
        Self { tasks: [carrying, tokio::spawn(measure(client)).abort_handle()] }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn carry(mut events: EventLoop) -> ! {
    loop {
        if events.poll().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Each second a saturation of each at QoS 0; every five seconds an array of heart rates of each, at QoS 1.
async fn measure(client: AsyncClient) {
    let clock = Clock::system();
    let mut pace = interval(Duration::from_millis(1000 / PATIENTS));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        pace.tick().await;
        let (patient, second, now) = (turn % PATIENTS, turn / PATIENTS, clock.now().wall);
        let topic = format!("wardwatch/vitals/beside/p-{patient}");
        let saturation = saturation(patient, second, now);
        let _ = client.try_publish(&topic, QoS::AtMostOnce, false, saturation);
        if second % IN_ARRAY == IN_ARRAY - 1 {
            let rates: Vec<_> =
                (0..IN_ARRAY).rev().map(|ago| heart_rate(patient, second - ago, now, ago)).collect();
            let _ = client.try_publish(&topic, QoS::AtLeastOnce, false, format!("[{}]", rates.join(",")));
        }
    }
}

fn saturation(patient: u64, seq: u64, at: Timestamp) -> String {
    let time = at.unix_ms();
    format!(r#"{{"time":{time},"device":"clip-{patient}","seq":{seq},"oxygen_saturation":97}}"#)
}

fn heart_rate(patient: u64, seq: u64, now: Timestamp, seconds_ago: u64) -> String {
    let time = (now - Span::from_secs(seconds_ago as i64)).unix_ms();
    format!(r#"{{"time":{time},"device":"belt-{patient}","seq":{seq},"heart_rate":72}}"#)
}
