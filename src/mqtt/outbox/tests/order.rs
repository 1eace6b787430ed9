//! In which order messages go out, what makes room, and how much goes at once.

use super::*;

#[test]
fn changes_go_out_in_the_order_of_arrival_whatever_their_drop_order() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low), ("b", High), ("c", Info), ("d", High)]);
    assert_eq!(trial.send(), ["a", "b", "c"]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["d"]);
}

#[test]
fn states_and_scores_wait_for_their_time_and_changes_do_not() {
    let mut trial = OutboxTrial::connected();
    trial.accept("state", DeliveryClass::Latest);
    trial.accept("score", DeliveryClass::Passing);
    trial.changes([("a", Low)]);
    assert_eq!(trial.send_some(false), ["a"]);
    assert!(trial.queue.has_deferrable());
    assert_eq!(trial.send_some(true), ["state", "score"]);
    assert!(!trial.queue.has_deferrable());
}

#[test]
fn answers_out_of_order_end_the_right_messages() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low), ("b", Low), ("c", Low)]);
    trial.send();
    for pkid in [3, 1, 2, 2] {
        trial.answer(pkid, PubackAnswer::Accepted);
    }
    assert_eq!(trial.outcomes(), [(3, Accepted), (1, Accepted), (2, Accepted)]);
    assert!(trial.queue.is_empty());
}

#[test]
fn the_window_counts_from_the_oldest_unacknowledged_message() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low), ("b", Low), ("c", Low), ("d", Low)]);
    trial.send();
    trial.answer(2, PubackAnswer::Accepted);
    trial.answer(3, PubackAnswer::Accepted);
    assert_eq!(trial.send(), [""; 0]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["d"]);
}

#[test]
fn an_older_state_never_comes_after_a_newer_one() {
    let mut trial = OutboxTrial::connected();
    trial.accept("state", DeliveryClass::Latest);
    assert_eq!(trial.send(), ["state"]);
    trial.accept("state", DeliveryClass::Latest);
    trial.answer(1, PubackAnswer::Retry);
    assert_eq!(trial.send(), ["state"], "the newer");
    trial.answer(2, PubackAnswer::Accepted);
    trial.queue.offer_retried();
    assert_eq!(trial.send(), [""; 0], "the older is over");
    assert!(trial.queue.is_empty());
}

/// Seen to fail with what was sent returning to its place taken out.
#[test]
fn after_a_lost_connection_everything_pending_goes_out_again_in_order() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low), ("b", High), ("c", Low), ("d", High)]);
    trial.send();
    trial.answer(2, PubackAnswer::Accepted);
    trial.queue.disconnect(Main, None, &mut trial.finished);
    assert_eq!(trial.send(), [""; 0]);
    trial.changes([("e", Info)]);
    trial.queue.connect(Main, BrokerTerms { window: 10, ..TERMS });
    assert_eq!(trial.send(), ["a", "c", "d", "e"]);
    assert_eq!(trial.outcomes(), [(2, Accepted)]);
}

#[test]
fn an_answer_to_an_earlier_connection_ends_nothing() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low)]);
    trial.send();
    trial.queue.disconnect(Main, None, &mut trial.finished);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.outcomes(), []);
    assert_eq!(trial.queue.pending(), 1);
}

#[test]
fn of_one_topic_only_the_newest_state_waits_and_after_the_changes() {
    let mut trial = OutboxTrial::with_bound(100);
    trial.accept("state/1", DeliveryClass::Latest);
    trial.accept("state/2", DeliveryClass::Latest);
    trial.accept("state/1", DeliveryClass::Latest);
    trial.accept("alert", DeliveryClass::Change(Low));
    trial.queue.connect(Main, TERMS);
    assert_eq!(trial.send(), ["alert", "state/1", "state/2"]);
    assert_eq!(trial.outcomes(), [(1, Superseded)]);
}

#[test]
fn a_state_that_was_under_way_does_not_come_after_a_newer_one() {
    let mut trial = OutboxTrial::connected();
    trial.accept("state/1", DeliveryClass::Latest);
    trial.send();
    trial.accept("state/1", DeliveryClass::Latest);
    trial.queue.disconnect(Main, None, &mut trial.finished);
    trial.queue.connect(Main, TERMS);
    assert_eq!(trial.send(), ["state/1"]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.outcomes(), [(1, Superseded), (2, Accepted)]);
}

#[test]
fn a_full_outbox_lets_the_oldest_of_the_lowest_priority_go() {
    let mut trial = OutboxTrial::with_bound(3);
    trial.changes([("1", Low), ("2", Info), ("3", High), ("4", Medium), ("5", Info), ("6", High)]);
    assert_eq!(trial.outcomes(), [(2, Dropped), (5, Dropped), (1, Dropped)]);
    assert!(!trial.queue.is_full());
    trial.changes([("7", High), ("8", Medium), ("9", High)]);
    assert_eq!(trial.outcomes(), [(4, Dropped), (8, Dropped)]);
    assert!(trial.queue.is_full());
    assert_eq!(trial.queue.dropped, 5);
    trial.queue.connect(Main, BrokerTerms { window: 10, ..TERMS });
    assert_eq!(trial.send(), ["3", "6", "7", "9"]);
    assert!(!trial.queue.is_full());
}

#[test]
fn scores_pass_by_while_there_is_no_connection() {
    let mut trial = OutboxTrial::with_bound(100);
    trial.accept("score", DeliveryClass::Passing);
    trial.queue.connect(Main, BrokerTerms { window: 1, ..TERMS });
    trial.accept("score", DeliveryClass::Passing);
    assert_eq!(trial.send(), ["score"]);
    trial.accept("score", DeliveryClass::Passing);
    trial.queue.disconnect(Main, None, &mut trial.finished);
    assert_eq!(trial.outcomes(), [(1, Dropped), (2, Accepted), (3, Dropped)]);
    assert_eq!((trial.queue.passed_by, trial.queue.dropped), (2, 0));
}

#[test]
fn what_the_broker_does_not_take_for_now_is_tried_again_and_holds_up_nothing_else() {
    let mut trial = OutboxTrial::connected();
    trial.changes([("a", Low), ("b", Low), ("c", Low), ("d", Low)]);
    trial.send();
    trial.answer(1, PubackAnswer::Retry);
    trial.answer(2, PubackAnswer::Retry);
    trial.answer(3, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["d"]);
    assert_eq!((trial.queue.pending(), trial.queue.rejected()), (3, 0));
    trial.queue.offer_retried();
    assert_eq!(trial.send(), ["a", "b"]);
    assert_eq!(trial.outcomes(), [(3, Accepted)]);
}

#[test]
fn packet_identifiers_go_round_and_still_name_the_right_message() {
    let mut trial = OutboxTrial::connected();
    for number in 0..200_000_u64 {
        trial.changes([("a", Low)]);
        let sent = trial.queue.hand_over(Main, true, &mut trial.finished).expect("room");
        assert_eq!(u64::from(sent.pkid), number % 65_535 + 1);
        if number % 2 == 1 {
            trial.answer(sent.pkid, PubackAnswer::Accepted);
            trial.answer(if sent.pkid == 1 { 65_535 } else { sent.pkid - 1 }, PubackAnswer::Accepted);
            assert_eq!(trial.outcomes(), [(number + 1, Accepted), (number, Accepted)]);
        }
    }
    assert!(trial.queue.is_empty());
}

#[test]
fn a_message_that_can_only_end_the_connection_is_not_even_tried() {
    let mut trial = OutboxTrial::connected();
    trial.accept(&"x".repeat(1000), DeliveryClass::Change(High));
    trial.changes([("alerts/#", High), ("a", High)]);
    assert_eq!(trial.send(), ["a"]);
    assert_eq!((trial.outcomes(), trial.queue.rejected()), (vec![], 2));
}

#[test]
fn of_one_alert_one_change_is_on_the_way_at_a_time_and_the_order_of_all_is_kept() {
    let (mut trial, ring) = (OutboxTrial::connected(), std::sync::Arc::new(SettledRows::default()));
    trial.change_of(1, &["a1"], &ring);
    trial.change_of(1, &["a2"], &ring);
    trial.change_of(2, &["b1"], &ring);
    assert_eq!(trial.send(), ["a1"]);
    trial.answer(1, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["a2", "b1"]);
}

#[test]
fn rejections_and_states_never_go_before_alerts_nor_fill_the_window() {
    let mut trial = OutboxTrial::with_bound(100);
    trial.queue.connect(Main, BrokerTerms { window: 10, ..TERMS });
    (0..20).for_each(|_| trial.accept("rejected", DeliveryClass::Advisory));
    trial.accept("state/1", DeliveryClass::Latest);
    assert_eq!(trial.send(), ["state/1", "rejected", "rejected", "rejected", "rejected"]);
    trial.changes([("a", Low), ("b", High)]);
    assert_eq!(trial.send(), ["a", "b"]);
    trial.answer(1, PubackAnswer::Accepted);
    trial.accept("state/1", DeliveryClass::Latest);
    trial.answer(2, PubackAnswer::Accepted);
    assert_eq!(trial.send(), ["state/1", "rejected"]);
}

#[test]
fn rejections_that_nobody_takes_are_bounded_in_number_and_in_bytes() {
    let mut trial = OutboxTrial::with_bound(100);
    (0..10_005).for_each(|_| trial.accept("rejected", DeliveryClass::Advisory));
    assert_eq!((trial.queue.pending(), trial.outcomes().len()), (10_000, 5));
    let mut trial = OutboxTrial::with_bound(100);
    for _ in 0..20 {
        let payload = vec![b'x'; 1 << 20].into();
        let announcement = Announcement { topic: "rejected".to_owned(), payload };
        trial.queue.accept(Outgoing::new(announcement, DeliveryClass::Advisory), &mut trial.finished);
    }
    assert_eq!(trial.queue.pending(), 16);
}

/// A message of this size with a text that can be cut.
fn large(size: usize, class: DeliveryClass) -> Outgoing {
    let payload = format!(r#"{{"id":"1","message":"{}"}}"#, "x".repeat(size)).into();
    let mut outgoing = Outgoing::new(Announcement { topic: "alerts".to_owned(), payload }, class);
    outgoing.alert = class.is_change().then(|| Uuid::from_u128(1));
    outgoing
}

#[test]
fn what_is_larger_than_the_broker_takes_is_shortened() {
    let mut trial = OutboxTrial::connected();
    for class in [DeliveryClass::Change(High), DeliveryClass::Latest, DeliveryClass::Passing] {
        trial.queue.accept(large(5000, class), &mut trial.finished);
        let sent = trial.queue.hand_over(Main, true, &mut trial.finished).expect("a shorter one");
        assert!(sent.payload.len() < 900 && sent.payload.starts_with(b"{\"id\":\"1\""), "{class:?}");
    }
    // A broker that says so only by its answer.
    (1..=2).for_each(|pkid| trial.answer(pkid, PubackAnswer::Accepted));
    trial.queue.accept(large(300, DeliveryClass::Change(High)), &mut trial.finished);
    let mut sizes = Vec::new();
    while let Some(sent) = trial.queue.hand_over(Main, true, &mut trial.finished) {
        sizes.push(sent.payload.len());
        trial.answer(sent.pkid, PubackAnswer::TooLarge);
    }
    assert_eq!(sizes, [323, 143, 63, 31]);
    assert_eq!(trial.queue.rejected(), 1, "it cannot be cut any further");
}
