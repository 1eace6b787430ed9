//! One device that measures a patient, as one record: what it is, when it was heard, how it behaves.

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::clock::lag::delay;
use crate::devices::clock::{CatchUpEnd, DeviceClock, Judged, KeptParts, Parts, Skew};
use crate::devices::count::Count;
use crate::devices::former::FormerStay;
use crate::devices::repeats::Repeats;
use crate::devices::rhythm::Rhythm;
use crate::devices::withheld::Withheld;
use crate::people::DeviceId;
use crate::settings::AlertSettings;
use crate::vitals::{Reading, Vital, VitalSet};

/// One device that measures a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    /// When anything at all last came from it, kept readings too.
    pub heard: Uptime,
    pub heard_at: Timestamp,
    /// When a live reading last came from it, be it one of nulls alone.
    pub live: Uptime,
    /// How often live readings come, whatever they measure.
    arrivals: Option<Rhythm>,
    /// When it last came back after it had been silent or gone: its vitals have to come anew from here.
    pub back: Uptime,
    /// Since when its last will, or its own word, says it is gone.
    pub offline: Option<Uptime>,
    /// When it first said so since its last live reading: one that comes and goes without any is gone all the time.
    #[serde(default)]
    gone: Option<Uptime>,
    /// Which vital signs it has measured, live.
    measured: VitalSet,
    /// How often each of them comes, in their order.
    rhythms: Vec<Rhythm>,
    /// What its readings say of its clock.
    pub clock: DeviceClock,
    /// What of it comes, and is not live.
    #[serde(default)]
    withheld: Withheld,
    /// What it sent lately.
    pub repeats: Repeats,
    /// Its own count, where nothing else distinguishes its readings.
    #[serde(default)]
    pub count: Count,
    /// What is known of it outside this patient.
    published: Published,
}

/// What was said of a device to those who know all devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    introduced: bool,
    skew: Option<Skew>,
}

/// What those who know all devices must learn of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// It measures this patient, which was not known before.
    pub is_new: bool,
    /// In which direction its clock seems to be off.
    pub skew: Option<Skew>,
    pub skew_changed: bool,
}

impl Device {
    /// A device from which nothing came yet.
    pub fn new(id: DeviceId) -> Self {
        Self {
            id,
            heard: Uptime::START,
            heard_at: Timestamp::from_unix_ms(0),
            live: Uptime::START,
            arrivals: None,
            back: Uptime::START,
            offline: None,
            gone: None,
            measured: VitalSet::default(),
            rhythms: Vec::new(),
            clock: DeviceClock::default(),
            withheld: Withheld::default(),
            repeats: Repeats::default(),
            count: Count::default(),
            published: Published::default(),
        }
    }

    /// Judges the time of a reading. Where its clock does not let it be found out for too long, its arrival counts.
    pub fn judge(
        &mut self,
        reading: &Reading,
        arrival: Now,
        hearing_since: Uptime,
        rules: &AlertSettings,
    ) -> Judged {
        let (parts, newest) = (Parts::of(reading), reading.newest_beside);
        let judged = self.clock.judge(reading.observed_at, newest, parts, arrival, rules);
        let kept = judged.kept.of(parts);
        self.withheld.note_live(parts.without(kept));
        let Some(time) = reading.observed_at.filter(|_| !kept.is_empty()) else { return judged };
        let newest = newest.map_or(time, |newest| newest.max(time));
        let (came, older) = ((arrival.uptime, delay(arrival.uptime, newest)), newest.since(time));
        let mut withheld = std::mem::take(&mut self.withheld);
        withheld.count_from(hearing_since);
        let released = withheld.take(kept, came, rules.catch_up, |part| self.withheld_at_most(part, rules));
        self.withheld = withheld;
        // A catch-up that ends at this moment decides with this reading as its newest.
        let ends_now = self.clock.ends_with(newest, arrival.uptime, rules);
        if released.is_empty() || older > rules.live_within || ends_now {
            return judged;
        }
        let still_kept = kept.without(released);
        let is_live = still_kept.is_empty();
        if is_live {
            self.clock.note_released();
        }
        let kept_on = if is_live { KeptParts::Nothing } else { KeptParts::Some(still_kept) };
        let is_doubted = self.withheld.is_doubted(released, arrival.uptime);
        let doubted = is_doubted.then_some(judged.measured);
        let (at, measured) = match parts.without(kept).is_empty() {
            true => (arrival.wall - older, arrival.uptime - older),
            false => (judged.at, judged.measured),
        };
        Judged { at, measured, kept: kept_on, doubted }
    }

    /// Ends a catch-up whose time is up, of the time in which we could hear.
    pub fn run_out(
        &mut self,
        due: Uptime,
        hearing_since: Uptime,
        now: Now,
        rules: &AlertSettings,
        former: FormerStay,
    ) -> Option<CatchUpEnd> {
        let end = self.clock.run_out(due, hearing_since, now, rules, former)?;
        if matches!(end, CatchUpEnd::SetBack { .. }) {
            self.withheld.note_turned();
        }
        Some(end)
    }

    /// For how long a part may be withheld: for a catch-up, or until it is usually live again; for twice that at most
    /// where its stamps are coarse, and fall in steps.
    fn withheld_at_most(&self, part: usize, rules: &AlertSettings) -> Span {
        let of_vital = Vital::ALL.get(part).and_then(|vital| self.rhythm(*vital));
        let usual = of_vital.or(self.arrivals.as_ref()).and_then(Rhythm::interval);
        rules.catch_up.max(usual.unwrap_or(Span::ZERO)) + rules.catch_up.min(self.clock.coarse())
    }

    /// Notes that something came from it just now, which is no live reading: a sign of life, and no more.
    pub fn hear_kept(&mut self, now: Now) {
        if !self.was_heard() {
            self.back = now.uptime;
        }
        if now.uptime >= self.heard {
            (self.heard, self.heard_at) = (now.uptime, now.wall);
        }
    }

    /// Notes a live reading with these vital signs: whoever sends it is online.
    pub fn hear_live(&mut self, vitals: VitalSet, now: Now, listening_since: Uptime) {
        self.hear_kept(now);
        (self.live, self.gone) = (self.live.max(now.uptime), None);
        match &mut self.arrivals {
            Some(arrivals) => arrivals.hear(now.uptime, listening_since),
            None => self.arrivals = Some(Rhythm::begun(now.uptime)),
        }
        if self.offline.take().is_some() {
            self.come_back(now);
        }
        self.measure(vitals, now.uptime, listening_since);
    }

    /// Notes a reading that is kept though it is not old: its vitals are measured.
    pub fn hear_overtaken(&mut self, vitals: VitalSet, now: Now, listening_since: Uptime) {
        self.measure(vitals, now.uptime, listening_since);
    }

    /// After how long without any live reading it is silent, whatever it measures.
    pub fn silent_after(&self) -> Option<Span> {
        self.arrivals.as_ref()?.silent_after()
    }

    /// Whether its silence would be found by how often it sends.
    pub fn is_watched(&self) -> bool {
        self.silent_after().is_some() || self.rhythms.iter().any(|rhythm| rhythm.silent_after().is_some())
    }

    fn measure(&mut self, vitals: VitalSet, now: Uptime, listening_since: Uptime) {
        for vital in vitals.iter() {
            let place = self.measured.before(vital);
            if self.measured.contains(vital) {
                self.rhythms[place].hear(now, listening_since);
            } else {
                self.measured.insert(vital);
                self.rhythms.insert(place, Rhythm::begun(now));
            }
        }
    }

    /// How often it measures this vital sign; none where it never did, live.
    pub fn rhythm(&self, vital: Vital) -> Option<&Rhythm> {
        self.measured.contains(vital).then(|| &self.rhythms[self.measured.before(vital)])
    }

    /// How often a vital sign comes as spot checks; none for what is measured continuously.
    ///
    /// One that came once is taken to come as the device's readings do, until one leaves it out.
    pub fn round(&self, vital: Vital) -> Option<Span> {
        let rhythm = self.rhythm(vital)?;
        let is_like_the_device = rhythm.is_new() && self.live <= rhythm.heard();
        rhythm.round().or_else(|| self.arrivals.as_ref().filter(|_| is_like_the_device)?.round())
    }

    /// The vital signs that it has measured, each with how often it comes.
    pub fn rhythms(&self) -> impl Iterator<Item = (Vital, &Rhythm)> {
        self.measured.iter().zip(&self.rhythms)
    }

    /// Takes up what an older memory knew of how often a vital sign comes.
    pub fn set_rhythm(&mut self, vital: Vital, rhythm: Rhythm) {
        self.measure(VitalSet::of(vital), Uptime::START, Uptime::START);
        let place = self.measured.before(vital);
        self.rhythms[place] = rhythm;
    }

    /// Notes that it says that it is gone, or back.
    pub fn note_status(&mut self, online: bool, now: Now) {
        if !online {
            self.offline.get_or_insert(now.uptime);
            self.gone.get_or_insert(now.uptime);
        } else if self.offline.take().is_some() {
            self.come_back(now);
        }
    }

    /// Since when it has been gone, but for words of being back that no reading bore out.
    pub fn gone(&self) -> Option<Uptime> {
        self.gone.or(self.offline)
    }

    /// It was silent or gone, and is there again: its vitals have as long as ever to come, each in its turn.
    pub fn come_back(&mut self, now: Now) {
        (self.heard, self.heard_at, self.back) = (now.uptime, now.wall, now.uptime);
    }

    /// By how much its clock is wrong, if it is; positive: behind ours.
    pub fn off_by(&self) -> Option<Span> {
        self.clock.off_by()
    }

    /// When its lag last started anew, if it did.
    pub fn clock_started_anew(&self) -> Option<Uptime> {
        self.clock.started_anew()
    }

    /// What of it was not published yet, if anything.
    pub fn news(&self) -> Option<News> {
        let (is_new, skew) = (!self.published.introduced, self.clock.skew());
        let skew_changed = skew != self.published.skew;
        (is_new || skew_changed).then_some(News { is_new, skew, skew_changed })
    }

    /// Remembers what was published.
    pub fn note_published(&mut self, news: News) {
        self.published = Published { introduced: true, skew: news.skew };
    }

    /// What was last published of its clock.
    pub fn published_skew(&self) -> Option<Skew> {
        self.published.skew
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        (self.heard, self.live, self.back) = (self.heard + by, self.live + by, self.back + by);
        self.arrivals.iter_mut().for_each(|arrivals| arrivals.shift(by));
        (self.offline, self.gone) = (self.offline.map(|since| since + by), self.gone.map(|since| since + by));
        self.rhythms.iter_mut().for_each(|rhythm| rhythm.shift(by));
        self.clock.shift(by);
        self.withheld.shift(by);
    }

    fn was_heard(&self) -> bool {
        self.heard_at != Timestamp::from_unix_ms(0)
    }
}
