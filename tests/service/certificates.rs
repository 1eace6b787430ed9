//! A broker whose certificate ends soon is an alert, while there is still a connection to say so.

use std::fs;
use std::net::TcpListener;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use serde_json::Value;
use wardwatch_actors::clock::{Clock, Span};

use super::mosquitto::{CONFIG, Mosquitto};
use super::ward::{AT_ONCE, Bus, Program, scratch};

/// A certificate for this machine that ends in so many days, and its key, as files.
fn certificate(days: i64) -> [std::path::PathBuf; 2] {
    let end = (Clock::system().now().wall + Span::from_hours(24 * days)).to_string();
    let part = |from: usize, to: usize| end[from..to].parse::<u16>().expect("a number");
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    parameters.not_after = date_time_ymd(part(0, 4).into(), part(5, 7) as u8, part(8, 10) as u8);
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    [certificate.pem(), key.serialize_pem()].map(|pem| {
        let file = scratch("pem");
        fs::write(&file, pem).expect("a file");
        file
    })
}

#[tokio::test]
async fn a_certificate_of_the_broker_that_ends_within_two_weeks_is_an_alert() {
    let [certificate, key] = certificate(10);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    // A second door, with TLS, beside that of the tests. The space keeps it from being taken for the first.
    let door = format!(
        "{CONFIG}\n listener {port} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
        certificate.display(),
        key.display()
    );
    let broker = Mosquitto::with_config(&door);
    let bus = Bus::of(broker.port()).await;
    let mut program = Program::run_with(broker.port(), AT_ONCE, |command| {
        command.env("WARDWATCH__MQTT__URL", format!("mqtts://localhost:{port}"));
        command.env("WARDWATCH__MQTT__CA_FILE", &certificate);
    });
    bus.until_status("online").await;
    let expires = |alerts: &[Value]| alerts.iter().any(|alert| alert["condition"] == "certificate.expiring");
    let alerts = bus.until("that it ends soon", "alerts/medium/_/_", expires).await;
    let message = alerts[0]["message"].as_str().expect("words");
    assert!(message.starts_with("Certificate of the broker") && message.contains(" ends on "), "{message}");
    program.signal("TERM");
    assert_eq!(program.ended().await.code(), Some(0), "{}", program.complained());
    [certificate, key].into_iter().for_each(|file| drop(fs::remove_file(file)));
}
