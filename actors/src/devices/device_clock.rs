//! Whose time a reading is judged by: the lag of one device's clock, and what is a backlog.

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::settings::AlertSettings;

/// How many lags are remembered; the smallest is the device's.
const LAGS: usize = 16;

/// The time of one reading, as it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub at: Timestamp,
    /// Older than may be alerted on at once: the device empties its buffer, or the network did.
    pub backlog: bool,
    /// Whether the device's backlog ended with this reading.
    pub backlog_ended: bool,
    /// By how much the times before this one were too early, where the clock is found to be behind only now.
    pub behind: Span,
}

/// A lag that may be explained by a backlog for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Suspicion {
    since: Uptime,
    lag: Span,
}

/// What the arrivals of one device's readings say of its clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClock {
    /// The newest last, at most 16.
    lags: Vec<Span>,
    suspicion: Option<Suspicion>,
    wrong: bool,
    in_backlog: bool,
    last: Option<(Timestamp, Option<u64>)>,
}

impl DeviceClock {
    /// Judges the time of a reading that is not a duplicate.
    pub fn judge(
        &mut self,
        sent: Option<Timestamp>,
        seq: Option<u64>,
        now: Now,
        rules: &AlertSettings,
    ) -> Judged {
        let Some(time) = sent else {
            return Judged {
                at: now.wall,
                backlog: false,
                backlog_ended: std::mem::take(&mut self.in_backlog),
                behind: Span::ZERO,
            };
        };
        let stepped_back = self.stepped_back(time, seq);
        let late = !stepped_back && self.last.is_some_and(|(newest, _)| time < newest);
        if !late {
            self.last = Some((time, seq));
        }
        let lag = now.wall.since(time);
        let old = lag > rules.live_within;
        // A backlog speaks for itself; what came before it says nothing of the lag while it lasts.
        let usual_is_live = self.lag() <= rules.live_within;
        let begins = old && !late && !self.wrong && !self.in_backlog && usual_is_live;
        if stepped_back || begins {
            self.lags.clear();
        }
        self.note(lag);
        let (was_right, unexplained) = (!self.wrong, self.weigh(now.uptime, rules));
        if unexplained || (stepped_back && self.lag().abs() > rules.clock_tolerance) {
            self.wrong = true;
        }
        let at = if self.wrong {
            time + self.lag()
        } else if lag.as_ms() < -rules.clock_tolerance.as_ms() {
            now.wall
        } else {
            time
        };
        if late && !self.wrong {
            return Judged { at, backlog: self.in_backlog, backlog_ended: false, behind: Span::ZERO };
        }
        let backlog = now.wall.since(at) > rules.live_within && !unexplained;
        let backlog_ended = self.in_backlog && !backlog;
        self.in_backlog = backlog;
        let found_behind = was_right && unexplained && !stepped_back;
        let behind = if found_behind { self.lag().max(Span::ZERO) } else { Span::ZERO };
        Judged { at, backlog, backlog_ended, behind }
    }

    /// Whether the time went back though the count went on: the clock was set.
    fn stepped_back(&self, time: Timestamp, seq: Option<u64>) -> bool {
        matches!((self.last, seq), (Some((last, Some(last_seq))), Some(seq)) if time < last && seq > last_seq)
    }

    fn note(&mut self, lag: Span) {
        if self.lags.len() == LAGS {
            self.lags.remove(0);
        }
        self.lags.push(lag);
    }

    /// Whether the lag has stayed beyond the tolerance without being explained by a backlog.
    fn weigh(&mut self, now: Uptime, rules: &AlertSettings) -> bool {
        let lag = self.lag();
        if lag.abs() <= rules.clock_tolerance {
            (self.suspicion, self.wrong) = (None, false);
            return false;
        }
        let suspicion = *self.suspicion.get_or_insert(Suspicion { since: now, lag });
        let passed = now.since(suspicion.since);
        if passed < rules.catch_up {
            return false;
        }
        if shrinking(suspicion.lag, lag, passed) {
            self.suspicion = Some(Suspicion { since: now, lag });
            return false;
        }
        true
    }

    /// A backlog's time is up: answers whether it ended without a live reading.
    pub fn backlog_due(&mut self, now: Uptime, rules: &AlertSettings) -> bool {
        if self.backlog_deadline(rules).is_none_or(|deadline| deadline > now) {
            return false;
        }
        let lag = self.lag();
        match self.suspicion {
            Some(suspicion) if shrinking(suspicion.lag, lag, now.since(suspicion.since)) => {
                self.suspicion = Some(Suspicion { since: now, lag });
                false
            }
            _ => {
                self.in_backlog = false;
                true
            }
        }
    }

    /// When a backlog ends that no longer shrinks.
    pub fn backlog_deadline(&self, rules: &AlertSettings) -> Option<Uptime> {
        self.suspicion.filter(|_| self.in_backlog).map(|suspicion| suspicion.since + rules.catch_up)
    }

    /// Whether readings of a backlog are coming in.
    pub fn in_backlog(&self) -> bool {
        self.in_backlog
    }

    /// The smallest of the last lags; positive: behind ours.
    pub fn lag(&self) -> Span {
        self.lags.iter().min().copied().unwrap_or(Span::ZERO)
    }

    /// By how much the clock is wrong, if it is.
    pub fn off_by(&self) -> Option<Span> {
        self.wrong.then(|| self.lag())
    }

    /// The sign of a lag beyond the tolerance, known before the clock is called wrong.
    ///
    /// A device that is behind may be sending what it kept through an outage, as all others then do:
    /// it is skewed once that has lasted for half of `catch_up` without the lag shrinking.
    pub fn skew(&self, now: Uptime, rules: &AlertSettings) -> Option<Skew> {
        let suspicion = self.suspicion.filter(|_| !self.in_backlog || self.wrong)?;
        let (lag, passed) = (self.lag(), now.since(suspicion.since));
        if lag <= Span::ZERO {
            return Some(Skew::Ahead);
        }
        let explained = passed.as_ms() * 2 < rules.catch_up.as_ms() || shrinking(suspicion.lag, lag, passed);
        (self.wrong || !explained).then_some(Skew::Behind)
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.since = suspicion.since + by;
        }
    }
}

/// In which direction a clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Skew {
    Behind,
    Ahead,
}

/// Whether a lag shrank by at least half of the time that passed.
fn shrinking(before: Span, now: Span, passed: Span) -> bool {
    (before.abs() - now.abs()).as_ms() * 2 >= passed.as_ms()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    /// Judges (arrival, time sent, seq) in seconds; answers (judged, backlog) in the same seconds.
    fn judged(readings: &[(i64, i64, u64)]) -> (DeviceClock, Vec<(i64, bool)>) {
        let mut clock = DeviceClock::default();
        let rules = AlertSettings::default();
        let moment = |s: i64| Timestamp::from_unix_ms(START + s * 1000);
        let judged = readings.iter().map(|(arrival, sent, seq)| {
            let now = Now { uptime: Uptime::from_ms(arrival * 1000), wall: moment(*arrival) };
            let judged = clock.judge(Some(moment(*sent)), Some(*seq), now, &rules);
            ((judged.at.unix_ms() - START) / 1000, judged.backlog)
        });
        let judged = judged.collect();
        (clock, judged)
    }

    #[test]
    fn a_right_clock_is_judged_by_itself() {
        let (clock, judged) = judged(&[(0, 0, 1), (1, 0, 2), (2, 2, 3)]);
        assert_eq!(judged, [(0, false), (0, false), (2, false)]);
        assert_eq!(clock.off_by(), None);
    }

    #[test]
    fn a_clock_a_minute_behind_is_called_wrong_after_10_s_and_then_corrected() {
        let readings: Vec<_> = (0..15).map(|s| (s, s - 60, s as u64)).collect();
        let (clock, judged) = judged(&readings);
        assert_eq!(judged[..10], (0..10).map(|s| (s - 60, true)).collect::<Vec<_>>());
        assert_eq!(judged[10..], (10..15).map(|s| (s, false)).collect::<Vec<_>>());
        assert_eq!(clock.off_by(), Some(Span::from_secs(60)));
    }

    #[test]
    fn a_time_in_the_future_is_replaced_by_the_arrival_until_the_clock_is_known_to_be_wrong() {
        let readings: Vec<_> = (0..12).map(|s| (s, s + 3600, s as u64)).collect();
        let (clock, judged) = judged(&readings);
        assert_eq!(judged, (0..12).map(|s| (s, false)).collect::<Vec<_>>());
        assert_eq!(clock.off_by(), Some(Span::from_secs(-3600)));
    }

    #[test]
    fn a_backlog_that_drains_is_a_backlog_and_no_wrong_clock() {
        // Twenty live readings, 100 s of silence, then everything since at four readings a second.
        let mut readings: Vec<_> = (0..20).map(|s| (s, s, s as u64)).collect();
        readings.extend((0..130).map(|n| (120 + n / 4, 20 + n, 20 + n as u64)));
        let (clock, judged) = judged(&readings);
        assert_eq!(clock.off_by(), None);
        assert!(judged[20].1 && judged[60].1, "while it drains");
        assert!(!judged[149].1, "once it is live again");
        assert!(judged.iter().zip(&readings).all(|((at, _), (_, sent, _))| at == sent));
    }

    #[test]
    fn a_clock_that_is_set_back_while_the_count_goes_on_is_wrong_at_once() {
        let (clock, judged) = judged(&[(0, 0, 1), (1, 1, 2), (2, -5000, 3), (3, -4999, 4)]);
        assert_eq!(judged, [(0, false), (1, false), (2, false), (3, false)]);
        assert_eq!(clock.off_by(), Some(Span::from_secs(5002)));
    }

    #[test]
    fn a_clock_that_is_put_right_is_right() {
        let mut readings: Vec<_> = (0..20).map(|s| (s, s + 60, s as u64)).collect();
        readings.push((20, 20, 20));
        let (clock, judged) = judged(&readings);
        assert_eq!(judged[20], (20, false));
        assert_eq!(clock.off_by(), None);
    }

    #[test]
    fn a_backlog_that_begins_just_beyond_what_is_live_ends_by_itself_too() {
        let mut readings: Vec<_> = (0..20).map(|s| (s + 2, s, s as u64)).collect();
        readings.push((51, 20, 20));
        let (mut clock, judged) = judged(&readings);
        assert_eq!(judged[20], (20, true));
        let rules = AlertSettings::default();
        assert_eq!(clock.backlog_deadline(&rules), Some(Uptime::from_ms(61_000)));
        assert!(clock.backlog_due(Uptime::from_ms(61_000), &rules));
    }

    #[test]
    fn a_device_that_sends_what_it_kept_for_twenty_seconds_is_skewed_in_no_direction() {
        let rules = AlertSettings::default();
        let live: Vec<_> = (0..20).map(|s| (s, s, s as u64)).collect();
        for kept in 1..=20 {
            let burst = (0..kept).map(|n| (40, 20 + n, 20 + n as u64));
            let (clock, _) = judged(&live.iter().copied().chain(burst).collect::<Vec<_>>());
            assert_eq!(clock.skew(Uptime::from_ms(40_000), &rules), None, "{kept} readings");
        }
        let behind: Vec<_> = (0..8).map(|s| (s, s - 20, s as u64)).collect();
        let skew =
            |readings: &[_], second: i64| judged(readings).0.skew(Uptime::from_ms(second * 1000), &rules);
        assert_eq!(skew(&behind[..5], 4), None);
        assert_eq!(skew(&behind[..6], 5), Some(Skew::Behind));
        assert_eq!(skew(&[(0, 20, 0)], 0), Some(Skew::Ahead));
    }

    #[test]
    fn one_late_reading_changes_nothing() {
        let mut readings: Vec<_> = (0..20).map(|s| (s, s, s as u64)).collect();
        readings.extend([(99, 99, 99), (100, 5, 5), (101, 101, 101)]);
        let (clock, judged) = judged(&readings);
        assert_eq!((judged[21], judged[22]), ((5, false), (101, false)));
        assert_eq!(clock.off_by(), None);
    }
}
