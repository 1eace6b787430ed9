//! What is nobody's in particular: our own clock, store and broker, full admission, floods, and units unheard.

mod floods;
mod own_clock;
mod receivers;
mod shards;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::alerts::{
    AlertChange, AlertSet, Caption, Cause, Finding, Moment, Presence, RuleName, Timing, Words, wording,
};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::{DeviceId, ReceiverName, Subject, UnitId};
use crate::receivers::{Deliveries, ReceiverPresence};
use crate::settings::Settings;

pub use shards::{Clocks, ShardReport};
pub use units::UnitHearing;

use floods::Floods;
use own_clock::OwnClock;
use shards::Shards;
use units::Unit;

/// The rule that owns these conditions; alerts of earlier runs know it by this name.
const RULE: RuleName = RuleName::Borrowed("census");

/// Changes about one unit or the installation, in the order in which they are published.
pub type SubjectChanges = (Subject, Vec<AlertChange>);

/// What is nobody's in particular, and the alerts about it. There is one, however many shards there are.
#[derive(Debug)]
pub struct Installation {
    settings: Arc<Settings>,
    alerts: AlertSet,
    /// What is so now, and since when.
    facts: BTreeMap<Condition, (Cause, Timestamp)>,
    shards: Shards,
    own_clock: OwnClock,
    /// Units with something to say; bounded by the floods and by the units in which somebody is.
    units: BTreeMap<UnitId, Unit>,
    floods: Floods,
    presence: ReceiverPresence,
    /// Who was gone when the shards last heard of it.
    gone: Arc<BTreeSet<ReceiverName>>,
    /// What was published of units and the installation and is not confirmed yet.
    deliveries: Deliveries,
    /// When the last subject began to be watched: names its first alert, and no two share it.
    watched: Timestamp,
    /// Since when the installation itself is.
    since: Timestamp,
}

impl Installation {
    /// Nothing is known yet of so many shards.
    pub fn new(settings: Arc<Settings>, shards: usize, now: Now) -> Self {
        let mut presence = ReceiverPresence::default();
        presence.list(&settings.receivers);
        Self {
            settings,
            presence,
            gone: Arc::default(),
            deliveries: Deliveries::default(),
            alerts: AlertSet::default(),
            facts: BTreeMap::new(),
            shards: Shards::new(shards),
            own_clock: OwnClock::default(),
            units: BTreeMap::new(),
            floods: Floods::default(),
            watched: now.wall,
            since: now.wall,
        }
    }

    /// Takes up what is open for those who listen about units and the installation.
    ///
    /// A fact holds until whoever knows says that it is over; what shards report, until all of them have. A device
    /// that flooded has as long as ever to prove that it does no more.
    pub fn adopt(&mut self, open: Vec<AlertChange>, now: Now) {
        for change in open {
            match change.subject.clone() {
                Subject::Installation => {
                    if let Condition::DeliveryUnconfirmed(Some(receiver)) = &change.condition {
                        self.presence.adopt(receiver);
                    }
                    if change.condition == Condition::ClockWrong(None) {
                        self.own_clock.adopt();
                    }
                    let (condition, fact) = (change.condition.clone(), (change.cause.clone(), change.onset));
                    self.facts.insert(condition, fact);
                    self.alerts.adopt(vec![change], |_| Some(RULE));
                }
                Subject::Unit(unit) => {
                    if let Condition::DeviceFlooding(device) = &change.condition {
                        self.floods.note(&unit, device, now.uptime);
                    }
                    self.unit(&unit, now).alerts.adopt(vec![change], |_| Some(RULE));
                }
                Subject::Patient(_) => {} // its own memory has it
            }
        }
    }

    /// The site's settings changed.
    pub fn apply(&mut self, settings: Arc<Settings>, now: Now) -> SubjectChanges {
        self.presence.list(&settings.receivers);
        self.deliveries.give_up(|receiver| !settings.receivers.contains_key(receiver));
        self.settings = settings;
        self.judge(now.wall, now)
    }

    /// Something about the installation is so since `at`, or is not (no words).
    pub fn note_fact(
        &mut self,
        condition: Condition,
        words: Option<String>,
        at: Timestamp,
        now: Now,
    ) -> SubjectChanges {
        match words {
            Some(words) => {
                let fact = self.facts.entry(condition).or_insert((Cause::Words { words: String::new() }, at));
                fact.0 = Cause::Words { words };
            }
            None => drop(self.facts.remove(&condition)),
        }
        self.judge(at, now)
    }

    /// A shard says how it is; answers with what follows.
    pub fn note_shard(&mut self, shard: usize, report: ShardReport, now: Now) -> Vec<SubjectChanges> {
        let had_all_reported = self.shards.have_all_reported();
        self.shards.note(shard, report);
        let max = self.settings.admission.max_patients;
        let full = self.shards.is_full().then(|| {
            format!("All {max} places are taken: readings of further patients are rejected (admission.max_patients)")
        });
        let held = self.shards.hold_discharges().then(|| {
            "Most admission records are gone at once: their patients are still watched; \
             `wardwatch discharges confirm` discharges them"
                .to_owned()
        });
        self.shard_fact(Condition::DischargeHeld, held, now.wall);
        if self.shards.own_clock_suspect().is_some() || self.shards.have_all_reported() {
            self.own_clock.note(self.shards.own_clock_suspect().is_some(), now);
        }
        self.judge_own_clock(now.uptime);
        self.shard_fact(Condition::AdmissionFull, full, now.wall);
        let mut announcements = vec![self.judge(now.wall, now)];
        if !had_all_reported && self.shards.have_all_reported() {
            // What of the units' alerts from before a restart does not hold any more ends now.
            let units: Vec<_> = self.units.keys().cloned().collect();
            announcements.extend(units.iter().map(|unit| self.judge_unit(unit, now)));
        }
        announcements
    }

    /// Whether our own clock is the likelier fault.
    pub fn own_clock_suspect(&self) -> bool {
        self.own_clock.is_suspect()
    }

    /// Takes up the verdict on our own clock at `due`; whether it changed.
    fn judge_own_clock(&mut self, due: Uptime) -> bool {
        let changed = self.own_clock.run_out(due, self.settings.alerts.catch_up);
        let off = self.shards.own_clock_suspect().zip(self.own_clock.off_since());
        if !self.own_clock.is_wrong() {
            self.facts.remove(&Condition::ClockWrong(None));
        } else if let Some(((most, devices), since)) = off {
            let words = format!(
                "The clocks of {most} of {devices} devices are off in the same direction: our own clock is probably wrong; check its time service"
            );
            self.shard_fact(Condition::ClockWrong(None), Some(words), since);
        }
        changed
    }

    /// What shards report, from before a restart too until all of them have.
    fn shard_fact(&mut self, condition: Condition, words: Option<String>, at: Timestamp) {
        match words {
            Some(words) => {
                let at = self.facts.get(&condition).map_or(at, |(_, since)| *since);
                self.facts.insert(condition, (Cause::Words { words }, at));
            }
            None if self.shards.have_all_reported() => drop(self.facts.remove(&condition)),
            None => {}
        }
    }

    fn judge(&mut self, at: Timestamp, now: Now) -> SubjectChanges {
        self.note_receivers(now);
        let facts = self.facts.iter();
        let findings = facts.map(|(condition, (cause, since))| {
            let priority = match condition {
                Condition::ClockWrong(_) => Priority::Low,
                Condition::CertificateExpiring => Priority::Medium,
                _ => Priority::High,
            };
            finding(condition.clone(), cause.clone(), priority, *since, now)
        });
        let findings = findings.collect();
        let subject = Subject::Installation;
        let caption = caption(&subject, self.since);
        self.alerts.judge(&RULE, findings, &moment(at, now), &caption);
        let mut changes = self.alerts.publish(&caption, false, now);
        self.ask_for_confirmations(&mut changes, now);
        (subject, changes)
    }

    /// A device of a unit sends more than can be meant; answers with what follows where that is new.
    pub fn note_flood(&mut self, unit: &UnitId, device: &DeviceId, now: Now) -> Vec<SubjectChanges> {
        let units = self.floods.note(unit, device, now.uptime);
        units.iter().map(|unit| self.judge_unit(unit, now)).collect()
    }

    /// When a flood counts as over, a receiver as gone, or our own clock as wrong or right.
    pub fn next_deadline(&self) -> Option<Uptime> {
        let of_clock = self.own_clock.deadline(self.settings.alerts.catch_up);
        [self.floods.next_deadline(), self.receivers_deadline(), of_clock].into_iter().flatten().min()
    }

    /// Ends the floods that are over at `due`, and says which receivers are gone and whether our own clock is wrong.
    pub fn tick(&mut self, due: Uptime, now: Now) -> Vec<SubjectChanges> {
        let units = self.floods.end(due);
        let judges = self.run_out_receivers(due) | self.judge_own_clock(due);
        let of_all = judges.then(|| self.judge(now.wall, now));
        units.iter().map(|unit| self.judge_unit(unit, now)).chain(of_all).collect()
    }

    /// What a shard hears of a unit; answers with what follows, and whether that it is unheard is one alert about
    /// it from now on, or no longer.
    pub fn note_unit(
        &mut self,
        shard: usize,
        unit: &UnitId,
        hearing: UnitHearing,
        now: Now,
    ) -> (Option<SubjectChanges>, Option<bool>) {
        let complete = self.shards.have_all_reported();
        let of = self.unit(unit, now);
        let before = of.unheard().is_some();
        of.note(shard, hearing);
        let after = of.unheard().is_some();
        let announcement = (complete || after).then(|| self.judge_unit(unit, now));
        (announcement, (before != after).then_some(after))
    }

    /// The record of a unit, made where there is none: each begins later than the one before, so that what is said
    /// of it anew is another alert than what was said before it was forgotten.
    fn unit(&mut self, unit: &UnitId, now: Now) -> &mut Unit {
        if !self.units.contains_key(unit) {
            self.watched = now.wall.max(self.watched + Span::from_ms(1));
            self.units.insert(unit.clone(), Unit::new(self.watched));
        }
        let since = self.watched;
        self.units.entry(unit.clone()).or_insert_with(|| Unit::new(since))
    }

    fn judge_unit(&mut self, unit: &UnitId, now: Now) -> SubjectChanges {
        let subject = Subject::Unit(unit.clone());
        let max = self.settings.admission.max_rate;
        let mut findings = self.floods.findings(unit, max, now);
        let of = self.unit(unit, now);
        findings.extend(of.finding(now));
        let caption = caption(&subject, of.since);
        of.alerts.judge(&RULE, findings, &moment(now.wall, now), &caption);
        let mut changes = of.alerts.publish(&caption, false, now);
        if of.is_quiet() && !self.floods.has(unit) {
            self.units.remove(unit);
        }
        self.ask_for_confirmations(&mut changes, now);
        (subject, changes)
    }
}

fn caption(subject: &Subject, since: Timestamp) -> Caption<'_> {
    let words_of = |_: &RuleName| wording::plain as Words;
    Caption { subject, bed: None, simulated: false, words_of, stay: since, policy: None }
}

fn moment(at: Timestamp, now: Now) -> Moment {
    Moment { at, ..Moment::without_reading(now) }
}

fn finding(condition: Condition, cause: Cause, priority: Priority, at: Timestamp, now: Now) -> Finding {
    Finding {
        condition,
        reached: Some(priority),
        kept: Some(priority),
        presence: Presence::Present,
        cause,
        at,
        measured: now.uptime,
        reading: None,
        timing: Timing::IMMEDIATE,
        reason: None,
    }
}
