//! The audit across kills, reloads and starts, read from outside by the command that checks it.

use std::process::Command;

use super::*;

/// What `wardwatch audit` of these arguments says of the ward's store: whether all is well, and its output.
fn audit(ward: &Ward, arguments: &[&str]) -> (bool, String) {
    let store = ward.store.to_str().expect("a path in UTF-8");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wardwatch"));
    let output = command.arg("audit").args(arguments).args(["--store", store]).output().expect("the program");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.success(), said + &String::from_utf8_lossy(&output.stderr))
}

/// The head that the newest heartbeat said.
fn head(ward: &Ward) -> String {
    let beats = ward.bus.heard("system/");
    let heads = beats.iter().rev().find_map(|beat| beat["audit_head"].as_str());
    heads.expect("a head of the audit").to_owned()
}

#[tokio::test]
async fn kills_leave_a_whole_audit_and_the_head_that_was_said_is_in_it() {
    let mut ward = Ward::open(AT_ONCE).await;
    let mut seq = 0;
    for _ in 0..3 {
        for _ in 0..20 {
            seq += 1;
            let heart_rate = if seq % 2 == 0 { 80 } else { 170 };
            ward.read(&format!(r#"{{"device":"mon-17","seq":{seq},"heart_rate":{heart_rate}}}"#)).await;
        }
        let changes = ward.bus.heard("alerts/").len();
        ward.bus.alerts(changes + 1).await;
        ward.kill_at_once().await;
        let head = head(&ward);
        let (whole, said) = audit(&ward, &["verify", "--head", &head]);
        assert!(whole, "{head}: {said}");
        ward.start().await;
    }
    let (_, export) = audit(&ward, &["export"]);
    let rows: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((of("begin"), of("start"), of("configuration")), (1, 4, 1), "{export}");
    let start = rows.iter().find(|row| row["kind"] == "configuration").expect("a configuration");
    assert!(start["content"]["changes"].to_string().contains("limits.adult.heart_rate.delay"), "{start}");

    // Other limits while it runs, and an end that was asked for.
    ward.program.reload(ward.broker.port(), &ward.settings.replace("{ delay", "{ high = 135, delay"));
    let reloaded = || audit(&ward, &["export"]).1.contains("the configuration after SIGHUP: limits.adult");
    until("the reload is in the audit", reloaded).await;
    ward.program.signal("TERM");
    assert_eq!(ward.program.ended().await.code(), Some(0));
    let (whole, said) = audit(&ward, &["verify"]);
    assert!(whole && said.contains("ended since it was asked to, _/_"), "{said}");
}
