//! What the broker had not taken when WardWatch was killed.

use super::*;

/// A broker that no longer answers: the change is committed and never acknowledged.
/// Seen to fail with the outbox at the start taken out.
#[tokio::test]
async fn a_change_that_the_broker_never_took_is_published_by_the_next_start() {
    let mut ward = Ward::open(AT_ONCE).await;
    let onset = now();
    // WardWatch finds the reading in its socket, and nobody behind it any more.
    ward.program.signal("STOP");
    ward.read(&reading(1, onset, 170)).await;
    ward.bus.until("that the broker delivers it", "vitals/", |heard| heard.len() == 1).await;
    ward.broker.suspend();
    ward.program.signal("CONT");
    let pending = "SELECT count(*) FROM changes WHERE published = 0";
    until("the alert is committed", || ward.count(pending) == 1).await;
    ward.kill_at_once().await;
    // Whatever lay in its sockets goes with the broker.
    ward.replace_broker().await;
    assert_eq!(ward.alerts(), Vec::<Value>::new());
    ward.start().await;
    let alerts = ward.settled("after").await;
    assert_eq!(lines(&alerts), ["raised heart_rate.high 1"]);
    assert_eq!(alerts[0]["id"], id_of(1, onset));
    ward.program.signal("TERM");
    assert_eq!(ward.program.ended().await.code(), Some(0));
    assert_eq!(ward.count(pending), 0);
}

/// Seen to fail with each of these taken out: sending the outbox at the start, its order, and that the ingest waits
/// for it.
#[tokio::test]
async fn what_is_pending_goes_out_first_and_in_order_with_the_same_ids_and_sequences() {
    const PATIENTS: usize = 100;
    const PENDING: usize = 2 * PATIENTS;
    let broker = Mosquitto::with_config(&format!("{}\nlog_type all\n", mosquitto::CONFIG));
    let mut ward = Ward::open_beside(broker, AT_ONCE).await;
    let readings = [(1, 170), (2, 72)].into_iter().flat_map(|(seq, heart_rate)| {
        let reading = format!(r#"{{"seq":{seq},"heart_rate":{heart_rate}}}"#);
        (0..PATIENTS).rev().map(move |n| (format!("wardwatch/vitals/icu-1/p-{n}"), reading.clone()))
    });
    mosquitto::publish(ward.bus.port, readings).await;
    // A marker only speaks for its own patient: of a burst, each patient's second reading may be judged after it.
    until("all is published", || ward.alerts().len() == PENDING).await;
    ward.kill().await;
    let published = ward.alerts();
    assert_eq!(published.len(), PENDING);
    // As if the broker had answered nothing since the first change.
    let unanswered = "UPDATE changes SET published = 0 WHERE subject <> 'markers/before'";
    assert_eq!(ward.database().execute(unanswered, []).expect("changes"), PENDING);
    ward.bus.read("icu-1/queued", r#"{"seq":1,"heart_rate":170}"#).await;
    ward.start().await;
    ward.bus.until_judged("after").await;
    let heard = ward.bus.heard("alerts/");
    let again: Vec<_> = heard.into_iter().filter(|alert| alert["unit"] != "markers").skip(PENDING).collect();
    assert_eq!(again[..PENDING], published);
    assert_eq!((again.len(), &again[PENDING]["patient"]), (PENDING + 1, &"queued".into()));
    let log = ward.broker.log();
    let (_, second) = log.rsplit_once(" as wardwatch-out (").expect("a second connection");
    let (before, _) = second.split_once(" as wardwatch (").expect("the ingest's, after it");
    assert!(before.matches("Sending PUBACK to wardwatch-out").count() >= PENDING, "{before}");
}

/// Subscribers hear of one loss, not of an end that was none and of another.
/// Seen to fail with the loss of the broker taken out of what the census takes up.
#[tokio::test]
async fn a_broker_that_is_still_gone_after_a_restart_is_one_alert() {
    let mut ward = Ward::open(AT_ONCE).await;
    ward.broker.stop();
    let lost = "SELECT count(*) FROM changes WHERE subject = '_/_'";
    until("the loss is published", || ward.count(lost) == 1).await;
    ward.kill_at_once().await;
    ward.program = Program::run(ward.broker.port(), &ward.settings);
    let complained = || ward.program.complained() + &ward.program.said();
    until("it looks for the broker", || complained().contains("nothing can be published")).await;
    let back = now();
    ward.broker.restart();
    let alerts = ward.bus.until("the end", "alerts/", |alerts| alerts.len() >= 2).await;
    assert_eq!(lines(&alerts), ["raised broker.lost 1", "cleared broker.lost 2"]);
    assert_eq!(alerts[0]["id"], alerts[1]["id"]);
    let ended: Timestamp = alerts[1]["time"].as_str().expect("a time").parse().expect("RFC 3339");
    assert!(ended >= back, "it was still gone at {ended}");
}

/// Seen to fail with the publisher started before the store is opened.
#[tokio::test]
async fn a_second_instance_on_the_same_store_ends_and_disturbs_nobody() {
    let broker = Mosquitto::with_config(&format!("{}\nlog_type all\n", mosquitto::CONFIG));
    let ward = Ward::open_beside(broker, AT_ONCE).await;
    let connections = || ward.broker.log().matches("New connection from").count();
    let before = connections();
    for _ in 0..10 {
        let mut second = Program::run(ward.broker.port(), &ward.settings);
        assert_eq!(second.ended().await.code(), Some(3));
        assert!(
            second.complained().contains("another WardWatch writes to the store"),
            "{}",
            second.complained()
        );
    }
    assert_eq!(connections(), before, "it connects nowhere");
}
