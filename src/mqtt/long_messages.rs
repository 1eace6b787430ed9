//! Long messages, and many of one topic at once, wait until the others have been handed over: what one client sends holds
//! up nobody else.
//!
//! Topics take turns, and within a topic the order is kept: a short message waits behind a long one of its topic. What waits
//! has not been looked at and is not acknowledged. Where too much waits, the newest of a topic that floods is rejected; where
//! none does, nothing more is read for a moment.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::ingest::{ConnectionProgress, Message};

/// A payload of more bytes is long: some twenty readings with everything in them.
const LONG: usize = 8 * 1024;
/// So many messages of one topic in a row are as good as a long one.
const RUN: u32 = 16;
/// How many bytes have their turn before others are looked at; the last message may exceed it.
const TURN: usize = 64 * 1024;
/// What a message costs beside its payload, in bytes.
const AROUND_A_PAYLOAD: usize = 256;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Bytes; the last message may exceed it.
    bytes: usize,
    /// Messages: three quarters of what may be unacknowledged.
    messages: usize,
    /// A topic of which more waits floods: more than a device measures once a second in eight hours.
    topic_bytes: usize,
    topic_messages: usize,
}

const BOUNDS: Bounds =
    Bounds { bytes: 128 << 20, messages: 3 << 14, topic_bytes: 12 << 20, topic_messages: 8 * 3600 };

/// How long it is not said that all was heard up to a moment because something of before waits. Timers must run.
const HELD_BACK: Duration = Duration::from_secs(1);

/// What becomes of a message.
pub(super) enum Taken {
    /// It is to be handed over now.
    Now(Message),
    Waits,
    /// It waits, and this one waits no more: it is one too many of its topic.
    TooMuch(Message),
}

/// What of one topic waits.
#[derive(Default)]
struct TopicQueue {
    messages: VecDeque<Message>,
    bytes: usize,
}

/// What waits.
pub(super) struct LongMessages {
    bounds: Bounds,
    topics: HashMap<String, TopicQueue>,
    /// Topics in the order of their turns.
    order: VecDeque<String>,
    /// Topics of which too much waits.
    flooding: HashSet<String>,
    bytes: usize,
    messages: usize,
    /// The topic of the last message, and how many of it came in a row.
    last: String,
    run: u32,
    /// How many messages that came together wait.
    of_burst: u64,
    /// What is to be said of what was heard, and since when.
    progress: VecDeque<(Instant, ConnectionProgress, u64)>,
}

impl Default for LongMessages {
    fn default() -> Self {
        Self::bounded(BOUNDS)
    }
}

impl LongMessages {
    fn bounded(bounds: Bounds) -> Self {
        Self {
            bounds,
            topics: HashMap::new(),
            order: VecDeque::new(),
            flooding: HashSet::new(),
            bytes: 0,
            messages: 0,
            last: String::new(),
            run: 0,
            of_burst: 0,
            progress: VecDeque::new(),
        }
    }

    /// What comes from now on did not come with what came before.
    pub fn begin_burst(&mut self) {
        (self.run, self.of_burst) = (0, 0);
    }

    /// How many of those that came together wait: they are no work yet.
    pub fn of_burst(&self) -> u64 {
        self.of_burst
    }

    /// Takes a message: it waits where it is long, one of many, or behind another of its topic.
    pub fn take(&mut self, message: Message) -> Taken {
        self.run = if self.last == message.topic { self.run + 1 } else { 0 };
        if self.run == 0 {
            self.last.clone_from(&message.topic);
        }
        let waits = message.payload.len() > LONG
            || self.run >= RUN
            || !self.topics.is_empty() && self.topics.contains_key(&message.topic);
        if !waits {
            return Taken::Now(message);
        }
        self.push(message);
        match self.exceeds() {
            true => self.one_too_many().map_or(Taken::Waits, Taken::TooMuch),
            false => Taken::Waits,
        }
    }

    fn push(&mut self, message: Message) {
        // It is no work yet: what is under way is to be counted without it.
        message.receipt.wait();
        let size = size(&message);
        (self.bytes, self.messages) = (self.bytes + size, self.messages + 1);
        self.of_burst += 1;
        let queue = self.topics.entry(message.topic.clone()).or_default();
        if queue.messages.is_empty() {
            self.order.push_back(message.topic.clone());
        }
        queue.bytes += size;
        let floods =
            queue.bytes > self.bounds.topic_bytes || queue.messages.len() >= self.bounds.topic_messages;
        if floods && !self.flooding.contains(&message.topic) {
            self.flooding.insert(message.topic.clone());
        }
        queue.messages.push_back(message);
    }

    fn exceeds(&self) -> bool {
        self.bytes > self.bounds.bytes || self.messages > self.bounds.messages
    }

    /// The newest of a topic that floods, where one does.
    fn one_too_many(&mut self) -> Option<Message> {
        let (topics, bounds) = (&self.topics, self.bounds);
        // A topic is judged anew when it is looked at: meanwhile it may have had its turns.
        self.flooding.retain(|topic| {
            topics.get(topic).is_some_and(|queue| {
                // What is alone is no flood.
                let messages = queue.messages.len();
                messages > 1 && (queue.bytes > bounds.topic_bytes || messages > bounds.topic_messages)
            })
        });
        let topic = self.flooding.iter().max_by_key(|topic| self.topics[*topic].bytes)?.clone();
        self.take_from(&topic, VecDeque::pop_back)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether no more may wait, and nobody floods: then nothing more is to be read.
    pub fn is_full(&self) -> bool {
        self.flooding.is_empty() && (self.bytes >= self.bounds.bytes || self.messages >= self.bounds.messages)
    }

    /// Hands over what has its turn now: at least one message, as long as there `is_room` for more.
    pub fn give_turn(&mut self, is_room: impl Fn() -> bool, mut take: impl FnMut(Message)) {
        let mut given = 0;
        while given < TURN
            && is_room()
            && let Some(message) = self.next()
        {
            given += size(&message);
            message.receipt.go_on();
            take(message);
        }
    }

    fn next(&mut self) -> Option<Message> {
        let topic = self.order.pop_front()?;
        let message = self.take_from(&topic, VecDeque::pop_front)?;
        if self.topics.contains_key(&topic) {
            self.order.push_back(topic);
        } else {
            self.flooding.remove(&topic);
        }
        Some(message)
    }

    fn take_from(
        &mut self,
        topic: &str,
        take: impl FnOnce(&mut VecDeque<Message>) -> Option<Message>,
    ) -> Option<Message> {
        let queue = self.topics.get_mut(topic)?;
        let message = take(&mut queue.messages)?;
        let size = size(&message);
        queue.bytes -= size;
        if queue.messages.is_empty() {
            self.topics.remove(topic);
        }
        (self.bytes, self.messages) = (self.bytes - size, self.messages - 1);
        Some(message)
    }

    /// Everything up to some moment has come: that is to be said once what waits of it has been handed over.
    pub fn hold_back(&mut self, progress: ConnectionProgress, probe: u64, now: Instant) {
        self.progress.push_back((now, progress, probe));
    }

    /// What may be said by now of what was heard, with the number of its probe.
    pub fn said_by(&mut self, now: Instant) -> Option<(ConnectionProgress, u64)> {
        let is_due = |(since, _, _): &(Instant, _, _)| now.saturating_duration_since(*since) >= HELD_BACK;
        let due = self.is_empty() || self.progress.front().is_some_and(is_due);
        let (_, progress, probe) = due.then(|| self.progress.pop_front()).flatten()?;
        Some((progress, probe))
    }
}

fn size(message: &Message) -> usize {
    message.payload.len() + AROUND_A_PAYLOAD
}

impl Drop for LongMessages {
    /// The connection is over, and nothing of it is acknowledged any more: all of it comes again.
    fn drop(&mut self) {
        for message in self.topics.drain().flat_map(|(_, queue)| queue.messages) {
            message.receipt.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wardwatch_actors::receipt::Receipt;

    use super::*;

    fn message(topic: &str, size: usize) -> Message {
        let payload = Bytes::from(vec![b'x'; size]);
        let receipt = Receipt::none();
        Message { topic: topic.to_owned(), payload, size, retain: false, duplicate: false, receipt }
    }

    impl LongMessages {
        /// Whether it waits.
        fn waits(&mut self, topic: &str, size: usize) -> bool {
            !matches!(self.take(message(topic, size)), Taken::Now(_))
        }

        /// What has the next turn, as topic and bytes.
        fn turn(&mut self) -> Vec<(String, usize)> {
            let mut given = Vec::new();
            self.give_turn(|| true, |message| given.push((message.topic, message.size)));
            given
        }
    }

    #[test]
    fn short_messages_pass_long_ones_by_but_for_those_of_the_same_topic() {
        let mut waiting = LongMessages::default();
        assert!(!waiting.waits("a", LONG));
        assert!(waiting.waits("a", LONG + 1));
        assert!(!waiting.waits("b", 10));
        assert!(waiting.waits("a", 10));
        assert_eq!(waiting.turn(), [("a".to_owned(), LONG + 1), ("a".to_owned(), 10)]);
        assert!(waiting.is_empty() && waiting.bytes == 0 && waiting.messages == 0);
        assert!(!waiting.waits("a", 10));
    }

    #[test]
    fn many_of_one_topic_that_come_together_wait_and_one_at_a_time_none_does() {
        let mut waiting = LongMessages::default();
        let waits: Vec<_> = (0..20).map(|_| waiting.waits("a", 10)).collect();
        assert_eq!(waits.iter().position(|waits| *waits), Some(16));
        assert!(!waiting.waits("b", 10));
        waiting.turn();
        for _ in 0..100 {
            waiting.begin_burst();
            assert!(!waiting.waits("a", 10));
        }
    }

    #[test]
    fn topics_take_turns_and_a_turn_is_short() {
        let mut waiting = LongMessages::default();
        assert!([TURN, TURN - 1000, 20_000].into_iter().all(|size| waiting.waits("a", size)));
        assert!(waiting.waits("b", 9_000));
        assert_eq!(waiting.turn(), [("a".to_owned(), TURN)]);
        assert_eq!(waiting.turn(), [("b".to_owned(), 9_000), ("a".to_owned(), TURN - 1000)]);
        waiting.give_turn(|| false, |_| panic!("there is no room"));
        assert_eq!(waiting.turn(), [("a".to_owned(), 20_000)]);
    }

    fn of_at_most(bytes: usize, topic_bytes: usize) -> LongMessages {
        LongMessages::bounded(Bounds { bytes, topic_bytes, ..BOUNDS })
    }

    #[test]
    fn where_too_much_waits_and_nobody_floods_no_more_is_read() {
        let mut waiting = of_at_most(100_000, 60_000);
        for topic in ["a", "b", "c", "d"] {
            assert!(!waiting.is_full(), "{topic}");
            assert!(matches!(waiting.take(message(topic, 30_000)), Taken::Waits));
        }
        assert!(waiting.is_full());
        waiting.turn();
        assert!(!waiting.is_full());
    }

    #[test]
    fn where_too_much_waits_the_newest_of_a_topic_that_floods_is_rejected() {
        let mut waiting = of_at_most(100_000, 30_000);
        assert!(waiting.waits("b", 20_000));
        let mut rejected = 0;
        for size in 10_000..10_020 {
            match waiting.take(message("a", size)) {
                Taken::TooMuch(of) => {
                    assert_eq!((&*of.topic, of.size), ("a", size));
                    rejected += 1;
                }
                _ => assert_eq!(rejected, 0),
            }
            assert!(!waiting.is_full() && waiting.bytes <= 100_000);
        }
        assert_eq!(rejected, 13);
    }

    #[test]
    fn that_all_was_heard_is_said_once_nothing_of_before_waits_or_after_a_second() {
        let start = Instant::now();
        let mut waiting = LongMessages::default();
        assert!(waiting.waits("a", LONG + 1));
        waiting.hold_back(ConnectionProgress::Drained, 1, start);
        waiting.hold_back(ConnectionProgress::Drained, 2, start + HELD_BACK / 2);
        assert_eq!(waiting.said_by(start + HELD_BACK / 2), None);
        assert_eq!(waiting.said_by(start + HELD_BACK).map(|(_, probe)| probe), Some(1));
        assert_eq!(waiting.said_by(start + HELD_BACK), None);
        waiting.turn();
        assert_eq!(waiting.said_by(start + HELD_BACK).map(|(_, probe)| probe), Some(2));
    }
}
