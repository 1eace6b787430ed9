//! The pages as a browser meets them: over HTTP, from the real program.

use std::net::TcpListener;

use super::mosquitto::{DEADLINE, Mosquitto};
use super::ward::{Bus, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Broker and service, with its pages on this port.
async fn service() -> (Mosquitto, Bus, Program, u16) {
    let broker = Mosquitto::start();
    let bus = Bus::of(broker.port()).await;
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let program = Program::run(broker.port(), &format!("[dashboard]\nlisten = \"127.0.0.1:{port}\"\n"));
    bus.until_status("online").await;
    (broker, bus, program, port)
}

/// A connection on which this was asked.
async fn ask(port: u16, host: &str, path: &str) -> TcpStream {
    let connect = async {
        loop {
            if let Ok(connection) = TcpStream::connect(("127.0.0.1", port)).await {
                break connection;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut connection = timeout(DEADLINE, connect).await.expect("the pages are served in time");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("a request");
    connection
}

/// Reads until all that came satisfies `state`, and returns it.
async fn read_until(connection: &mut TcpStream, what: &str, state: impl Fn(&str) -> bool) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !state(&String::from_utf8_lossy(&read)) {
            let mut buffer = [0; 16 * 1024];
            let count = connection.read(&mut buffer).await.expect("an answer");
            assert!(count > 0, "the answer ended: {}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&buffer[..count]);
        }
    };
    assert!(timeout(DEADLINE, reading).await.is_ok(), "{what} never came");
    String::from_utf8_lossy(&read).into_owned()
}

/// Head and body of what this path answers.
async fn get(port: u16, host: &str, path: &str) -> String {
    let mut connection = ask(port, host, path).await;
    read_until(&mut connection, "the answer", |text| {
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
    })
    .await
}

#[tokio::test]
async fn a_page_shows_who_is_there_and_then_each_reading_and_alert() {
    let (_broker, bus, _program, port) = service().await;
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":1,"heart_rate":72}"#).await;
    bus.read("icu-2/p-1", r#"{"device":"mon-1","seq":1,"heart_rate":61}"#).await;
    bus.until("both states", "state/", |states| states.len() >= 2).await;
    let mut page = ask(port, "127.0.0.1", "/api/v1/live?unit=icu-1").await;
    let shown = read_until(&mut page, "the patient", |text| text.contains("\"value\":72")).await;
    assert!(shown.contains("event: snapshot") && shown.contains("\"low\":50"), "{shown}");
    assert!(!shown.contains("\"patient\":\"p-1\""), "another unit's: {shown}");
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":2,"heart_rate":73}"#).await;
    read_until(&mut page, "the next value, ten seconds before its state", |text| {
        text.contains("\"value\":73")
    })
    .await;
    bus.read("icu-1/p-17", r#"{"device":"mon-17","seq":3,"oxygen_saturation":76}"#).await;
    let alert = |text: &str| text.contains("\"condition\":\"oxygen_saturation.low\"");
    read_until(&mut page, "the alert", alert).await;
    read_until(&mut page, "a beat", |text| text.contains("event: beat") && text.contains("\"online\"")).await;
}

#[tokio::test]
async fn a_page_loads_nothing_from_elsewhere_and_answers_to_our_own_names_alone() {
    let (_broker, _bus, _program, port) = service().await;
    let page = get(port, "localhost", "/").await;
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("default-src 'none'; script-src 'self'"),
        "{page}"
    );
    assert!(
        page.contains("x-content-type-options: nosniff") && page.contains("not a certified medical device")
    );
    for file in ["/station.js", "/station.css", "/tiles.css", "/icon.svg"] {
        let asset = get(port, "[::1]", file).await;
        assert!(asset.starts_with("HTTP/1.1 200"), "{asset}");
        let foreign = asset.replace("http://www.w3.org", "");
        assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{file} names another server");
    }
    // A page of somebody else, whose name was made to lead here.
    for host in ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""] {
        assert!(get(port, host, "/health/ready").await.starts_with("HTTP/1.1 403"), "{host}");
    }
    assert!(get(port, "127.0.0.1:1", "/health/ready").await.contains("\"status\":\"online\""));
    assert!(get(port, "127.0.0.1", "/health/live").await.ends_with("alive\n"));
    let missing = get(port, "127.0.0.1", "/nowhere").await;
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("application/problem+json"), "{missing}");
    let unit = get(port, "127.0.0.1", "/api/v1/live?unit=%3Cb%3E").await;
    assert!(unit.starts_with("HTTP/1.1 400") && unit.contains("a name has only"), "{unit}");
}

#[tokio::test]
async fn the_service_is_not_ready_without_its_broker_and_says_so() {
    let (mut broker, _bus, _program, port) = service().await;
    assert!(get(port, "127.0.0.1", "/health/ready").await.starts_with("HTTP/1.1 200"));
    broker.stop();
    let mut page = ask(port, "127.0.0.1", "/api/v1/live").await;
    read_until(&mut page, "a beat that says so", |text| text.contains("\"status\":\"degraded\"")).await;
    assert!(get(port, "127.0.0.1", "/health/ready").await.starts_with("HTTP/1.1 503"));
}
