//! `wardwatch command`: alerts managed from a shell.

use serde_json::json;

use super::mosquitto::Mosquitto;
use super::ward::{AT_ONCE, Program, Ward};

const DESK: &str = "[senders.desk]\nmay = [\"acknowledge\", \"set_limits\", \"admit\"]\n[bounds.heart_rate]\nhighest = 180\n";

/// Gives a command, and returns its exit status with all that it said.
async fn gives(url: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let about = ["--unit", "icu-1", "--patient", "p-17", "--by", "anna", "--sender", "desk", "--url", url];
    let mut program = Program::start(&[&["command"], arguments, &about[..]].concat());
    let status = program.ended().await.code();
    (status, program.said() + &program.complained())
}

#[tokio::test]
async fn a_command_from_a_shell_is_carried_out_or_rejected_with_its_reason() {
    let ward = Ward::open(&format!("{AT_ONCE}{DESK}")).await;
    ward.bus.read("icu-1/p-17", r#"{"heart_rate":170}"#).await;
    let id = ward.bus.alerts(1).await[0]["id"].as_str().expect("an id").to_owned();
    let url = ward.broker.url();
    let acknowledge = ["acknowledge", &id, "--id", "7", "--reason", "on my way"];
    let done = (Some(0), format!("done: alert {id}, sequence 2\n"));
    assert_eq!(gives(&url, &acknowledge).await, done);
    let acknowledged = ward.bus.alerts(2).await.remove(1);
    assert_eq!(
        (&acknowledged["event"], &acknowledged["by"], &acknowledged["sender"]),
        (&json!("acknowledged"), &json!("anna"), &json!("desk"))
    );
    assert_eq!(gives(&url, &acknowledge).await, done, "once more with its id: answered as before");

    let limits = ["set_limits", "--limits", r#"{"heart_rate":{"high":200}}"#];
    let (status, said) = gives(&url, &limits).await;
    assert_eq!(
        (status, &*said),
        (Some(1), "rejected: heart_rate.high: 200 is outside bounds.heart_rate, any to 180\n")
    );
    let (status, said) = gives(&url, &["discharge"]).await;
    assert_eq!((status, &*said), (Some(1), "rejected: sender `desk` may not discharge (senders.desk.may)\n"));
    assert_eq!(gives(&url, &["admit", "--record", r#"{"bed":"B"}"#]).await, (Some(0), "done\n".to_owned()));
    ward.bus.until_judged("m").await;
    assert_eq!(ward.bus.heard("alerts/").len(), 3, "the second acknowledgement changed nothing");
    ward.service.end().await.expect("no fault");
}

#[tokio::test]
async fn without_an_answer_the_status_is_another_and_the_id_is_shown() {
    let broker = Mosquitto::start();
    let url = broker.url();
    let (status, said) = gives(&url, &["test_alert", "--within", "300ms", "--id", "once"]).await;
    assert_eq!(status, Some(4));
    assert!(
        said.contains("no answer on `wardwatch/replies/desk` within 300ms") && said.contains("--id once"),
        "{said}"
    );
    drop(broker);
    let (status, said) = gives(&url, &["test_alert"]).await;
    assert_eq!(status, Some(4));
    assert!(said.contains("no connection to the broker"), "{said}");
    let (status, said) = gives(&url, &["acknowlege"]).await;
    assert_eq!(status, Some(2));
    assert!(said.contains("acknowledge"), "{said}");
    let (status, _) = gives(&url, &["set_limits", "--limits", "{"]).await;
    assert_eq!(status, Some(2));
}
