//! What is rejected, published in measure: above ten a second from one topic, one message with the count.

use std::collections::HashMap;

use wardwatch_actors::clock::Uptime;

use super::payload::rejected::RejectedMessage;

/// How many rejections of one topic are published singly in one second, and of all topics.
const SINGLY: u64 = 10;
const SINGLY_IN_ALL: u64 = 1000;

/// How many topics are watched at once; beyond, the further ones share one measure.
const MOST_TOPICS: usize = 1000;

/// The topic under which rejections are counted when too many topics have some.
const OVERFLOW: &str = "";

/// The measure of each topic, for the second that runs.
#[derive(Debug, Default)]
pub struct Rejections {
    second: i64,
    /// How many were published singly in it.
    published: u64,
    topics: HashMap<String, Measure>,
    /// Topics in the order of their first rejection, so that the end of a second is published in that order.
    order: Vec<String>,
}

#[derive(Debug, Default)]
struct Measure {
    published: u64,
    /// The last one that was not published, with the count of all of them.
    held_back: Option<RejectedMessage>,
}

impl Rejections {
    /// Takes a rejection; answers what is to be published now.
    pub fn take(&mut self, message: RejectedMessage, now: Uptime) -> Vec<RejectedMessage> {
        let mut publish = self.turn(now);
        let key = match self.topics.len() < MOST_TOPICS || self.topics.contains_key(&message.topic) {
            true => message.topic.as_str(),
            false => OVERFLOW,
        };
        if !self.topics.contains_key(key) {
            self.order.push(key.to_owned());
            self.topics.insert(key.to_owned(), Measure::default());
        }
        let Some(measure) = self.topics.get_mut(key) else { return publish };
        if measure.published < SINGLY && self.published < SINGLY_IN_ALL {
            measure.published += 1;
            self.published += 1;
            publish.push(message);
        } else {
            let before = measure.held_back.as_ref().map_or(0, |held_back| held_back.count);
            measure.held_back = Some(RejectedMessage { count: before + message.count, ..message });
        }
        publish
    }

    /// The clock went on: answers what the second that is over leaves to be published.
    pub fn turn(&mut self, now: Uptime) -> Vec<RejectedMessage> {
        let second = now.as_ms().div_euclid(1000);
        if second == self.second {
            return Vec::new();
        }
        self.second = second;
        self.published = 0;
        self.flush()
    }

    /// Everything that is left to be published.
    pub fn flush(&mut self) -> Vec<RejectedMessage> {
        let mut topics = std::mem::take(&mut self.topics);
        let order = std::mem::take(&mut self.order);
        order.iter().filter_map(|topic| topics.remove(topic)?.held_back).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardwatch_actors::clock::Timestamp;

    fn rejected(topic: &str) -> RejectedMessage {
        RejectedMessage::new(Timestamp::from_unix_ms(0), topic, "x".into(), None, b"y")
    }

    #[test]
    fn the_first_ten_of_a_second_are_published_singly_and_the_rest_as_one_with_their_count() {
        let mut rejections = Rejections::default();
        let published: usize =
            (0..25).map(|ms| rejections.take(rejected("a"), Uptime::from_ms(ms)).len()).sum();
        assert_eq!(published, 10);
        assert_eq!(
            rejections.take(rejected("b"), Uptime::from_ms(30)).len(),
            1,
            "another topic has its own measure"
        );
        let rest = rejections.turn(Uptime::from_ms(1000));
        assert_eq!(rest.iter().map(|r| (r.topic.as_str(), r.count)).collect::<Vec<_>>(), [("a", 15)]);
        assert_eq!(rejections.take(rejected("a"), Uptime::from_ms(1001)).len(), 1);
    }

    #[test]
    fn topics_without_end_share_one_measure_and_what_is_published_in_a_second_is_bounded() {
        let mut rejections = Rejections::default();
        let topics = (0..100_000).map(|n| format!("t{n}"));
        let published: usize =
            topics.map(|topic| rejections.take(rejected(&topic), Uptime::START).len()).sum();
        assert_eq!(published as u64, SINGLY_IN_ALL);
        assert_eq!(rejections.topics.len(), MOST_TOPICS + 1);
        let rest = rejections.turn(Uptime::from_ms(1000));
        assert_eq!(rest.iter().map(|r| r.count).sum::<u64>(), 99_000);
        assert_eq!(rejections.take(rejected("a"), Uptime::from_ms(1001)).len(), 1);
    }
}
