//! What one device keeps bringing from the past, from the first kept reading until none has come for a while.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alerts::{AlertSet, Passed};
use crate::chart::Chart;
use crate::clock::{Span, Uptime};
use crate::conditions::Condition;
use crate::devices::former::FormerStay;
use crate::devices::kept::{KeptReading, KeptReadings};
use crate::people::DeviceId;
use crate::vitals::{Reading, Vital};

/// The kept track: what is judged here is never published.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Track {
    pub chart: Arc<Chart>,
    pub alerts: AlertSet,
}

/// The kept readings of one device, and what they are judged with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Drain {
    pub device: DeviceId,
    /// What was known of the patient when the first of them came, and which conditions were so.
    known: Arc<Chart>,
    open: Vec<Condition>,
    /// What was so then, with its delays. It goes on on the kept track where all that is kept is newer than what was known.
    #[serde(default)]
    begun: AlertSet,
    /// Whether something live has decided since: what was so then has gone on, and is not ended by what was kept.
    #[serde(default)]
    decided: bool,
    pub waiting: KeptReadings,
    /// What was measured in it waits for what its clock turns out to be, and for nothing else.
    #[serde(default, skip_serializing_if = "FormerStay::is_none")]
    former: FormerStay,
    /// How many of them have been charted for the live track.
    charted: usize,
    /// How many waited when they were last judged.
    judged: usize,
    /// The oldest, which go first since too many waited, and what came of those that are gone.
    leaving: KeptReadings,
    gone: Track,
    /// From when on the time counts after which it is over: the last kept reading, and what could be heard.
    counts_from: Uptime,
}

impl Drain {
    /// Begins with the first kept reading.
    pub fn new(device: DeviceId, known: &Arc<Chart>, alerts: &AlertSet, former: FormerStay) -> Self {
        let mut chart = Chart::default();
        (chart.consciousness, chart.oxygen) = (known.consciousness, known.oxygen);
        Self {
            device,
            known: Arc::clone(known),
            open: alerts.published().map(|change| change.condition.clone()).collect(),
            begun: alerts.of_patient(),
            decided: false,
            waiting: KeptReadings::default(),
            former,
            charted: 0,
            judged: 0,
            leaving: KeptReadings::default(),
            gone: Track { chart: Arc::new(chart), alerts: AlertSet::default() },
            counts_from: Uptime::START,
        }
    }

    /// Takes a kept reading; whether too many wait, so that the oldest go.
    pub fn keep(&mut self, kept: KeptReading) -> bool {
        self.counts_from = kept.arrival;
        let oldest = self.waiting.push(kept);
        if !oldest.is_empty() {
            (self.charted, self.judged) = (0, 0);
            oldest.into_iter().for_each(|oldest| drop(self.leaving.push(oldest)));
        }
        !self.leaving.is_empty()
    }

    /// What has not been charted for the live track yet, of the oldest too.
    pub fn uncharted(&mut self) -> Vec<KeptReading> {
        let gone = readings_of(&self.gone.chart).into_iter().filter(|_| self.charted == 0);
        let uncharted = gone.chain(self.waiting.from(self.charted).cloned()).collect();
        self.charted = self.waiting.len();
        uncharted
    }

    /// Whether readings wait of which the live track does not know what they say.
    pub fn is_unjudged(&self) -> bool {
        self.judged < self.waiting.len() && self.of_this_stay().next().is_some()
    }

    /// What waits, but for what was measured in a former stay.
    pub fn of_this_stay(&self) -> impl Iterator<Item = &KeptReading> {
        self.waiting.iter().filter(|kept| !kept.is_of(self.former))
    }

    /// Everything is to be judged anew: it has been charted, and some of it was sent by another clock.
    pub fn note_retimed(&mut self) {
        (self.charted, self.judged) = (self.waiting.len(), 0);
    }

    /// What waits, and the last values that were live, in the order of their time; on what it is to be judged.
    pub fn in_order(&mut self, live: &Chart) -> (Track, Vec<KeptReading>) {
        self.judged = self.waiting.len();
        let mut readings = self.waiting.in_order();
        readings.retain(|kept| !kept.is_of(self.former));
        readings.extend(readings_of(&self.known));
        readings.extend(readings_of(live));
        readings.sort_by_key(|kept| kept.measured);
        readings.dedup();
        (self.start(self.begins()), readings)
    }

    /// On what it is judged: what is gone already, or what was so when it began.
    fn start(&self, begins: Uptime) -> Track {
        let mut track = self.gone.clone();
        if self.goes_on_from_what_was_known(begins) {
            track.alerts = self.begun.clone();
        }
        track
    }

    fn goes_on_from_what_was_known(&self, begins: Uptime) -> bool {
        let is_older = |vital| self.known.latest(vital).is_none_or(|latest| latest.measured <= begins);
        !self.begun.is_quiet() && self.known.present().iter().all(is_older)
    }

    /// Whether what was so when it began, and is not on the kept track any more, has ended unheard.
    pub fn may_end_what_began(&self) -> bool {
        !self.decided && self.goes_on_from_what_was_known(self.begins())
    }

    /// Something live has decided.
    pub fn note_decided(&mut self) {
        self.decided = true;
    }

    /// A live reading ended the catch-up, and reached nothing that was not so: nothing that waits has gone on until it,
    /// and what begins later began after it.
    pub fn note_nothing_new(&mut self) {
        (self.judged, self.decided) = (self.waiting.len(), true);
    }

    /// From when on rules are asked: what was live before has been judged.
    pub fn begins(&self) -> Uptime {
        self.of_this_stay().map(|kept| kept.measured).min().unwrap_or(self.counts_from)
    }

    /// The oldest, of which too many waited, and on what they are to be judged.
    pub fn oldest(&mut self) -> (Track, Vec<KeptReading>) {
        let mut leaving: Vec<_> = std::mem::take(&mut self.leaving).iter().cloned().collect();
        leaving.retain(|kept| !kept.is_of(self.former));
        let begins = leaving.iter().map(|kept| kept.measured).min().unwrap_or(self.counts_from);
        let track = self.start(begins);
        if self.goes_on_from_what_was_known(begins) {
            self.open.clear();
        }
        (track, leaving)
    }

    /// The oldest have been judged.
    pub fn note_gone(&mut self, track: Track) {
        (self.begun, self.decided) = (AlertSet::default(), true);
        self.gone = track;
    }

    /// What came and went, and how much in all: not what was so when it began, which was published.
    ///
    /// A track that went on from it knows that it was; on one that began with nothing it came and went first.
    pub fn passed(&self, track: &Track) -> (Vec<Passed>, u32) {
        let (passed, in_all) = track.alerts.passed();
        let goes_on = self.goes_on_from_what_was_known(self.begins());
        let mut published = if goes_on { Vec::new() } else { self.open.clone() };
        let mut unpublished = passed.to_vec();
        unpublished.retain(|passed| {
            let place = published.iter().position(|condition| *condition == passed.condition);
            place.map(|place| published.swap_remove(place)).is_none()
        });
        let known = u32::try_from(passed.len() - unpublished.len()).unwrap_or(0);
        (unpublished, in_all - known)
    }

    /// What could not be heard does not count.
    pub fn count_from(&mut self, hearing_since: Uptime) {
        self.counts_from = self.counts_from.max(hearing_since);
    }

    /// When it is over, if nothing kept comes until then.
    pub fn deadline(&self, catch_up: Span) -> Uptime {
        self.counts_from + catch_up
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        Arc::make_mut(&mut self.known).shift(by);
        Arc::make_mut(&mut self.gone.chart).shift(by);
        self.gone.alerts.shift(by);
        self.begun.shift(by);
        self.waiting.shift(by);
        self.leaving.shift(by);
        self.counts_from = self.counts_from + by;
    }
}

/// What a chart knows, as the readings that brought it.
pub(super) fn readings_of(chart: &Chart) -> Vec<KeptReading> {
    let mut readings: Vec<KeptReading> = Vec::new();
    for vital in chart.present().iter() {
        let Some(latest) = chart.latest(vital) else { continue };
        let named = &latest.reading;
        let place = readings
            .iter()
            .position(|known| known.measured == latest.measured && known.origin().as_ref() == named.as_ref());
        let place = place.unwrap_or_else(|| {
            let mut reading = Reading::empty(named.time);
            reading.observed_at = named.timed.then_some(named.time);
            (reading.device, reading.seq) = (named.device.clone(), named.seq);
            let (at, measured, arrival) = (latest.at, latest.measured, latest.heard);
            readings.push(KeptReading::new(reading, Arc::clone(named), (at, measured), arrival));
            readings.len() - 1
        });
        set(&mut readings[place].reading, vital, latest);
    }
    readings
}

fn set(reading: &mut Reading, vital: Vital, latest: &crate::chart::Latest) {
    reading.values.set(vital, latest.value);
}
