//! A patient with a record of whom nothing is heard: a monitor that was never plugged in, or a wrong name.
//!
//! It speaks where no other silence does: once a device is known to send often, its own silence is the alert instead.

use serde::{Deserialize, Serialize};

use super::MissingCheck;
use super::devices::Watched;
use super::vitals::leader;
use crate::alerts::Cause;
use crate::analyzers::View;
use crate::clock::{Span, Uptime};
use crate::conditions::{Condition, Priority};
use crate::devices::rhythm::{Rhythm, SHORTEST_SILENCE};
use crate::settings::Watch;
use crate::vitals::Vital;

/// How long a patient's own alert waits for the word that it is one alert about the unit.
const UNIT_FIRST: Span = Span::from_secs(1);

/// Why the alerts of single patients end once there is one about their unit.
const ONE_ALERT: &str = "one alert about the unit";

/// What is remembered of whether a patient is heard at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// Since when the record asks for the devices that it asks for; none without a record.
    pub since: Option<Uptime>,
    /// That nothing is heard, and how soon someone must come, as the last verdict found it.
    pub found: Option<Priority>,
    /// Whether that is one alert about the unit; said anew after a restart.
    #[serde(skip)]
    pub with_unit: bool,
}

/// For how long nothing has been heard of a patient, and what that means.
struct Nothing {
    heard: Option<Uptime>,
    /// From when it counts.
    from: Uptime,
    span: Span,
    /// As what it is under way already, be it as an alert or for the unit, with nothing heard since.
    known: Option<Priority>,
}

impl MissingCheck<'_> {
    /// Judges whether anything is heard of the patient at all.
    pub(super) fn patient(&mut self, watched: &[Watched<'_>]) {
        let Some(nothing) = self.nothing(watched) else { return };
        let Nothing { from, span, known, .. } = nothing;
        let lasted = self.view.now.uptime.since(from);
        if lasted >= span {
            let reached = self.unheard_priority(from, span);
            self.found.unheard = known.max(Some(reached));
        } else {
            self.found.recheck(from + span);
            self.found.unheard = known;
        }
        if let Some(priority) = self.found.unheard {
            self.say_unheard(priority, &nothing, watched);
        }
    }

    /// Of whom nothing is heard, from when it counts and after how long; nothing where another silence is the alert.
    fn nothing(&self, watched: &[Watched<'_>]) -> Option<Nothing> {
        let view = self.view;
        let since = view.unheard.since?;
        let span = self.unheard_after(watched)?;
        let heard = last_heard(view, watched);
        let from = view.counts_from(heard.map_or(since, |heard| heard.max(since)), span);
        let open = view.under_way(&Condition::PatientUnheard).and_then(|under_way| under_way.priority);
        let nothing_since = heard.is_none_or(|heard| heard < from) || view.now.uptime.since(from) >= span;
        let known = view.unheard.found.max(open).filter(|_| nothing_since);
        Some(Nothing { heard, from, span, known })
    }

    /// Low; medium after five minutes more where the record names devices.
    fn unheard_priority(&mut self, from: Uptime, span: Span) -> Priority {
        if self.view.record.devices.as_ref().is_none_or(Vec::is_empty) {
            return Priority::Low;
        }
        let lasted = self.view.now.uptime.since(from);
        self.priority(lasted, span, from).unwrap_or(Priority::Low)
    }

    fn say_unheard(&mut self, priority: Priority, nothing: &Nothing, watched: &[Watched<'_>]) {
        let Nothing { heard, from, span, .. } = *nothing;
        let (view, condition) = (self.view, Condition::PatientUnheard);
        let since = heard.or(view.unheard.since).unwrap_or(from);
        let devices = view.record.devices.iter().flatten().cloned().collect();
        let cause = Cause::Unheard { since: view.now.wall_at(since), admitted: heard.is_none(), devices };
        let tracked = view.tracks(&condition);
        if view.unheard.with_unit {
            if tracked {
                self.find(condition, None, None, cause, Some(ONE_ALERT));
            }
        } else if tracked || self.may_begin(from, span, watched) {
            self.find(condition, Some(priority), Some(Priority::High), cause, None);
        }
    }

    /// Whether the patient's own alert may begin: the unit has had its turn, and no device has just said that it is
    /// there, or that it is gone, which is an alert of its own.
    fn may_begin(&mut self, from: Uptime, span: Span, watched: &[Watched<'_>]) -> bool {
        if watched.iter().any(|of| of.device.offline.is_some()) {
            return false;
        }
        let now = self.view.now.uptime;
        let known_before = self.view.unheard.found.is_some() && now.since(from) < span;
        let unit_had_its_turn =
            if known_before { self.view.listening_since } else { from + span } + UNIT_FIRST;
        let back = watched.iter().map(|of| of.device.back + SHORTEST_SILENCE).max();
        let begins = unit_had_its_turn.max(back.unwrap_or(unit_had_its_turn));
        if now < begins {
            self.found.recheck(begins);
        }
        now >= begins
    }

    /// After how long nothing counts: 10 min, or 12 h where only spot checks came; none where the silence of a device
    /// is an alert before.
    fn unheard_after(&self, watched: &[Watched<'_>]) -> Option<Span> {
        let (mut only_spot_checks, mut fixed, mut unknown) = (false, false, false);
        for of in watched {
            for (vital, rhythm) in of.device.rhythms() {
                match of.stream(vital) {
                    Some(_) if matches!(self.view.watches[vital.index()], Watch::ByRhythm) => return None,
                    Some(stream) if stream.span <= self.missing.unheard => return None,
                    Some(_) => fixed = true,
                    None if rhythm.is_spot_check() => only_spot_checks = true,
                    None => unknown |= !goes_with_fixed(vital, of),
                }
            }
        }
        match (unknown, fixed, only_spot_checks) {
            (false, true, _) => None,
            (false, false, true) => Some(self.missing.unheard_between_spot_checks()),
            _ => Some(self.missing.unheard),
        }
    }
}

/// Whether a vital comes with another of the same probe whose silence the site has fixed.
fn goes_with_fixed(vital: Vital, of: &Watched<'_>) -> bool {
    leader(vital).is_some_and(|leader| of.stream(leader).is_some())
}

/// When a value last came live, of any device whose readings are the patient's; nulls alone say nothing of the patient.
fn last_heard(view: &View, watched: &[Watched<'_>]) -> Option<Uptime> {
    let values = watched.iter().flat_map(|of| of.device.rhythms().map(|(_, rhythm)| Rhythm::heard(rhythm)));
    let held =
        [view.chart.consciousness.map(|held| held.measured), view.chart.oxygen.map(|held| held.measured)];
    values.chain(held.into_iter().flatten()).max()
}
