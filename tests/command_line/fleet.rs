//! A simulated fleet on a real broker: over TLS, with a password, and without a trace at its end.

use std::path::PathBuf;
use std::process::Command;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::mosquitto::{CONFIG, Listener, Mosquitto, publish};
use super::{file, run, text};

/// What is retained at the broker.
async fn retained(port: u16) -> Vec<String> {
    // What is retained comes before a message that is sent after the subscription.
    let late = Listener::subscribe(port, &["wardwatch/#", "asked"]).await;
    publish(port, [("asked".to_owned(), "")]).await;
    let heard = late.hear("the question", |heard| heard.iter().any(|message| message.topic == "asked")).await;
    heard.into_iter().filter(|message| message.retain).map(|message| message.topic).collect()
}

#[tokio::test]
async fn a_fleet_takes_back_what_it_retained() {
    let broker = Mosquitto::start();
    let url = broker.url();
    let simulate = ["simulate", "--url", &url, "--patients", "3", "--duration", "500ms", "--records"];
    let ended = run(&simulate);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(retained(broker.port()).await, [""; 0]);
    let ended = run(&[&simulate[..], &["--keep"]].concat());
    assert_eq!(ended.status, Some(0), "{ended:?}");
    // A record and a status for each, and the status of the gateway.
    assert_eq!(retained(broker.port()).await.len(), 7);
}

/// A broker that speaks TLS only, and wants this user; and the certificate that vouches for it.
fn broker_with_tls() -> (Mosquitto, PathBuf, PathBuf) {
    let CertifiedKey { cert, key_pair } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (file(cert.pem()), file(key_pair.serialize_pem()));
    let (users, password) = (file(""), file("s3cret\n"));
    let made = Command::new("mosquitto_passwd").args(["-b", text(&users), "ward", "s3cret"]).status();
    assert!(made.expect("mosquitto_passwd is installed with mosquitto").success());
    let tls = format!(
        "certfile {}\nkeyfile {}\nallow_anonymous false\npassword_file {}\n",
        text(&certificate),
        text(&key),
        text(&users)
    );
    let config: Vec<_> = CONFIG.lines().filter(|line| !line.starts_with("allow_anonymous")).collect();
    (Mosquitto::with_config(&format!("{tls}{}", config.join("\n"))), certificate, password)
}

#[test]
fn a_fleet_speaks_tls_to_a_broker_that_its_authority_vouches_for() {
    let (broker, certificate, password) = broker_with_tls();
    let url = format!("mqtts://localhost:{}", broker.port());
    let fleet = ["simulate", "--url", &url, "--patients", "2", "--duration", "200ms"];
    let login = ["--username", "ward", "--password-file", text(&password)];
    let with = |more: &[&str]| run(&[&fleet[..], &login, more].concat());
    let ended = with(&["--ca-file", text(&certificate)]);
    assert_eq!(ended.status, Some(0), "{ended:?} {}", broker.log());
    assert!(ended.said.contains(" sent, "), "{ended:?}");

    let CertifiedKey { cert, .. } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let stranger = file(cert.pem());
    let rejected = with(&["--ca-file", text(&stranger)]);
    assert_eq!(rejected.status, Some(1), "{rejected:?}");
    assert_eq!(rejected.complained.matches("certificate").count(), 1, "{rejected:?}");

    let unknown = run(&[&fleet[..], &["--ca-file", text(&certificate)]].concat());
    assert_eq!(unknown.status, Some(1), "{unknown:?}");
    assert!(!unknown.complained.contains("s3cret"), "{unknown:?}");
}
