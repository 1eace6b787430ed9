//! What is so of one condition: its three priorities, moved by findings and by timers.

use serde::{Deserialize, Serialize};

use crate::alerts::finding::{Finding, Timing};
use crate::alerts::life_cycle::Moment;
use crate::alerts::place::{Place, Since, Verdict};
use crate::alerts::standing::Onset;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::Priority;

/// How long the next reading may be late before a timer decides in its place.
pub(super) const GRACE: Span = Span::from_secs(1);

/// What ends by itself when no reading ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The delay of this priority is over: it has been reached all the time, as far as was heard.
    Rise(Priority),
    /// The clear delay of this priority is over: it has not been held all the time, as far as was heard.
    Fall(Priority),
}

/// The three priorities of one condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Level {
    places: [Place; 3],
    /// Whose timers wait for the next measured value.
    #[serde(default)]
    held: [bool; 3],
}

impl Level {
    pub const fn new(places: [Place; 3]) -> Self {
        Self { places, held: [false; 3] }
    }

    /// The priority of what is so.
    pub fn priority(&self) -> Option<Priority> {
        self.so().last()
    }

    /// The priorities that are so.
    fn so(&self) -> impl DoubleEndedIterator<Item = Priority> {
        let places = Priority::ALERTING.into_iter().zip(&self.places);
        places.filter(|(_, place)| place.is_so()).map(|(priority, _)| priority)
    }

    /// Each priority with where it stands.
    pub fn places(&self) -> impl Iterator<Item = (Priority, &Place)> {
        Priority::ALERTING.into_iter().zip(&self.places)
    }

    /// With what it began: the first that is reached, or so.
    pub fn onset(&self) -> Option<&Since> {
        self.places.iter().filter_map(Place::since).min_by_key(|since| since.measured)
    }

    /// Since when this priority has been reached.
    pub fn since(&self, priority: Priority) -> Option<&Since> {
        self.places().find(|(of, _)| *of == priority).and_then(|(_, place)| place.since())
    }

    /// Whether nothing is under way.
    pub fn is_out(&self) -> bool {
        self.places.iter().all(|place| *place == Place::Out)
    }

    /// Whether a fall or the end is held back by its clear delay.
    pub fn is_falling(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Falling(..)))
    }

    /// Where each priority stands, without values and times.
    pub fn stage(&self) -> [u8; 3] {
        self.places.each_ref().map(|place| match place {
            Place::Out => 0,
            Place::Rising(_) => 1,
            Place::In(_) => 2,
            Place::Falling(..) => 3,
        })
    }

    /// Takes what was found; `None` says that the rule found nothing of it.
    pub fn judge(&mut self, finding: Option<&Finding>, timing: &Timing, moment: &Moment) {
        let (at, measured) = finding.map_or((moment.at, moment.measured), |found| (found.at, found.measured));
        let verdicts = Priority::ALERTING.map(|priority| Verdict::of(finding, priority, moment));
        for (index, verdict) in verdicts.into_iter().enumerate() {
            let begins = || Since {
                at,
                measured,
                reading: finding.and_then(|found| found.reading.clone()),
                deadline: moment.now.uptime + timing.delay[index] + GRACE,
                backlog: false,
            };
            let ends = || Since {
                at: moment.at,
                measured: moment.measured,
                reading: None,
                deadline: moment.now.uptime + timing.clear_delay + GRACE,
                backlog: false,
            };
            let place = std::mem::take(&mut self.places[index]);
            self.places[index] = place.after(verdict, begins, ends);
            self.held[index] = verdict == Verdict::Unknown;
        }
        self.order_falls();
        let reached = |index: &usize| verdicts[*index] == Verdict::Reached;
        if let Some(index) =
            (0..3).rev().filter(reached).find(|index| self.is_risen(*index, timing, measured))
        {
            self.rise(index, timing, measured);
        }
        for (index, verdict) in verdicts.into_iter().enumerate() {
            if verdict == Verdict::Neither {
                self.fall(index, timing, moment.measured);
            }
        }
    }

    /// Whoever does not hold the lower does not hold the higher, though readings may come late.
    fn order_falls(&mut self) {
        let mut lower: Option<Since> = None;
        for place in &mut self.places {
            let Place::Falling(_, end) = place else { continue };
            if let Some(lower) = lower.filter(|lower| lower.measured < end.measured) {
                *end = lower;
            }
            lower = Some(end.clone());
        }
    }

    /// Whether the delay of this priority is over at `at`.
    fn is_risen(&self, index: usize, timing: &Timing, at: Uptime) -> bool {
        let Place::Rising(since) = &self.places[index] else { return false };
        at.since(since.measured) >= timing.delay[index]
    }

    /// It is so at `end`, and with it what is lower; an alert may open with the highest that was reached lately.
    fn rise(&mut self, index: usize, timing: &Timing, end: Uptime) {
        let index = match timing.opens_by.filter(|_| self.priority().is_none()) {
            Some(last) => {
                let reached_lately = |higher: &usize| match &self.places[*higher] {
                    Place::Rising(since) => end.since(since.measured) >= last.min(timing.delay[*higher]),
                    Place::Out | Place::In(_) | Place::Falling(..) => false,
                };
                (index..3).rev().find(reached_lately).unwrap_or(index)
            }
            None => index,
        };
        let Some(risen) = self.places[index].since().cloned() else { return };
        for place in &mut self.places[..=index] {
            *place = Place::In(place.since().unwrap_or(&risen).clone());
        }
    }

    /// It is not so any more, if its clear delay is over at `at`.
    fn fall(&mut self, index: usize, timing: &Timing, at: Uptime) {
        if let Place::Falling(_, end) = &self.places[index]
            && at.since(end.measured) >= timing.clear_delay
        {
            self.places[index] = Place::Out;
        }
    }

    /// The first timer; of those due at the same time, that of the highest priority.
    fn first_timer(&self) -> Option<(Uptime, usize, Timer)> {
        let running = self.places.iter().enumerate().filter_map(|(index, place)| {
            let priority = Priority::ALERTING[index];
            let timer = match place {
                Place::Rising(_) => Timer::Rise(priority),
                Place::Falling(..) => Timer::Fall(priority),
                Place::Out | Place::In(_) => return None,
            };
            Some((place.running()?.deadline, index, timer)).filter(|_| !self.held[index])
        });
        running.min_by_key(|(deadline, index, _)| (*deadline, std::cmp::Reverse(*index)))
    }

    /// When the next delay ends by itself.
    pub fn deadline(&self) -> Option<Uptime> {
        self.first_timer().map(|(deadline, _, _)| deadline)
    }

    /// When the delay of each priority ends on the uptime clock, where one runs.
    pub fn delays(&self) -> [Option<Uptime>; 3] {
        self.places.each_ref().map(|place| match place {
            Place::Rising(since) => Some(since.deadline - GRACE),
            Place::Out | Place::In(_) | Place::Falling(..) => None,
        })
    }

    /// The first delay ends by itself; answers its end on both clocks.
    pub fn run_out(&mut self, timing: &Timing) -> Option<(Timestamp, Uptime)> {
        let (_, index, timer) = self.first_timer()?;
        let Since { at, measured, .. } = *self.places[index].running()?;
        match timer {
            Timer::Rise(_) => {
                self.rise(index, timing, measured + timing.delay[index]);
                Some((at + timing.delay[index], measured + timing.delay[index]))
            }
            Timer::Fall(_) => {
                let end = measured + timing.clear_delay;
                (0..3).for_each(|index| self.fall(index, timing, end));
                // Its timer is over, whatever times a damaged memory says.
                self.places[index] = Place::Out;
                Some((at + timing.clear_delay, end))
            }
        }
    }

    /// Newer values are known than those it rests on: what the next verdict does not hold is over at once.
    pub fn defer_to_verdict(&mut self, now: Now) {
        let long_ago = Uptime::from_ms(i64::MIN / 4);
        for place in &mut self.places {
            *place = match std::mem::take(place) {
                Place::In(since) | Place::Falling(since, _) => {
                    let deadline = now.uptime + GRACE;
                    let (at, measured, reading, backlog) = (now.wall, long_ago, None, false);
                    Place::Falling(since, Since { at, measured, reading, deadline, backlog })
                }
                Place::Out | Place::Rising(_) => Place::Out,
            };
        }
    }

    /// Another timing holds from now on: what runs ends sooner or later by the difference.
    pub fn retime(&mut self, before: &Timing, timing: &Timing) {
        for (index, place) in self.places.iter_mut().enumerate() {
            match place {
                Place::Rising(since) => {
                    since.deadline = since.deadline + (timing.delay[index] - before.delay[index]);
                }
                Place::Falling(_, end) => {
                    end.deadline = end.deadline + (timing.clear_delay - before.clear_delay);
                }
                Place::Out | Place::In(_) => {}
            }
        }
    }

    /// Gives up every timer that is due: what was rising has yet to begin, what was falling stays.
    pub fn drop_timers(&mut self, due: Uptime) {
        for place in &mut self.places {
            if place.running().is_none_or(|running| running.deadline > due) {
                continue;
            }
            *place = match std::mem::take(place) {
                Place::Falling(since, _) => Place::In(since),
                Place::Out | Place::Rising(_) | Place::In(_) => Place::Out,
            };
        }
    }

    /// Moves what was noted on the uptime clock by `by`: the clock that counts uptime started anew.
    pub fn shift(&mut self, by: Span) {
        let move_by = |since: &mut Since| {
            (since.measured, since.deadline) = (since.measured + by, since.deadline + by);
        };
        for place in &mut self.places {
            match place {
                Place::Out => {}
                Place::Rising(since) | Place::In(since) => move_by(since),
                Place::Falling(since, end) => [since, end].into_iter().for_each(move_by),
            }
        }
    }

    /// What is rising here, and is so on another track, is so here.
    pub fn rise_with(&mut self, track: &Self) {
        for (place, known) in self.places.iter_mut().zip(&track.places) {
            if let Place::Rising(since) = place
                && known.is_so()
            {
                *place = Place::In(since.clone());
            }
        }
    }

    /// What a kept track found still so: its delays begin where they began there. What is so already stays as it is.
    pub fn take_over(&mut self, onsets: &[Option<Onset>; 3], timing: &Timing, now: Now) {
        for (index, onset) in onsets.iter().enumerate() {
            let Some(onset) = onset else { continue };
            let left = (onset.measured + timing.delay[index]).since(now.uptime).max(Span::ZERO);
            let since = Since {
                at: onset.at,
                measured: onset.measured,
                reading: onset.reading.clone(),
                deadline: now.uptime + left + GRACE,
                backlog: true,
            };
            let place = &mut self.places[index];
            match place {
                Place::Out => *place = Place::Rising(since),
                Place::Rising(live) if onset.measured < live.measured => *place = Place::Rising(since),
                Place::Rising(_) | Place::In(_) | Place::Falling(..) => {}
            }
        }
    }
}
