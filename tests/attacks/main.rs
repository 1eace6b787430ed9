//! Attacks: whatever one client sends and whatever fails beside us, everybody else's alerts come in time, memory stays
//! bounded, and the heartbeat says what is true.
//!
//! The short form is part of `cargo test`; `WARDWATCH_ATTACKS=long` sends as much as an attacker would, and
//! `WARDWATCH_ATTACKS_ONLY=words` makes only the attacks whose names contain the words. The table is seen with `--nocapture`.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

mod broken;
mod bystanders;
mod flood;
#[path = "../support/mosquitto.rs"]
mod mosquitto;
mod readings;
mod report;
mod scripted;
mod site;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod trust;
#[path = "../support/ward.rs"]
mod ward;

use serde_json::Value;
use tokio::time::timeout;
use wardwatch_actors::clock::Uptime;

use report::Table;
use site::Site;

/// How much is sent.
#[derive(Debug, Clone, Copy)]
struct Form {
    long: bool,
}

impl Form {
    fn wanted() -> Self {
        Self { long: std::env::var("WARDWATCH_ATTACKS").is_ok_and(|form| form == "long") }
    }

    fn of(self, short: u64, long: u64) -> u64 {
        if self.long { long } else { short }
    }
}

/// Waits for a heartbeat of the service itself that is so; false where none comes.
async fn until_beat(site: &Site, from: Uptime, is_so: impl Fn(&Value) -> bool) -> bool {
    site.bystanders.hear_beat(from, is_so).await
}

/// Waits until something of the installation, a unit or a bystander was said that begins so; false where it never is.
async fn until_said(site: &Site, from: Uptime, begins: &str) -> bool {
    let said = || site.bystanders.others(from).iter().any(|said| said.starts_with(begins));
    timeout(mosquitto::DEADLINE / 5, mosquitto::until("it is said", said)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_from_outside_silences_the_ward() {
    let form = Form::wanted();
    let mut table = Table::of(std::env::var("WARDWATCH_ATTACKS_ONLY").ok());
    readings::all(&mut table, form).await;
    readings::at_once(&mut table, form).await;
    trust::all(&mut table, form).await;
    broken::all(&mut table, form).await;
    scripted::all(&mut table).await;
    table.judge();
}
