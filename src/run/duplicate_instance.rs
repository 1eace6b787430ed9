//! Knows another instance of our own name by its heartbeat, and what only pretends to be one.

use wardwatch_actors::clock::{Span, Timestamp, Uptime};

use super::setup::Setup;
use crate::contract::payload::system::Status;

/// How long after our session was lost a heartbeat shows why.
const WITHIN: Span = Span::from_secs(30);
/// How often at most we say again who is here.
const AGAIN_AFTER: Span = Span::from_secs(1);

/// Knows another instance of our own name.
///
/// Brokers older than Mosquitto 2.0.15 end the session of the first of two clients without a word; without this, two
/// instances would end each other's sessions for ever. The older one ends. A message alone never ends anybody: the
/// broker must have ended a working session of ours, and taken the next one at once, shortly before.
pub struct DuplicateInstance {
    pub topic: String,
    pub instance: String,
    started: Timestamp,
    session: Session,
    /// When a session was last taken from us.
    taken: Option<Uptime>,
    said_again: Option<Uptime>,
}

/// How the ingest's session is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    Never,
    Working,
    /// Ended since then, and not tried again yet.
    Ended(Uptime),
    /// The broker cannot be reached either: it is that, and no other instance.
    Unreachable,
}

/// What a message on our own topic means.
#[derive(Debug, PartialEq, Eq)]
pub enum OwnTopic {
    /// Our own heartbeat came back.
    Ours,
    /// A newer instance has our sessions.
    TakenOver,
    /// Something else stands on our topic: we say again that we are here.
    SayAgain,
    /// The same, and whoever sent it had no business there.
    Foreign { say_again: bool },
}

impl DuplicateInstance {
    /// Knows others of our own name.
    pub fn of(setup: &Setup) -> Self {
        Self::new(setup.topics.system(setup.instance()), setup.instance(), setup.started)
    }

    fn new(topic: String, instance: &str, started: Timestamp) -> Self {
        let (session, taken, said_again) = (Session::Never, None, None);
        Self { topic, instance: instance.to_owned(), started, session, taken, said_again }
    }

    /// There is a session.
    pub fn connected(&mut self) {
        if let Session::Ended(at) = self.session {
            self.taken = Some(at);
        }
        self.session = Session::Working;
    }

    /// The session ended, or another try for one failed.
    pub fn lost(&mut self, now: Uptime) {
        self.session = match self.session {
            Session::Working => Session::Ended(now),
            Session::Never | Session::Ended(_) | Session::Unreachable => Session::Unreachable,
        };
    }

    /// Something came on our own topic.
    pub fn hear(&mut self, message: &[u8], retain: bool, now: Uptime) -> OwnTopic {
        #[derive(serde::Deserialize)]
        struct HeardHeartbeat {
            instance: String,
            started: Timestamp,
            status: Status,
        }
        let heard = serde_json::from_slice::<HeardHeartbeat>(message)
            .ok()
            .filter(|heard| heard.instance == self.instance);
        let Some(heard) = heard else { return OwnTopic::Foreign { say_again: self.may_say_again(now) } };
        let here = heard.status != Status::Offline;
        if heard.started == self.started && here {
            return OwnTopic::Ours;
        }
        // The last will: ours, or that of one whose name we took over. What is retained may be of any age.
        if !here || retain || heard.started <= self.started {
            return if self.may_say_again(now) { OwnTopic::SayAgain } else { OwnTopic::Ours };
        }
        match self.taken.is_some_and(|taken| now.since(taken) <= WITHIN) {
            true => OwnTopic::TakenOver,
            false => OwnTopic::Foreign { say_again: self.may_say_again(now) },
        }
    }

    fn may_say_again(&mut self, now: Uptime) -> bool {
        let may = self.said_again.is_none_or(|last| now.since(last) >= AGAIN_AFTER);
        if may {
            self.said_again = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: bool = false;
    const RETAINED: bool = true;

    fn second(second: i64) -> Uptime {
        Uptime::START + Span::from_secs(second)
    }

    fn instance() -> DuplicateInstance {
        let started = "2026-11-22T06:00:00Z".parse().unwrap();
        let mut instance = DuplicateInstance::new("wardwatch/system/ward".to_owned(), "ward", started);
        instance.connected();
        instance
    }

    fn heartbeat(instance: &str, minute: u32, status: &str) -> Vec<u8> {
        format!(
            r#"{{"instance":"{instance}","started":"2026-11-22T06:{minute:02}:00Z","status":"{status}"}}"#
        )
        .into_bytes()
    }

    #[test]
    fn a_message_alone_never_ends_anybody() {
        let newer = heartbeat("ward", 5, "online");
        for (message, retain, meant) in [
            (&newer, LIVE, OwnTopic::Foreign { say_again: true }),
            (&newer, RETAINED, OwnTopic::SayAgain),
            (&heartbeat("other", 5, "online"), LIVE, OwnTopic::Foreign { say_again: true }),
            (&heartbeat("ward", 5, "offline"), LIVE, OwnTopic::SayAgain),
            (&heartbeat("ward", 0, "offline"), LIVE, OwnTopic::SayAgain),
            (&heartbeat("ward", 0, "online"), LIVE, OwnTopic::Ours),
            (&b"{}".to_vec(), LIVE, OwnTopic::Foreign { say_again: true }),
            (&Vec::new(), RETAINED, OwnTopic::Foreign { say_again: true }),
        ] {
            assert_eq!(instance().hear(message, retain, second(1)), meant, "{message:?}");
        }
    }

    #[test]
    fn a_newer_instance_that_has_taken_our_session_ends_us() {
        let mut older = instance();
        older.lost(second(10));
        older.connected();
        assert_eq!(older.hear(&heartbeat("ward", 5, "online"), RETAINED, second(11)), OwnTopic::SayAgain);
        assert_eq!(older.hear(&heartbeat("ward", 5, "degraded"), LIVE, second(11)), OwnTopic::TakenOver);
        let other = heartbeat("other", 5, "online");
        assert!(matches!(older.hear(&other, LIVE, second(11)), OwnTopic::Foreign { .. }));
        let long_ago = older.hear(&heartbeat("ward", 5, "online"), LIVE, second(41));
        assert_eq!(long_ago, OwnTopic::Foreign { say_again: true });
    }

    #[test]
    fn a_broker_that_could_not_be_reached_in_between_has_restarted_and_nobody_took_our_session() {
        let mut service = instance();
        service.lost(second(10));
        service.lost(second(11));
        service.connected();
        let forged = service.hear(&heartbeat("ward", 5, "online"), LIVE, second(12));
        assert_eq!(forged, OwnTopic::Foreign { say_again: true });
    }

    #[test]
    fn a_flood_of_forgeries_makes_us_say_once_a_second_that_we_are_here() {
        let mut service = instance();
        let forged = heartbeat("ward", 5, "online");
        let again = (0..3000).filter(|ms| {
            let now = Uptime::from_ms(*ms);
            service.hear(&forged, LIVE, now) == OwnTopic::Foreign { say_again: true }
        });
        assert_eq!(again.count(), 3);
    }
}
