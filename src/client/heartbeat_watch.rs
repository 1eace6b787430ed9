//! Whether WardWatch is heard: its heartbeat, its last will, and the connection by which both come.

use wardwatch_actors::clock::{Span, Uptime};

use crate::contract::payload::system::Status;

/// A heartbeat comes every 10 s: three that are missing are one that has stopped.
const SILENT_AFTER: Span = Span::from_secs(30);
/// How often it is said again that nobody watches.
const SAID_EVERY: Span = Span::from_secs(10);

/// Why nobody may rely on what is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchLoss {
    /// No connection to the broker.
    Disconnected,
    /// It said that it is gone, or its last will did.
    Offline,
    /// Its heartbeat has stopped.
    Silent,
}

/// What there is to say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchNews {
    /// Nobody watches, for so long already.
    Lost(WatchLoss, Span),
    /// It is heard again.
    Back,
}

/// Watches the heartbeat of one instance. It knows no clock: whoever asks says how late it is.
#[derive(Debug, Clone)]
pub struct HeartbeatWatch {
    connected: bool,
    offline: bool,
    /// When it was last heard, or when listening began.
    heard: Uptime,
    /// Since when nobody watches, and when that was last said.
    lost: Option<(Uptime, Uptime)>,
}

impl HeartbeatWatch {
    /// Listening begins.
    pub fn new(now: Uptime) -> Self {
        Self { connected: false, offline: false, heard: now, lost: None }
    }

    /// The connection to the broker is there, or gone.
    pub fn connected(&mut self, connected: bool, now: Uptime) -> Option<WatchNews> {
        self.connected = connected;
        self.judge(now)
    }

    /// A heartbeat came; one that the broker kept says only where it is offline how things are.
    pub fn beat(&mut self, status: Status, kept: bool, now: Uptime) -> Option<WatchNews> {
        self.offline = status == Status::Offline;
        if !kept && !self.offline {
            self.heard = now;
        }
        self.judge(now)
    }

    /// So late is it.
    pub fn judge(&mut self, now: Uptime) -> Option<WatchNews> {
        let silence = match (self.connected, self.offline) {
            (false, _) => Some(WatchLoss::Disconnected),
            (true, true) => Some(WatchLoss::Offline),
            (true, false) => (now.since(self.heard) > SILENT_AFTER).then_some(WatchLoss::Silent),
        };
        // A connection that has just begun, or a short loss of it, is nobody's silence yet.
        let silence = silence.filter(|silence| match silence {
            WatchLoss::Disconnected => now.since(self.heard) > SAID_EVERY,
            WatchLoss::Offline | WatchLoss::Silent => true,
        });
        let Some(silence) = silence else { return self.lost.take().map(|_| WatchNews::Back) };
        let (since, said) = self.lost.unwrap_or((self.heard, now - SAID_EVERY));
        if now.since(said) < SAID_EVERY {
            return None;
        }
        self.lost = Some((since, now));
        Some(WatchNews::Lost(silence, now.since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Uptime {
        Uptime::from_ms(seconds * 1000)
    }

    fn connected() -> HeartbeatWatch {
        let mut watch = HeartbeatWatch::new(at(0));
        assert_eq!(watch.connected(true, at(0)), None);
        watch
    }

    #[test]
    fn a_heartbeat_that_stops_is_said_after_thirty_seconds_and_every_ten_from_then_on() {
        let mut watch = connected();
        assert_eq!(watch.beat(Status::Online, false, at(5)), None);
        let said: Vec<_> = (6..=60).filter(|second| watch.judge(at(*second)).is_some()).collect();
        assert_eq!(said, [36, 46, 56]);
        assert_eq!(watch.judge(at(66)), Some(WatchNews::Lost(WatchLoss::Silent, Span::from_secs(61))));
        assert_eq!(watch.beat(Status::Degraded, false, at(67)), Some(WatchNews::Back));
        assert_eq!(watch.judge(at(90)), None);
    }

    #[test]
    fn a_last_will_is_said_at_once_and_what_the_broker_kept_is_no_sign_of_life() {
        let mut watch = connected();
        assert_eq!(watch.beat(Status::Online, true, at(1)), None);
        assert!(matches!(
            watch.beat(Status::Offline, false, at(2)),
            Some(WatchNews::Lost(WatchLoss::Offline, _))
        ));
        assert_eq!(watch.beat(Status::Online, false, at(3)), Some(WatchNews::Back));
        assert!(watch.beat(Status::Offline, true, at(4)).is_some(), "nobody watches, whenever that was said");
        let mut watch = connected();
        assert_eq!(watch.beat(Status::Online, true, at(25)), None);
        assert_eq!(watch.judge(at(31)), Some(WatchNews::Lost(WatchLoss::Silent, Span::from_secs(31))));
    }

    #[test]
    fn a_lost_connection_is_said_unless_it_is_back_at_once() {
        let mut watch = connected();
        assert_eq!(watch.beat(Status::Online, false, at(20)), None);
        assert_eq!(watch.connected(false, at(21)), None);
        assert_eq!(watch.connected(true, at(23)), None);
        assert_eq!(watch.connected(false, at(24)), None);
        assert_eq!(watch.judge(at(30)), None);
        assert_eq!(watch.judge(at(31)), Some(WatchNews::Lost(WatchLoss::Disconnected, Span::from_secs(11))));
        assert_eq!(watch.connected(true, at(33)), Some(WatchNews::Back));
    }
}
