//! The way in and the way out, on a real Mosquitto that is stopped, killed and suspended.

#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/scripted_broker.rs"]
mod scripted_broker;

#[path = "mqtt_edge/way_in.rs"]
mod way_in;
#[path = "mqtt_edge/way_out.rs"]
mod way_out;

use std::time::Duration;

use wardwatch::link::{Link, LinkSettings};

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
