//! Messages at which the broker closes the connection are found, and cost few connections.

use super::*;

#[test]
fn what_costs_three_connections_is_found_and_offered_only_at_a_reload() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("innocent", High), ("poison", High), ("other", High)]);
    let lose = |trial: &mut OutboxTrial| {
        trial.queue.disconnect(Main, Some("the broker closed the connection"), &mut trial.finished);
        trial.queue.connect(Main, TERMS);
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
    trial.queue.steady(Main);
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
        trial.queue.disconnect(Main, Some("protocol error"), &mut trial.finished);
        trial.queue.connect(Main, TERMS);
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
        trial.queue.disconnect(Main, Some("closed"), &mut trial.finished);
        trial.queue.connect(Main, TERMS);
    }
    trial.accept("state/1", DeliveryClass::Latest);
    assert_eq!(trial.send(), [""; 0]);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![(1, Superseded)], 1));
    trial.queue.offer_rejected(true);
    assert_eq!(trial.send(), ["state/1"]);
}
