//! Whether our own clock is suspect: what flaps is one device's fault, and no news of ours.

use crate::clock::{Now, Span, Timestamp, Uptime};

/// For how long most devices must have agreed with our clock again.
const RIGHT_FOR: Span = Span::from_secs(60);

/// Whether most devices are off in the same direction, and for how long.
#[derive(Debug, Default)]
pub(super) struct OwnClock {
    /// Since when they are, without a break.
    off: Option<Now>,
    /// When they last were no more, until that has lasted.
    over: Option<Uptime>,
    /// Whether they were for long enough to say so, and have not been right for long enough since.
    wrong: bool,
}

impl OwnClock {
    /// An earlier run found it wrong.
    pub fn adopt(&mut self) {
        self.wrong = true;
    }

    /// Notes whether most devices are off now.
    pub fn note(&mut self, off: bool, now: Now) {
        if off {
            self.off.get_or_insert(now);
        } else if self.off.take().is_some() || (self.wrong && self.over.is_none()) {
            self.over = Some(now.uptime);
        }
    }

    /// When its verdict changes unless something else is noted.
    pub fn deadline(&self, catch_up: Span) -> Option<Uptime> {
        match self.off {
            Some(since) => (!self.wrong || self.over.is_some()).then_some(since.uptime + catch_up),
            None => Some(self.over? + RIGHT_FOR),
        }
    }

    /// Changes the verdict where its time has come; whether it did.
    pub fn run_out(&mut self, due: Uptime, catch_up: Span) -> bool {
        let is_due = self.deadline(catch_up).is_some_and(|deadline| deadline <= due);
        if is_due {
            (self.wrong, self.over) = (self.off.is_some(), None);
        }
        is_due
    }

    /// Whether it is wrong.
    pub fn is_wrong(&self) -> bool {
        self.wrong
    }

    /// Since when most devices are off.
    pub fn off_since(&self) -> Option<Timestamp> {
        self.off.map(|since| since.wall)
    }

    /// Whether no device is to be blamed: it is wrong, or most devices are off for the first time in a minute, and
    /// time will show.
    pub fn is_suspect(&self) -> bool {
        self.wrong || (self.off.is_some() && self.over.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATCH_UP: Span = Span::from_secs(10);

    /// Notes each second whether most devices are off; answers the seconds at which it was found wrong, and those at
    /// which no device was blamed.
    fn judged(seconds: i64, off: impl Fn(i64) -> bool) -> [Vec<i64>; 2] {
        let mut clock = OwnClock::default();
        let mut judged = [Vec::new(), Vec::new()];
        for at in 0..seconds {
            let (uptime, wall) = (Uptime::from_ms(at * 1000), Timestamp::from_unix_ms(at * 1000));
            clock.note(off(at), Now { uptime, wall });
            clock.run_out(uptime, CATCH_UP);
            [clock.is_wrong(), clock.is_suspect()]
                .iter()
                .zip(&mut judged)
                .for_each(|(is, seconds)| is.then(|| seconds.push(at)).unwrap_or_default());
        }
        judged
    }

    /// Seen to fail with the verdict of the moment published.
    #[test]
    fn it_is_wrong_once_most_devices_were_off_for_ten_seconds_until_they_are_right_for_a_minute() {
        let [wrong, suspect] = judged(200, |at| (5..50).contains(&at) || at == 70);
        assert_eq!(wrong, (15..131).collect::<Vec<_>>());
        assert_eq!(suspect, (5..131).collect::<Vec<_>>(), "no device is blamed meanwhile");
    }

    /// Seen to fail with each new suspicion sparing the devices.
    #[test]
    fn devices_that_are_off_in_turn_say_nothing_of_our_clock_and_spare_nobody() {
        let [wrong, suspect] = judged(200, |at| at % 2 == 0);
        assert_eq!(wrong, [0; 0]);
        assert_eq!(suspect, [0]);
    }
}
