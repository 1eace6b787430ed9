//! What the broker rejects is kept and offered again, and holds up its own alert alone.

use super::*;

#[test]
fn a_rejected_change_is_kept_and_offered_again_and_later_ones_of_its_alert_wait_behind_it() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    trial.change_of(1, &["a1"], &ring);
    trial.change_of(2, &["b1"], &ring);
    assert_eq!(trial.send(), ["a1", "b1"]);
    trial.reject(1);
    trial.answer(2, PubackAnswer::Accepted);
    trial.change_of(1, &["a2"], &ring);
    trial.change_of(2, &["b2"], &ring);
    trial.change_of(1, &["a3"], &ring);
    assert_eq!(trial.send(), ["b2"]);
    trial.answer(3, PubackAnswer::Accepted);
    assert_eq!(trial.settled(&ring), [2, 4, 1, 3, 5], "nobody waits for what was rejected");
    assert_eq!(trial.outcomes(), [(2, Accepted), (4, Accepted)]);
    assert_eq!((trial.queue.rejected(), trial.queue.is_empty()), (3, true));

    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), ["a1"]);
    trial.reject(4);
    assert_eq!(trial.send(), [""; 0]);
    trial.queue.disconnect(Main, None, &mut trial.finished);
    trial.queue.connect(Main, TERMS);
    for pkid in 1..=3 {
        assert_eq!(trial.send(), [format!("a{pkid}")]);
        trial.answer(pkid, PubackAnswer::Accepted);
    }
    assert_eq!(trial.outcomes(), [(1, Accepted), (3, Accepted), (5, Accepted)]);
    assert_eq!(trial.queue.rejected(), 0);
    trial.change_of(1, &["a4"], &ring);
    assert_eq!(trial.send(), ["a4"]);
}

#[test]
fn an_offer_that_a_lost_connection_cuts_off_is_made_again_and_its_followers_wait_on() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    trial.change_of(1, &["a1"], &ring);
    trial.send();
    trial.reject(1);
    trial.change_of(1, &["a2"], &ring);
    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), ["a1"]);
    trial.queue.disconnect(Main, None, &mut trial.finished);
    trial.queue.connect(Main, TERMS);
    assert_eq!(trial.send(), ["a1"]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["a2"]);
}

#[test]
fn a_change_that_one_of_its_topics_rejects_is_published_on_the_other_and_kept_for_the_first() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    trial.change_of(1, &["high", "medium"], &ring);
    assert_eq!(trial.send(), ["high"]);
    trial.reject(1);
    assert_eq!(trial.send(), ["medium"]);
    trial.answer(2, PubackAnswer::Accepted);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![], 1));
    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), ["high"]);
    trial.answer(3, PubackAnswer::Accepted);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![(1, Accepted)], 0));
}

#[test]
fn what_is_rejected_is_bounded_like_the_outbox_and_the_lowest_go_first() {
    let mut trial = OutboxTrial::with_bound(2);
    trial.queue.connect(Main, BrokerTerms { window: 10, ..TERMS });
    for (pkid, (topic, order)) in (1..).zip([("1", High), ("2", Low), ("3", High), ("4", High), ("5", Info)])
    {
        trial.changes([(topic, order)]);
        trial.send();
        trial.reject(pkid);
    }
    // What is high stays in the store, and is offered by the next start: nobody says that it is done.
    assert_eq!(trial.outcomes(), [(2, Dropped), (5, Dropped)]);
    assert_eq!((trial.queue.rejected(), trial.queue.dropped), (2, 3));
    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), ["3", "4"]);
    assert!(!trial.queue.is_full(), "rejected changes do not keep anybody from reading");
}

#[test]
fn what_is_tried_again_for_a_minute_holds_up_no_receipt_any_more() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    trial.change_of(1, &["a1"], &ring);
    trial.change_of(1, &["a2"], &ring);
    trial.send();
    trial.answer(1, PubackAnswer::Retry);
    trial.send();
    trial.queue.minute(&mut trial.finished);
    assert_eq!((trial.settled(&ring), trial.queue.pending()), (vec![], 2));
    assert_eq!(trial.send(), ["a1"], "offered with the others");
    trial.answer(2, PubackAnswer::Retry);
    trial.queue.minute(&mut trial.finished);
    assert_eq!((trial.settled(&ring), trial.queue.pending()), (vec![1, 2], 0));
    assert_eq!(trial.queue.rejected(), 2);
    assert_eq!(trial.send(), ["a1"]);
    trial.answer(3, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["a2"]);
    trial.answer(4, PubackAnswer::Accepted);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![(1, Accepted), (2, Accepted)], 0));
}

#[test]
fn a_state_that_was_rejected_is_offered_again_unless_a_newer_one_goes_in_its_place() {
    let mut trial = OutboxTrial::connected();
    trial.accept("state/1", DeliveryClass::Latest);
    trial.accept("state/2", DeliveryClass::Latest);
    trial.send();
    trial.reject(1);
    trial.reject(2);
    assert_eq!(trial.queue.rejected(), 2);
    trial.accept("state/2", DeliveryClass::Latest);
    assert_eq!(trial.send(), ["state/2"]);
    trial.answer(3, PubackAnswer::Accepted);
    trial.queue.offer_rejected(false);
    assert_eq!(trial.send(), ["state/1"]);
    trial.answer(4, PubackAnswer::Accepted);
    assert_eq!(trial.outcomes(), [(2, Superseded), (3, Accepted), (1, Accepted)]);
}
