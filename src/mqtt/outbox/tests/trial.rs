//! Where the broker cuts the connection at each rejection, as Mosquitto 2.0.11 does with `max_queued_messages 0`.

use PublisherConnection::Trial;

use super::*;

const TERMS: BrokerTerms = BrokerTerms { window: 100, max_packet: 1000 };

/// A publisher of two connections.
struct Publishing {
    queue: OutboxQueue,
    finished: Finished,
    numbers: u64,
}

impl Publishing {
    /// At a broker that has taken `ward/taken` and rejected `ward/denied`, for which it cut the connection.
    fn warned() -> Self {
        let mut publishing =
            Self { queue: OutboxQueue::new(1000), finished: Finished::default(), numbers: 0 };
        publishing.queue.connect(Main, TERMS);
        publishing.change("ward/taken");
        publishing.change("closed/denied");
        assert_eq!(publishing.send(Main), ["ward/taken", "closed/denied"]);
        publishing.take(Main, 1);
        publishing.reject(Main, 2);
        assert!(publishing.cut(Main));
        publishing.queue.connect(Main, TERMS);
        assert_eq!(publishing.send(Main), [""; 0], "what was rejected is not offered at once");
        publishing.queue.connect(Trial, TERMS);
        publishing
    }

    fn publish(&mut self, topic: &str, class: DeliveryClass, alert: Option<u64>) {
        self.numbers += 1;
        let announcement = Announcement { topic: topic.to_owned(), payload: Bytes::new() };
        let mut outgoing = Outgoing::new(announcement, class);
        (outgoing.number, outgoing.alert) =
            (Some(self.numbers), alert.map(|alert| Uuid::from_u128(alert.into())));
        self.queue.accept(outgoing, &mut self.finished);
    }

    /// Of an alert of its own.
    fn change(&mut self, topic: &str) {
        self.publish(topic, DeliveryClass::Change(High), Some(1000 + self.numbers));
    }

    fn send(&mut self, connection: PublisherConnection) -> Vec<String> {
        let topic = |publish: Publish| String::from_utf8_lossy(&publish.topic).into_owned();
        let next = || self.queue.hand_over(connection, true, &mut self.finished).map(topic);
        std::iter::from_fn(next).collect()
    }

    fn take(&mut self, connection: PublisherConnection, pkid: u16) {
        self.queue.answered(connection, pkid, PubackAnswer::Accepted, &mut self.finished);
    }

    fn reject(&mut self, connection: PublisherConnection, pkid: u16) {
        let rejected = PubackAnswer::Rejected("not authorized".to_owned());
        self.queue.answered(connection, pkid, rejected, &mut self.finished);
    }

    /// The broker ends the connection; whether that is explained.
    fn cut(&mut self, connection: PublisherConnection) -> bool {
        self.queue.disconnect(connection, Some("closed"), &mut self.finished)
    }
}

#[test]
fn what_the_broker_may_reject_never_goes_where_it_could_cost_others_the_connection() {
    let mut publishing = Publishing::warned();
    (0..3).for_each(|_| publishing.change("closed/denied"));
    publishing.change("ward/new");
    publishing.change("ward/taken");
    assert_eq!(publishing.send(Main), ["ward/taken"]);
    let tried = publishing.send(Trial);
    assert_eq!(tried, ["ward/new", "closed/denied", "closed/denied", "closed/denied"], "the doubtful last");
    publishing.take(Trial, 1);
    publishing.reject(Trial, 2);
    assert!(publishing.cut(Trial));
    publishing.queue.connect(Trial, TERMS);
    assert_eq!(publishing.send(Trial), ["closed/denied"; 2]);
    publishing.change("ward/new");
    assert_eq!(publishing.send(Main), ["ward/new"], "it was taken");
}

#[test]
fn changes_of_an_alert_that_is_tried_wait_behind_it_and_its_receipts_wait_on() {
    let mut publishing = Publishing::warned();
    (0..2).for_each(|_| publishing.publish("ward/new", DeliveryClass::Change(High), Some(7)));
    assert_eq!(publishing.send(Main), [""; 0]);
    assert_eq!(publishing.send(Trial), ["ward/new"]);
    assert_eq!((publishing.queue.pending(), publishing.queue.rejected()), (2, 1));
    publishing.take(Trial, 1);
    assert_eq!(publishing.send(Trial), ["ward/new"]);
    publishing.take(Trial, 2);
    assert_eq!((publishing.queue.pending(), publishing.queue.rejected()), (0, 1));
}

#[test]
fn once_a_minute_one_of_each_unit_is_offered_and_all_of_a_unit_that_is_taken_again() {
    let mut publishing = Publishing::warned();
    publishing.change("closed/other");
    publishing.change("shut/denied");
    publishing.send(Main);
    for _ in 0..2 {
        assert!(!publishing.send(Trial).is_empty());
        publishing.reject(Trial, 1);
        publishing.cut(Trial);
        publishing.queue.connect(Trial, TERMS);
    }
    assert_eq!((publishing.send(Trial), publishing.queue.rejected()), (vec![], 3));
    publishing.queue.minute(&mut publishing.finished);
    assert_eq!(publishing.send(Trial), ["closed/denied", "shut/denied"]);
    publishing.take(Trial, 1);
    publishing.reject(Trial, 2);
    assert_eq!(publishing.send(Trial), ["closed/other"]);
    publishing.take(Trial, 3);
    assert_eq!(publishing.queue.rejected(), 1);
}

#[test]
fn a_state_that_is_denied_is_tried_once_a_minute_and_others_go_out_meanwhile() {
    let mut publishing = Publishing::warned();
    for topic in ["state/closed/1", "state/ward/1"] {
        publishing.publish(topic, DeliveryClass::Latest, None);
    }
    assert_eq!(publishing.send(Main), [""; 0]);
    assert_eq!(publishing.send(Trial), ["state/closed/1", "state/ward/1"]);
    publishing.take(Trial, 2);
    publishing.reject(Trial, 1);
    publishing.cut(Trial);
    publishing.queue.connect(Trial, TERMS);
    for topic in ["state/closed/1", "state/ward/1"] {
        publishing.publish(topic, DeliveryClass::Latest, None);
    }
    assert_eq!((publishing.send(Main), publishing.send(Trial)), (vec!["state/ward/1".to_owned()], vec![]));
    publishing.queue.minute(&mut publishing.finished);
    assert_eq!(publishing.send(Trial).last().map(String::as_str), Some("state/closed/1"));
}

#[test]
fn what_is_taken_all_along_says_nothing_of_others_of_its_family() {
    let mut publishing = Publishing::warned();
    for topic in ["state/ward/1", "state/ward/2"] {
        publishing.publish(topic, DeliveryClass::Latest, None);
    }
    assert_eq!((publishing.send(Main), publishing.send(Trial).len()), (vec![], 2));
    publishing.take(Trial, 2);
    publishing.reject(Trial, 1);
    publishing.cut(Trial);
    publishing.queue.connect(Trial, TERMS);
    for pkid in 1..4 {
        publishing.publish("state/ward/2", DeliveryClass::Latest, None);
        assert_eq!(publishing.send(Main), ["state/ward/2"]);
        publishing.take(Main, pkid);
        assert_eq!(publishing.send(Trial), [""; 0], "before the minute is over");
    }
    publishing.queue.minute(&mut publishing.finished);
    assert!(publishing.send(Trial).contains(&"state/ward/1".to_owned()));
}

#[test]
fn where_nothing_can_be_tried_apart_it_goes_with_all_else() {
    let mut publishing = Publishing::warned();
    publishing.cut(Trial);
    publishing.change("ward/new");
    assert_eq!((publishing.send(Main), publishing.queue.wants_trial()), (vec![], true));
    publishing.queue.try_with_the_others();
    assert!(publishing.send(Main).contains(&"ward/new".to_owned()));
}

#[test]
fn rejections_and_scores_that_cost_connections_are_kept_back_for_a_minute() {
    let mut publishing = Publishing::warned();
    let again = |publishing: &mut Publishing| {
        publishing.cut(Trial);
        publishing.queue.connect(Trial, TERMS);
    };
    publishing.publish("rejected", DeliveryClass::Advisory, None);
    publishing.send(Main);
    assert_eq!(publishing.send(Trial), ["rejected"]);
    publishing.reject(Trial, 1);
    again(&mut publishing);
    for _ in 0..3 {
        publishing.publish("score", DeliveryClass::Passing, None);
        assert_eq!((publishing.send(Main), publishing.send(Trial)), (vec![], vec!["score".to_owned()]));
        again(&mut publishing);
    }
    let both = [("rejected", DeliveryClass::Advisory), ("score", DeliveryClass::Passing)];
    both.into_iter().for_each(|(topic, class)| publishing.publish(topic, class, None));
    assert_eq!((publishing.send(Main), publishing.send(Trial)), (vec![], vec![]));
    publishing.queue.minute(&mut publishing.finished);
    both.into_iter().for_each(|(topic, class)| publishing.publish(topic, class, None));
    publishing.send(Main);
    publishing.queue.steady(Trial);
    assert!(publishing.send(Trial).ends_with(&["rejected".to_owned(), "score".to_owned()]));
}

#[test]
fn a_connection_that_is_lost_for_another_reason_may_be_another_broker() {
    let mut publishing = Publishing::warned();
    publishing.queue.disconnect(Main, None, &mut publishing.finished);
    publishing.queue.connect(Main, TERMS);
    publishing.change("ward/new");
    assert_eq!(publishing.send(Main), ["ward/new", "closed/denied"]);
}

#[test]
fn what_waits_to_be_tried_is_bounded_like_the_outbox() {
    let mut publishing = Publishing::warned();
    for n in 0..1500 {
        publishing.change(&format!("ward/new-{n}"));
        publishing.send(Main);
    }
    assert_eq!(publishing.queue.pending() + publishing.queue.rejected(), 1000);
    (0..5000).for_each(|n| publishing.publish(&format!("state/{n}"), DeliveryClass::Latest, None));
    assert_eq!(publishing.send(Main), [""; 0]);
    assert!(publishing.queue.rejected.offers() <= 1200);
}
