//! What the outbox sends, in which order, and what it lets go.

use DeliveryResult::{Accepted, Dropped, Superseded};
use DropOrder::{High, Info, Low, Medium};

use super::*;

const TERMS: BrokerTerms = BrokerTerms { window: 3, max_packet: 1000 };

/// A queue whose messages are told apart by topic, and what became of them by row.
struct Bench {
    queue: OutboxQueue,
    finished: Finished,
    rows: u64,
}

impl Bench {
    fn with_bound(bound: usize) -> Self {
        Self { queue: OutboxQueue::new(bound), finished: Finished::default(), rows: 0 }
    }

    fn connected() -> Self {
        let mut bench = Self::with_bound(100);
        bench.queue.connect(TERMS);
        bench
    }

    /// Rows count from 1 in the order of the calls.
    fn accept(&mut self, topic: &str, class: DeliveryClass) {
        self.rows += 1;
        let announcement = Announcement { topic: topic.to_owned(), payload: Bytes::new() };
        let mut outgoing = Outgoing::new(announcement, class);
        outgoing.number = Some(self.rows);
        self.queue.accept(outgoing, &mut self.finished);
    }

    fn changes<const N: usize>(&mut self, changes: [(&str, DropOrder); N]) {
        changes.into_iter().for_each(|(topic, order)| self.accept(topic, DeliveryClass::Change(order)));
    }

    /// Hands over all there is room for; packet identifiers count from 1 in each connection.
    fn send(&mut self) -> Vec<String> {
        self.send_some(true)
    }

    /// The same, without what is deferrable where it is not its time.
    fn send_some(&mut self, deferrable: bool) -> Vec<String> {
        let topic = |publish: Publish| String::from_utf8_lossy(&publish.topic).into_owned();
        let next = || self.queue.hand_over(deferrable, &mut self.finished).map(topic);
        std::iter::from_fn(next).collect()
    }

    fn answer(&mut self, pkid: u16, verdict: PubackAnswer) {
        self.queue.answered(pkid, verdict, &mut self.finished);
    }

    fn outcomes(&mut self) -> Vec<(u64, DeliveryResult)> {
        self.finished
            .messages
            .drain(..)
            .filter_map(|(outgoing, result)| Some((outgoing.number?, result)))
            .collect()
    }
}

#[test]
fn changes_go_out_in_the_order_of_arrival_whatever_their_drop_order() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low), ("b", High), ("c", Info), ("d", High)]);
    assert_eq!(bench.send(), ["a", "b", "c"]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["d"]);
}

#[test]
fn states_and_scores_wait_for_their_time_and_changes_do_not() {
    let mut bench = Bench::connected();
    bench.accept("state", DeliveryClass::Latest);
    bench.accept("score", DeliveryClass::Passing);
    bench.changes([("a", Low)]);
    assert_eq!(bench.send_some(false), ["a"]);
    assert!(bench.queue.has_deferrable());
    assert_eq!(bench.send_some(true), ["state", "score"]);
    assert!(!bench.queue.has_deferrable());
}

#[test]
fn answers_out_of_order_end_the_right_messages() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low), ("b", Low), ("c", Low)]);
    bench.send();
    for pkid in [3, 1, 2, 2] {
        bench.answer(pkid, PubackAnswer::Accepted);
    }
    assert_eq!(bench.outcomes(), [(3, Accepted), (1, Accepted), (2, Accepted)]);
    assert!(bench.queue.is_empty());
}

#[test]
fn the_window_counts_from_the_oldest_unacknowledged_message() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low), ("b", Low), ("c", Low), ("d", Low)]);
    bench.send();
    bench.answer(2, PubackAnswer::Accepted);
    bench.answer(3, PubackAnswer::Accepted);
    assert_eq!(bench.send(), [""; 0]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["d"]);
}

/// Seen to fail with what was sent returning to its place taken out.
#[test]
fn after_a_lost_connection_everything_owed_goes_out_again_in_order() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low), ("b", High), ("c", Low), ("d", High)]);
    bench.send();
    bench.answer(2, PubackAnswer::Accepted);
    bench.queue.disconnect(None, &mut bench.finished);
    assert_eq!(bench.send(), [""; 0]);
    bench.changes([("e", Info)]);
    bench.queue.connect(BrokerTerms { window: 10, ..TERMS });
    assert_eq!(bench.send(), ["a", "c", "d", "e"]);
    assert_eq!(bench.outcomes(), [(2, Accepted)]);
}

#[test]
fn an_answer_to_an_earlier_connection_ends_nothing() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low)]);
    bench.send();
    bench.queue.disconnect(None, &mut bench.finished);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.outcomes(), []);
    assert_eq!(bench.queue.pending(), 1);
}

#[test]
fn of_one_topic_only_the_newest_state_waits_and_after_the_changes() {
    let mut bench = Bench::with_bound(100);
    bench.accept("state/1", DeliveryClass::Latest);
    bench.accept("state/2", DeliveryClass::Latest);
    bench.accept("state/1", DeliveryClass::Latest);
    bench.accept("alert", DeliveryClass::Change(Low));
    bench.queue.connect(TERMS);
    assert_eq!(bench.send(), ["alert", "state/1", "state/2"]);
    assert_eq!(bench.outcomes(), [(1, Superseded)]);
}

#[test]
fn a_state_that_was_under_way_does_not_come_after_a_newer_one() {
    let mut bench = Bench::connected();
    bench.accept("state/1", DeliveryClass::Latest);
    bench.send();
    bench.accept("state/1", DeliveryClass::Latest);
    bench.queue.disconnect(None, &mut bench.finished);
    bench.queue.connect(TERMS);
    assert_eq!(bench.send(), ["state/1"]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.outcomes(), [(1, Superseded), (2, Accepted)]);
}

#[test]
fn a_full_outbox_lets_the_oldest_of_the_lowest_priority_go() {
    let mut bench = Bench::with_bound(3);
    bench.changes([("1", Low), ("2", Info), ("3", High), ("4", Medium), ("5", Info), ("6", High)]);
    assert_eq!(bench.outcomes(), [(2, Dropped), (5, Dropped), (1, Dropped)]);
    assert!(!bench.queue.is_full());
    bench.changes([("7", High), ("8", Medium), ("9", High)]);
    assert_eq!(bench.outcomes(), [(4, Dropped), (8, Dropped)]);
    assert!(bench.queue.is_full());
    assert_eq!(bench.queue.dropped, 5);
    bench.queue.connect(BrokerTerms { window: 10, ..TERMS });
    assert_eq!(bench.send(), ["3", "6", "7", "9"]);
    assert!(!bench.queue.is_full());
}

#[test]
fn scores_pass_by_while_there_is_no_connection() {
    let mut bench = Bench::with_bound(100);
    bench.accept("score", DeliveryClass::Passing);
    bench.queue.connect(BrokerTerms { window: 1, ..TERMS });
    bench.accept("score", DeliveryClass::Passing);
    assert_eq!(bench.send(), ["score"]);
    bench.accept("score", DeliveryClass::Passing);
    bench.queue.disconnect(None, &mut bench.finished);
    assert_eq!(bench.outcomes(), [(1, Dropped), (2, Accepted), (3, Dropped)]);
    assert_eq!((bench.queue.passed_by, bench.queue.dropped), (2, 0));
}

#[test]
fn what_the_broker_does_not_take_for_now_is_tried_again_and_holds_up_nothing_else() {
    let mut bench = Bench::connected();
    bench.changes([("a", Low), ("b", Low), ("c", Low), ("d", Low)]);
    bench.send();
    bench.answer(1, PubackAnswer::Retry);
    bench.answer(2, PubackAnswer::Retry);
    bench.answer(3, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["d"]);
    assert_eq!((bench.queue.pending(), bench.queue.refused()), (3, 0));
    bench.queue.offer_retried();
    assert_eq!(bench.send(), ["a", "b"]);
    assert_eq!(bench.outcomes(), [(3, Accepted)]);
}

#[test]
fn packet_identifiers_go_round_and_still_name_the_right_message() {
    let mut bench = Bench::connected();
    for number in 0..200_000_u64 {
        bench.changes([("a", Low)]);
        let sent = bench.queue.hand_over(true, &mut bench.finished).expect("room");
        assert_eq!(u64::from(sent.pkid), number % 65_535 + 1);
        if number % 2 == 1 {
            bench.answer(sent.pkid, PubackAnswer::Accepted);
            bench.answer(if sent.pkid == 1 { 65_535 } else { sent.pkid - 1 }, PubackAnswer::Accepted);
            assert_eq!(bench.outcomes(), [(number + 1, Accepted), (number, Accepted)]);
        }
    }
    assert!(bench.queue.is_empty());
}

#[test]
fn a_message_that_can_only_end_the_connection_is_not_even_tried() {
    let mut bench = Bench::connected();
    bench.accept(&"x".repeat(1000), DeliveryClass::Change(High));
    bench.changes([("alerts/#", High), ("a", High)]);
    assert_eq!(bench.send(), ["a"]);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![], 2));
}

/// A ledger that says who has settled.
#[derive(Default)]
struct Ring(std::sync::Mutex<Vec<u64>>);

impl wardwatch_actors::receipt::Ledger for Ring {
    fn owe(&self, _: u64) {}

    fn settle(&self, entry: u64) {
        self.0.lock().unwrap().push(entry);
    }

    fn abandon(&self, _: u64) {} // with the queue, at the end of a test
}

impl Bench {
    /// A change of this alert on these topics, whose receipt is that of its row.
    fn change_of(&mut self, alert: u128, topics: &[&str], ring: &std::sync::Arc<Ring>) {
        self.rows += 1;
        let announce = |topic: &&str| Announcement { topic: (*topic).to_owned(), payload: Bytes::new() };
        let mut announcements = topics.iter().map(announce);
        let first = announcements.next().expect("a topic");
        let mut outgoing = Outgoing::new(first, DeliveryClass::Change(High));
        outgoing.further.extend(announcements);
        (outgoing.number, outgoing.alert) = (Some(self.rows), Some(Uuid::from_u128(alert)));
        outgoing.receipts.push(wardwatch_actors::receipt::Receipt::new(ring.clone(), self.rows));
        self.queue.accept(outgoing, &mut self.finished);
    }

    /// Settles what is over, and says whose receipts have been settled so far.
    fn settled(&mut self, ring: &Ring) -> Vec<u64> {
        let messages = self.finished.messages.iter_mut().flat_map(|(message, _)| message.receipts.drain(..));
        messages.chain(self.finished.receipts.drain(..)).for_each(|receipt| receipt.settle());
        ring.0.lock().unwrap().clone()
    }

    fn refuse(&mut self, pkid: u16) {
        self.answer(pkid, PubackAnswer::Refused("not authorized".to_owned()));
    }
}

#[test]
fn a_refused_change_is_kept_and_offered_again_and_later_ones_of_its_alert_wait_behind_it() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    bench.change_of(1, &["a1"], &ring);
    bench.change_of(2, &["b1"], &ring);
    assert_eq!(bench.send(), ["a1", "b1"]);
    bench.refuse(1);
    bench.answer(2, PubackAnswer::Accepted);
    bench.change_of(1, &["a2"], &ring);
    bench.change_of(2, &["b2"], &ring);
    bench.change_of(1, &["a3"], &ring);
    assert_eq!(bench.send(), ["b2"]);
    bench.answer(3, PubackAnswer::Accepted);
    assert_eq!(bench.settled(&ring), [2, 4, 1, 3, 5], "nobody waits for what was refused");
    assert_eq!(bench.outcomes(), [(2, Accepted), (4, Accepted)]);
    assert_eq!((bench.queue.refused(), bench.queue.is_empty()), (3, true));

    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), ["a1"]);
    bench.refuse(4);
    assert_eq!(bench.send(), [""; 0]);
    bench.queue.disconnect(None, &mut bench.finished);
    bench.queue.connect(TERMS);
    for pkid in 1..=3 {
        assert_eq!(bench.send(), [format!("a{pkid}")]);
        bench.answer(pkid, PubackAnswer::Accepted);
    }
    assert_eq!(bench.outcomes(), [(1, Accepted), (3, Accepted), (5, Accepted)]);
    assert_eq!(bench.queue.refused(), 0);
    bench.change_of(1, &["a4"], &ring);
    assert_eq!(bench.send(), ["a4"]);
}

#[test]
fn an_offer_that_a_lost_connection_cuts_off_is_made_again_and_its_followers_wait_on() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    bench.change_of(1, &["a1"], &ring);
    bench.send();
    bench.refuse(1);
    bench.change_of(1, &["a2"], &ring);
    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), ["a1"]);
    bench.queue.disconnect(None, &mut bench.finished);
    bench.queue.connect(TERMS);
    assert_eq!(bench.send(), ["a1"]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["a2"]);
}

#[test]
fn a_change_that_one_of_its_topics_refuses_is_told_on_the_other_and_kept_for_the_first() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    bench.change_of(1, &["high", "medium"], &ring);
    assert_eq!(bench.send(), ["high"]);
    bench.refuse(1);
    assert_eq!(bench.send(), ["medium"]);
    bench.answer(2, PubackAnswer::Accepted);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![], 1));
    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), ["high"]);
    bench.answer(3, PubackAnswer::Accepted);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![(1, Accepted)], 0));
}

#[test]
fn of_one_alert_one_change_is_on_the_way_at_a_time_and_the_order_of_all_is_kept() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    bench.change_of(1, &["a1"], &ring);
    bench.change_of(1, &["a2"], &ring);
    bench.change_of(2, &["b1"], &ring);
    assert_eq!(bench.send(), ["a1"]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["a2", "b1"]);
}

#[test]
fn what_is_refused_is_bounded_like_the_outbox_and_the_lightest_go_first() {
    let mut bench = Bench::with_bound(2);
    bench.queue.connect(BrokerTerms { window: 10, ..TERMS });
    for (pkid, (topic, order)) in (1..).zip([("1", High), ("2", Low), ("3", High), ("4", High), ("5", Info)])
    {
        bench.changes([(topic, order)]);
        bench.send();
        bench.refuse(pkid);
    }
    // What is high stays in the store, and is offered by the next start: nobody says that it is done.
    assert_eq!(bench.outcomes(), [(2, Dropped), (5, Dropped)]);
    assert_eq!((bench.queue.refused(), bench.queue.dropped), (2, 3));
    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), ["3", "4"]);
    assert!(!bench.queue.is_full(), "refused changes do not keep anybody from reading");
}

#[test]
fn what_is_tried_again_for_a_minute_holds_up_no_receipt_any_more() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    bench.change_of(1, &["a1"], &ring);
    bench.change_of(1, &["a2"], &ring);
    bench.send();
    bench.answer(1, PubackAnswer::Retry);
    bench.send();
    bench.queue.minute(&mut bench.finished);
    assert_eq!((bench.settled(&ring), bench.queue.pending()), (vec![], 2));
    assert_eq!(bench.send(), ["a1"], "offered with the others");
    bench.answer(2, PubackAnswer::Retry);
    bench.queue.minute(&mut bench.finished);
    assert_eq!((bench.settled(&ring), bench.queue.pending()), (vec![1, 2], 0));
    assert_eq!(bench.queue.refused(), 2);
    assert_eq!(bench.send(), ["a1"]);
    bench.answer(3, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["a2"]);
    bench.answer(4, PubackAnswer::Accepted);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![(1, Accepted), (2, Accepted)], 0));
}

#[test]
fn what_costs_three_connections_is_found_and_offered_only_at_a_reload() {
    let mut bench = Bench::connected();
    bench.changes([("innocent", High), ("poison", High), ("other", High)]);
    let lose = |bench: &mut Bench| {
        bench.queue.disconnect(Some("the broker closed the connection"), &mut bench.finished);
        bench.queue.connect(TERMS);
    };
    for _ in 0..2 {
        assert_eq!(bench.send(), ["innocent", "poison", "other"]);
        lose(&mut bench);
    }
    // From now on one by one.
    assert_eq!(bench.send(), ["innocent"]);
    bench.answer(1, PubackAnswer::Accepted);
    for _ in 0..3 {
        assert_eq!(bench.send(), ["poison"]);
        lose(&mut bench);
    }
    assert_eq!(bench.send(), ["other"]);
    bench.answer(1, PubackAnswer::Accepted);
    bench.queue.steady();
    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), [""; 0]);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![(1, Accepted), (3, Accepted)], 1));
    bench.queue.offer_refused(true);
    assert_eq!(bench.send(), ["poison"]);
}

#[test]
fn what_alone_costs_three_connections_is_offered_three_times() {
    let mut bench = Bench::connected();
    bench.changes([("poison", High)]);
    for _ in 0..3 {
        assert_eq!(bench.send(), ["poison"]);
        bench.queue.disconnect(Some("protocol error"), &mut bench.finished);
        bench.queue.connect(TERMS);
    }
    assert_eq!(bench.send(), [""; 0]);
    assert_eq!(bench.queue.refused(), 1);
}

#[test]
fn a_retained_topic_that_costs_connections_is_not_tried_with_each_new_state() {
    let mut bench = Bench::connected();
    bench.accept("state/1", DeliveryClass::Latest);
    for _ in 0..3 {
        assert_eq!(bench.send(), ["state/1"]);
        bench.queue.disconnect(Some("closed"), &mut bench.finished);
        bench.queue.connect(TERMS);
    }
    bench.accept("state/1", DeliveryClass::Latest);
    assert_eq!(bench.send(), [""; 0]);
    assert_eq!((bench.outcomes(), bench.queue.refused()), (vec![(1, Superseded)], 1));
    bench.queue.offer_refused(true);
    assert_eq!(bench.send(), ["state/1"]);
}

#[test]
fn a_state_that_was_refused_is_offered_again_unless_a_newer_one_goes_in_its_place() {
    let mut bench = Bench::connected();
    bench.accept("state/1", DeliveryClass::Latest);
    bench.accept("state/2", DeliveryClass::Latest);
    bench.send();
    bench.refuse(1);
    bench.refuse(2);
    assert_eq!(bench.queue.refused(), 2);
    bench.accept("state/2", DeliveryClass::Latest);
    assert_eq!(bench.send(), ["state/2"]);
    bench.answer(3, PubackAnswer::Accepted);
    bench.queue.offer_refused(false);
    assert_eq!(bench.send(), ["state/1"]);
    bench.answer(4, PubackAnswer::Accepted);
    assert_eq!(bench.outcomes(), [(2, Superseded), (3, Accepted), (1, Accepted)]);
}

#[test]
fn rejections_and_states_never_go_before_alerts_nor_fill_the_window() {
    let mut bench = Bench::with_bound(100);
    bench.queue.connect(BrokerTerms { window: 10, ..TERMS });
    (0..20).for_each(|_| bench.accept("rejected", DeliveryClass::Advisory));
    bench.accept("state/1", DeliveryClass::Latest);
    assert_eq!(bench.send(), ["state/1", "rejected", "rejected", "rejected", "rejected"]);
    bench.changes([("a", Low), ("b", High)]);
    assert_eq!(bench.send(), ["a", "b"]);
    bench.answer(1, PubackAnswer::Accepted);
    bench.accept("state/1", DeliveryClass::Latest);
    bench.answer(2, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["state/1", "rejected"]);
}

#[test]
fn rejections_that_nobody_takes_are_bounded_in_number_and_in_bytes() {
    let mut bench = Bench::with_bound(100);
    (0..10_005).for_each(|_| bench.accept("rejected", DeliveryClass::Advisory));
    assert_eq!((bench.queue.pending(), bench.outcomes().len()), (10_000, 5));
    let mut bench = Bench::with_bound(100);
    for _ in 0..20 {
        let payload = vec![b'x'; 1 << 20].into();
        let announcement = Announcement { topic: "rejected".to_owned(), payload };
        bench.queue.accept(Outgoing::new(announcement, DeliveryClass::Advisory), &mut bench.finished);
    }
    assert_eq!(bench.queue.pending(), 16);
}

/// A message of this size with a text that can be cut.
fn large(size: usize, class: DeliveryClass) -> Outgoing {
    let payload = format!(r#"{{"id":"1","message":"{}"}}"#, "x".repeat(size)).into();
    Outgoing::new(Announcement { topic: "alerts".to_owned(), payload }, class)
}

#[test]
fn what_is_larger_than_the_broker_takes_is_shortened() {
    let mut bench = Bench::connected();
    for class in [DeliveryClass::Change(High), DeliveryClass::Latest, DeliveryClass::Passing] {
        bench.queue.accept(large(5000, class), &mut bench.finished);
        let sent = bench.queue.hand_over(true, &mut bench.finished).expect("a shorter one");
        assert!(sent.payload.len() < 900 && sent.payload.starts_with(b"{\"id\":\"1\""), "{class:?}");
    }
    // A broker that says so only by its answer.
    (1..=2).for_each(|pkid| bench.answer(pkid, PubackAnswer::Accepted));
    bench.queue.accept(large(300, DeliveryClass::Change(High)), &mut bench.finished);
    let mut sizes = Vec::new();
    while let Some(sent) = bench.queue.hand_over(true, &mut bench.finished) {
        sizes.push(sent.payload.len());
        bench.answer(sent.pkid, PubackAnswer::TooLarge);
    }
    assert_eq!(sizes, [323, 143, 63, 31]);
    assert_eq!(bench.queue.refused(), 1, "it cannot be cut any further");
}

/// Mosquitto 2.0.11 with `max_queued_messages 0` refuses, and closes.
#[test]
fn a_broker_that_closes_after_each_refusal_is_offered_one_a_minute_and_all_once_it_takes_one() {
    let (mut bench, ring) = (Bench::connected(), std::sync::Arc::new(Ring::default()));
    for alert in 1..=3 {
        bench.change_of(alert, &["denied"], &ring);
        assert_eq!(bench.send(), ["denied"]);
        bench.refuse(1);
        assert!(bench.queue.disconnect(Some("closed"), &mut bench.finished));
        bench.queue.connect(TERMS);
    }
    bench.change_of(4, &["other"], &ring);
    assert_eq!(bench.send(), ["other"]);
    bench.answer(1, PubackAnswer::Accepted);
    bench.queue.minute(&mut bench.finished);
    assert_eq!(bench.send(), ["denied"]);
    bench.refuse(2);
    bench.queue.disconnect(Some("closed"), &mut bench.finished);
    bench.queue.connect(TERMS);
    assert_eq!(bench.send(), [""; 0]);
    bench.queue.minute(&mut bench.finished);
    assert_eq!(bench.send(), ["denied"]);
    bench.answer(1, PubackAnswer::Accepted);
    assert_eq!(bench.send(), ["denied", "denied"]);
}

#[test]
fn states_rejections_and_scores_that_cost_connections_are_kept_back_for_a_minute() {
    let mut bench = Bench::connected();
    let lose = |bench: &mut Bench| {
        bench.queue.disconnect(Some("closed"), &mut bench.finished);
        bench.queue.connect(TERMS);
    };
    for (topic, class) in [("rejected", DeliveryClass::Advisory), ("state/1", DeliveryClass::Latest)] {
        bench.accept(topic, class);
        assert_eq!(bench.send(), [topic]);
        bench.refuse(1);
        lose(&mut bench);
        bench.accept(topic, class);
        assert_eq!(bench.send(), [""; 0], "{topic}");
    }
    for _ in 0..3 {
        bench.accept("score", DeliveryClass::Passing);
        assert_eq!(bench.send().last().map(String::as_str), Some("score"));
        lose(&mut bench);
    }
    bench.accept("score", DeliveryClass::Passing);
    assert_eq!(
        bench.send(),
        ["state/1"],
        "what was refused is offered, since the last ends were for the scores"
    );
    bench.refuse(1);
    bench.queue.steady();
    bench.queue.minute(&mut bench.finished);
    bench.accept("rejected", DeliveryClass::Advisory);
    bench.accept("score", DeliveryClass::Passing);
    assert_eq!(bench.send(), ["state/1", "rejected"]);
    (2..=3).for_each(|pkid| bench.answer(pkid, PubackAnswer::Accepted));
    assert_eq!(bench.send(), ["score"]);
}
