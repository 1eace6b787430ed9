//! Which topics the broker is known to take, and which it may reject, where a rejection costs the connection.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

/// How many topics are remembered as taken; beyond, all are forgotten, and are tried apart once more.
const MOST_PROVEN: usize = 200_000;
/// How many families of topics are remembered as rejected; further ones are tried as any other.
const MOST_DOUBTED: usize = 1000;

/// What is known of topics.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// The broker has cut a connection for a rejection: what it may reject is tried on a connection of its own.
    pub cautious: bool,
    proven: HashSet<u64>,
    hasher: RandomState,
    doubted: BTreeSet<String>,
}

impl Trust {
    /// The broker has taken a message of this topic; whether its family was in doubt, of which only one that was itself
    /// offered for a trial says something.
    pub fn accepted(&mut self, topic: &str, was_offered: bool) -> bool {
        if self.proven.len() >= MOST_PROVEN {
            self.proven.clear();
        }
        self.proven.insert(self.hasher.hash_one(topic));
        was_offered && self.doubted.remove(family(topic))
    }

    /// The broker has rejected a message of this topic.
    pub fn rejected(&mut self, topic: &str) {
        // What was taken before is not any more: the access list has changed, and every topic is to show itself anew.
        if self.is_proven(topic) {
            self.proven.clear();
        }
        if self.doubted.len() < MOST_DOUBTED {
            self.doubted.insert(family(topic).to_owned());
        }
    }

    fn is_proven(&self, topic: &str) -> bool {
        self.proven.contains(&self.hasher.hash_one(topic))
    }

    /// Whether this topic is to be tried apart.
    pub fn is_to_be_tried(&self, topic: &str) -> bool {
        self.cautious && !self.is_proven(topic)
    }

    /// Whether the last that was said of this topic's family is a rejection: others are tried before it.
    pub fn is_doubted(&self, topic: &str) -> bool {
        self.cautious && self.doubted.contains(family(topic))
    }
}

/// What an access list is likely to treat alike: the patients of a unit, say.
pub(super) fn family(topic: &str) -> &str {
    topic.rsplit_once('/').map_or(topic, |(family, _)| family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_tried_apart_until_it_was_taken_and_doubt_is_about_its_family() {
        let mut trust = Trust::default();
        assert!(!trust.is_to_be_tried("alerts/high/icu-1/p-1"), "nothing was cut yet");
        trust.accepted("alerts/high/icu-1/p-1", true);
        trust.rejected("alerts/high/icu-2/p-1");
        trust.cautious = true;
        assert!(!trust.is_to_be_tried("alerts/high/icu-1/p-1"));
        assert!(trust.is_to_be_tried("alerts/high/icu-1/p-2") && !trust.is_doubted("alerts/high/icu-1/p-2"));
        assert!(trust.is_to_be_tried("alerts/high/icu-2/p-2") && trust.is_doubted("alerts/high/icu-2/p-2"));
        assert!(trust.accepted("alerts/high/icu-2/p-2", true));
        assert!(!trust.is_doubted("alerts/high/icu-2/p-3"));
        trust.rejected("alerts/high/icu-1/p-1");
        assert!(trust.is_to_be_tried("alerts/high/icu-2/p-2"), "another access list holds");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut trust = Trust::default();
        for n in 0..=MOST_PROVEN {
            trust.accepted(&format!("a/{n}"), true);
        }
        (0..2 * MOST_DOUBTED).for_each(|n| trust.rejected(&format!("{n}/a")));
        assert!(trust.proven.len() <= MOST_PROVEN && trust.doubted.len() <= MOST_DOUBTED);
    }
}
