//! What is refused, told in measure: above ten a second from one topic, one message with the count.

use std::collections::HashMap;

use wardwatch_actors::clock::Uptime;

use super::payload::rejected::RejectedMessage;

/// How many refusals of one topic are told singly in one second, and of all topics.
const SINGLY: u64 = 10;
const SINGLY_IN_ALL: u64 = 1000;

/// How many topics are watched at once; beyond, the further ones share one measure.
const MOST_TOPICS: usize = 1000;

/// The topic under which refusals are counted when too many topics have some.
const OVERFLOW: &str = "";

/// The measure of each topic, for the second that runs.
#[derive(Debug, Default)]
pub struct Rejections {
    second: i64,
    /// How many were told singly in it.
    told: u64,
    topics: HashMap<String, Measure>,
    /// Topics in the order of their first refusal, so that the end of a second is told in that order.
    order: Vec<String>,
}

#[derive(Debug, Default)]
struct Measure {
    told: u64,
    /// The last one that was not told, with the count of all of them.
    untold: Option<RejectedMessage>,
}

impl Rejections {
    /// Takes a refusal; answers what is to be told now.
    pub fn take(&mut self, message: RejectedMessage, now: Uptime) -> Vec<RejectedMessage> {
        let mut tell = self.turn(now);
        let key = match self.topics.len() < MOST_TOPICS || self.topics.contains_key(&message.topic) {
            true => message.topic.as_str(),
            false => OVERFLOW,
        };
        if !self.topics.contains_key(key) {
            self.order.push(key.to_owned());
            self.topics.insert(key.to_owned(), Measure::default());
        }
        let Some(measure) = self.topics.get_mut(key) else { return tell };
        if measure.told < SINGLY && self.told < SINGLY_IN_ALL {
            measure.told += 1;
            self.told += 1;
            tell.push(message);
        } else {
            let before = measure.untold.as_ref().map_or(0, |untold| untold.count);
            measure.untold = Some(RejectedMessage { count: before + message.count, ..message });
        }
        tell
    }

    /// The clock went on: answers what the second that is over leaves to be told.
    pub fn turn(&mut self, now: Uptime) -> Vec<RejectedMessage> {
        let second = now.as_ms().div_euclid(1000);
        if second == self.second {
            return Vec::new();
        }
        self.second = second;
        self.told = 0;
        self.flush()
    }

    /// Everything that is left to be told.
    pub fn flush(&mut self) -> Vec<RejectedMessage> {
        let mut topics = std::mem::take(&mut self.topics);
        let order = std::mem::take(&mut self.order);
        order.iter().filter_map(|topic| topics.remove(topic)?.untold).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardwatch_actors::clock::Timestamp;

    fn refused(topic: &str) -> RejectedMessage {
        RejectedMessage::new(Timestamp::from_unix_ms(0), topic, "x".into(), None, b"y")
    }

    #[test]
    fn the_first_ten_of_a_second_are_told_singly_and_the_rest_as_one_with_their_count() {
        let mut rejections = Rejections::default();
        let told: usize = (0..25).map(|ms| rejections.take(refused("a"), Uptime::from_ms(ms)).len()).sum();
        assert_eq!(told, 10);
        assert_eq!(
            rejections.take(refused("b"), Uptime::from_ms(30)).len(),
            1,
            "another topic has its own measure"
        );
        let rest = rejections.turn(Uptime::from_ms(1000));
        assert_eq!(rest.iter().map(|r| (r.topic.as_str(), r.count)).collect::<Vec<_>>(), [("a", 15)]);
        assert_eq!(rejections.take(refused("a"), Uptime::from_ms(1001)).len(), 1);
    }

    #[test]
    fn topics_without_end_share_one_measure_and_what_is_told_in_a_second_is_bounded() {
        let mut rejections = Rejections::default();
        let topics = (0..100_000).map(|n| format!("t{n}"));
        let told: usize = topics.map(|topic| rejections.take(refused(&topic), Uptime::START).len()).sum();
        assert_eq!(told as u64, SINGLY_IN_ALL);
        assert_eq!(rejections.topics.len(), MOST_TOPICS + 1);
        let rest = rejections.turn(Uptime::from_ms(1000));
        assert_eq!(rest.iter().map(|r| r.count).sum::<u64>(), 99_000);
        assert_eq!(rejections.take(refused("a"), Uptime::from_ms(1001)).len(), 1);
    }
}
