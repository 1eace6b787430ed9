//! Messages at which the broker closes the connection are found, and cost few connections.

use super::*;

#[test]
fn what_costs_three_connections_is_found_and_offered_only_at_a_reload() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("innocent", High), ("poison", High), ("other", High)]);
    let lose = |trial: &mut OutboxTrial| {
        trial.queue.disconnect(Some("the broker closed the connection"), &mut trial.finished);
        trial.queue.connect(TERMS);
    };
    for _ in 0..2 {
        assert_eq!(trial.send(), ["innocent", "poison", "other"]);
        lose(&mut trial);
    }
    // From now on one by one.
    assert_eq!(trial.send(), ["innocent"]);
    trial.answer(1, PubackAnswer::Accepted);
    for _ in 0..3 {
        assert_eq!(trial.send(), ["poison"]);
        lose(&mut trial);
    }
    assert_eq!(trial.send(), ["other"]);
    trial.answer(1, PubackAnswer::Accepted);
    trial.queue.steady();
    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), [""; 0]);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![(1, Accepted), (3, Accepted)], 1));
    trial.queue.offer_rejected(true);
    assert_eq!(trial.send(), ["poison"]);
}

#[test]
fn what_alone_costs_three_connections_is_offered_three_times() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("poison", High)]);
    for _ in 0..3 {
        assert_eq!(trial.send(), ["poison"]);
        trial.queue.disconnect(Some("protocol error"), &mut trial.finished);
        trial.queue.connect(TERMS);
    }
    assert_eq!(trial.send(), [""; 0]);
    assert_eq!(trial.queue.rejected(), 1);
}

#[test]
fn a_retained_topic_that_costs_connections_is_not_tried_with_each_new_state() {
    let mut trial = OutboxTrial::connected();
    trial.accept("state/1", DeliveryClass::Latest);
    for _ in 0..3 {
        assert_eq!(trial.send(), ["state/1"]);
        trial.queue.disconnect(Some("closed"), &mut trial.finished);
        trial.queue.connect(TERMS);
    }
    trial.accept("state/1", DeliveryClass::Latest);
    assert_eq!(trial.send(), [""; 0]);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![(1, Superseded)], 1));
    trial.queue.offer_rejected(true);
    assert_eq!(trial.send(), ["state/1"]);
}

/// Mosquitto 2.0.11 with `max_queued_messages 0` rejects, and closes.
#[test]
fn a_broker_that_closes_after_each_rejection_is_offered_one_a_minute_and_all_once_it_takes_one() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    for alert in 1..=3 {
        trial.change_of(alert, &["denied"], &ring);
        assert_eq!(trial.send(), ["denied"]);
        trial.reject(1);
        assert!(trial.queue.disconnect(Some("closed"), &mut trial.finished));
        trial.queue.connect(TERMS);
    }
    trial.change_of(4, &["other"], &ring);
    assert_eq!(trial.send(), ["other"]);
    trial.answer(1, PubackAnswer::Accepted);
    trial.queue.minute(&mut trial.finished);
    assert_eq!(trial.send(), ["denied"]);
    trial.reject(2);
    trial.queue.disconnect(Some("closed"), &mut trial.finished);
    trial.queue.connect(TERMS);
    assert_eq!(trial.send(), [""; 0]);
    trial.queue.minute(&mut trial.finished);
    assert_eq!(trial.send(), ["denied"]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["denied", "denied"]);
}

#[test]
fn states_rejections_and_scores_that_cost_connections_are_kept_back_for_a_minute() {
    let mut trial = OutboxTrial::connected();
    let lose = |trial: &mut OutboxTrial| {
        trial.queue.disconnect(Some("closed"), &mut trial.finished);
        trial.queue.connect(TERMS);
    };
    for (topic, class) in [("rejected", DeliveryClass::Advisory), ("state/1", DeliveryClass::Latest)] {
        trial.accept(topic, class);
        assert_eq!(trial.send(), [topic]);
        trial.reject(1);
        lose(&mut trial);
        trial.accept(topic, class);
        assert_eq!(trial.send(), [""; 0], "{topic}");
    }
    for _ in 0..3 {
        trial.accept("score", DeliveryClass::Passing);
        assert_eq!(trial.send().last().map(String::as_str), Some("score"));
        lose(&mut trial);
    }
    trial.accept("score", DeliveryClass::Passing);
    assert_eq!(
        trial.send(),
        ["state/1"],
        "what was rejected is offered, since the last ends were for the scores"
    );
    trial.reject(1);
    trial.queue.steady();
    trial.queue.minute(&mut trial.finished);
    trial.accept("rejected", DeliveryClass::Advisory);
    trial.accept("score", DeliveryClass::Passing);
    assert_eq!(trial.send(), ["state/1", "rejected"]);
    (2..=3).for_each(|pkid| trial.answer(pkid, PubackAnswer::Accepted));
    assert_eq!(trial.send(), ["score"]);
}
