//! Every alert of one subject: a patient, a unit or the installation.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::alerts::change::AlertChange;
use crate::alerts::finding::Finding;
use crate::alerts::identity::Ids;
use crate::alerts::inactivations::{Author, Inactivations};
use crate::alerts::life_cycle::{Caption, LifeCycle, Moment, Open, Publication, RuleName, Stage};
use crate::alerts::standing::{Passed, Standing};
use crate::alerts::under_way::UnderWay;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Kind};
use crate::settings::SignalPolicy;

/// How many of what passed are named in a summary; the rest is counted.
const PASSED_NAMED: usize = 20;

/// Why an alert ends whose rule does not exist any more.
const NO_RULE: &str = "no longer watched";

/// Every alert life cycle of one subject, in the order of their conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedAlerts")]
pub struct AlertSet {
    pub(super) life_cycles: Vec<LifeCycle>,
    /// What somebody paused or switched off.
    pub(super) inactivations: Inactivations,
    ids: Ids,
    passed: Vec<Passed>,
    passed_in_all: u32,
}

impl AlertSet {
    /// Takes what one rule found; conditions of the rule that it does not name are not so.
    pub fn judge(&mut self, rule: &RuleName, findings: Vec<Finding>, moment: &Moment, caption: &Caption<'_>) {
        for place in 0..self.life_cycles.len() {
            let of = &self.life_cycles[place];
            if of.rule == *rule && !findings.iter().any(|found| found.condition == of.condition) {
                self.step(place, None, moment, caption);
            }
        }
        for finding in findings {
            match self.life_cycles.binary_search_by(|of| of.condition.cmp(&finding.condition)) {
                Ok(place) => self.step(place, Some(finding), moment, caption),
                Err(place) if finding.reached.is_some() => {
                    self.life_cycles.insert(place, LifeCycle::new(rule.clone(), &finding, moment));
                    self.step(place, Some(finding), moment, caption);
                }
                Err(_) => {}
            }
        }
    }

    fn step(&mut self, place: usize, finding: Option<Finding>, moment: &Moment, caption: &Caption<'_>) {
        let ended = self.life_cycles[place].step(finding, moment, caption);
        self.note_change(place, ended, caption);
    }

    /// Ends the first delay, or pause or the like, that is over at `due`, by deadline, then condition; answers when it was.
    pub fn run_out(&mut self, due: Uptime, now: Now, caption: &Caption<'_>) -> Option<Uptime> {
        let deadlines = self.life_cycles.iter().enumerate();
        let first = deadlines.filter_map(|(place, of)| of.deadline().map(|deadline| (deadline, place))).min();
        let signals = caption.policy.and_then(|policy| Some((policy, self.next_signal_deadline()?)));
        if let Some((policy, at)) = signals.filter(|(_, at)| *at <= due)
            && first.is_none_or(|(deadline, _)| at < deadline)
        {
            self.run_out_signals(policy, at, now);
            return Some(at);
        }
        let (at, place) = first.filter(|(deadline, _)| *deadline <= due)?;
        let ended = self.life_cycles[place].run_out(caption.policy, now);
        self.note_change(place, ended, caption);
        Some(at)
    }

    /// When the next delay, or whatever else, ends by itself.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.next_delay().into_iter().chain(self.next_signal_deadline()).min()
    }

    /// When the next delay ends by itself.
    pub fn next_delay(&self) -> Option<Uptime> {
        self.life_cycles.iter().filter_map(LifeCycle::deadline).min()
    }

    /// When the next pause, signal delay, reminder or step of the escalation is due.
    fn next_signal_deadline(&self) -> Option<Uptime> {
        let signals = self.life_cycles.iter().filter_map(LifeCycle::signal_deadline);
        signals.chain(self.inactivations.deadline()).min()
    }

    /// All of one moment: pauses first, then each alert's own, in the order of their conditions.
    fn run_out_signals(&mut self, policy: &SignalPolicy, at: Uptime, now: Now) {
        let now = Now { uptime: at, wall: now.wall_at(at) };
        self.inactivations.run_out(at);
        for of in &mut self.life_cycles {
            of.run_out_signal(policy, now);
        }
    }

    /// Gives up every timer that is due.
    pub fn drop_timers(&mut self, due: Uptime) {
        self.life_cycles.iter_mut().for_each(|of| of.drop_timers(due));
    }

    /// Moves what was noted on the uptime clock by `by`: the clock that counts uptime started anew.
    pub fn shift(&mut self, by: Span) {
        self.life_cycles.iter_mut().for_each(|of| of.shift(by));
        self.inactivations.shift(by);
    }

    /// Publishes the difference between what is so and what has been published.
    ///
    /// `backlog` says of the changes that they were held back until a backlog was drained.
    pub fn publish(&mut self, caption: &Caption<'_>, backlog: bool, now: Now) -> Vec<AlertChange> {
        self.publish_by(caption, backlog, now, None)
    }

    /// The same where `author` commanded what led to it.
    pub fn publish_by(
        &mut self,
        caption: &Caption<'_>,
        backlog: bool,
        now: Now,
        author: Option<&Author>,
    ) -> Vec<AlertChange> {
        self.follow_signals(caption, now);
        self.judge_unanswered(caption, now);
        let mut changes = Vec::new();
        let publication = Publication { caption, backlog, now, author, inactivations: &self.inactivations };
        for of in &mut self.life_cycles {
            of.publish(&publication, &mut changes);
        }
        self.life_cycles.retain(|of| !of.is_over());
        changes
    }

    /// What is still reached or open: of a kept track, what its live track takes over at the end.
    pub fn standing(&self) -> Vec<Standing> {
        self.life_cycles.iter().filter_map(LifeCycle::standing).collect()
    }

    /// The delays of what a kept track found still so begin where they began there.
    ///
    /// An alert that is open already stays as it is. What the next finding does not reach is broken by it; where none
    /// comes, a timer decides when what is left of the delay is over.
    pub fn take_over(&mut self, standing: Vec<Standing>, now: Now) {
        for standing in standing {
            match self.life_cycles.binary_search_by(|of| of.condition.cmp(&standing.condition)) {
                Ok(place) => self.life_cycles[place].take_over(&standing, now),
                Err(place) => self.life_cycles.insert(place, LifeCycle::taken_over(standing, now)),
            }
        }
    }

    /// Opens what a kept track found so until it was not measured any more: absence of data never ends it. Answers
    /// whether there is any of which this is not known yet.
    pub fn open_unknown(
        &mut self,
        track: &Self,
        now: Now,
        is_unmeasured: impl Fn(&Condition) -> bool,
    ) -> bool {
        let mut opens = false;
        for of in track.life_cycles.iter().filter(|of| is_unmeasured(&of.condition)) {
            let place = self.life_cycles.binary_search_by(|known| known.condition.cmp(&of.condition));
            if let (Err(place), Some(of)) = (place, LifeCycle::left_unknown(of, now)) {
                self.life_cycles.insert(place, of);
                opens = true;
            }
        }
        opens
    }

    /// What is so about the patient, as a kept track begins with it.
    pub fn of_patient(&self) -> Self {
        let of = self.life_cycles.iter().filter(|of| of.condition.kind() == Kind::Physiological);
        Self { life_cycles: of.cloned().collect(), ..Self::default() }
    }

    /// Ends what a kept track that began with it found to have ended since: what is so now is another occurrence.
    pub fn end_broken(&mut self, track: &Self, moment: &Moment, caption: &Caption<'_>) {
        for place in 0..self.life_cycles.len() {
            let of = &self.life_cycles[place];
            let known = track.life_cycles.iter().find(|known| known.condition == of.condition);
            if of.condition.kind() == Kind::Physiological && of.began_before(known) {
                let ended = self.life_cycles[place].break_off(moment);
                self.note_change(place, ended, caption);
            }
        }
    }

    /// What came and went unpublished: the first of it by name, and how many in all.
    pub fn passed(&self) -> (&[Passed], u32) {
        (&self.passed, self.passed_in_all)
    }

    /// A stay of this name ended before, at `end`.
    pub fn follow_stay(&mut self, end: Timestamp) {
        self.ids.former_stay = Some(end);
    }

    /// When the last stay of this name ended, where one did.
    pub fn former_stay(&self) -> Option<Timestamp> {
        self.ids.former_stay
    }

    /// Ends everything for a reason: discharged, transferred, left.
    pub fn end(&mut self, reason: &str, now: Now, caption: &Caption<'_>) -> Vec<AlertChange> {
        self.life_cycles.iter_mut().for_each(|of| of.end(reason, now.wall));
        self.publish(caption, false, now)
    }

    /// What is open goes on under another subject, where nothing of it has been published yet.
    pub fn continue_as(&mut self, caption: &Caption<'_>) {
        for place in 0..self.life_cycles.len() {
            let of = &mut self.life_cycles[place];
            of.continue_unpublished();
            if of.is_open_without_reading() {
                self.ids.note_end(&of.condition, of.time(), caption.stay);
            }
            self.name(place, caption);
        }
    }

    /// Takes up the alerts of the same person in another unit, where this one has had alerts of its own already.
    ///
    /// What is open here stays; of what is `outdated` by newer values the next verdict decides alone.
    pub fn inherit(
        &mut self,
        moved: Self,
        outdated: impl Fn(&Condition) -> bool,
        now: Now,
        caption: &Caption<'_>,
    ) {
        self.ids.inherit(moved.ids);
        self.inactivations.inherit(moved.inactivations);
        for mut of in moved.life_cycles {
            of.continue_unpublished();
            if outdated(&of.condition) {
                of.defer_to_verdict(now);
            }
            let place = match self.life_cycles.binary_search_by(|own| own.condition.cmp(&of.condition)) {
                Ok(place) if self.life_cycles[place].is_open() || !of.is_open() => continue,
                Ok(place) => {
                    self.life_cycles[place] = of;
                    place
                }
                Err(place) => {
                    self.life_cycles.insert(place, of);
                    place
                }
            };
            self.name(place, caption);
        }
    }

    /// What names a word about the subject that is no alert of its own; never the same twice.
    pub fn summary_id(&mut self, condition: &Condition, onset: Timestamp, caption: &Caption<'_>) -> Uuid {
        self.ids.note_end(condition, onset, caption.stay);
        self.ids.begin(caption.subject, condition, None, caption.stay)
    }

    /// The last change of each alert that is open for all who listen.
    pub fn published(&self) -> impl Iterator<Item = &Arc<AlertChange>> {
        self.life_cycles.iter().filter_map(LifeCycle::published)
    }

    /// The conditions under way, of which findings should say even that they ended, where they are others than `seen`.
    pub fn under_way(&self, seen: &[UnderWay]) -> Option<Arc<[UnderWay]>> {
        let same = self.life_cycles.len() == seen.len()
            && self.life_cycles.iter().zip(seen).all(|(of, seen)| of.is_seen_as(seen));
        (!same).then(|| self.life_cycles.iter().map(LifeCycle::under_way).collect())
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.life_cycles.is_empty() && self.inactivations.iter().next().is_none()
    }

    /// The rules that found what is under way.
    pub fn rules(&self) -> impl Iterator<Item = &RuleName> {
        self.life_cycles.iter().map(|of| &of.rule)
    }

    /// Ends what was found by rules that do not exist any more.
    pub fn end_rules_gone(&mut self, exists: impl Fn(&RuleName) -> bool, at: Timestamp) {
        for of in self.life_cycles.iter_mut().filter(|of| !exists(&of.rule)) {
            of.end(NO_RULE, at);
        }
    }

    /// Takes up alerts that are open for those who listen, of which nothing else is remembered.
    ///
    /// One for which there is no rule any more belongs to none, and ends with the next judgement.
    pub fn adopt(&mut self, open: Vec<AlertChange>, rule: impl Fn(&Condition) -> Option<RuleName>) {
        for alert in open {
            if let Err(place) = self.life_cycles.binary_search_by(|of| of.condition.cmp(&alert.condition)) {
                self.ids.note_adopted(&alert.condition, alert.reading.as_ref());
                self.life_cycles
                    .insert(place, LifeCycle::adopt(rule(&alert.condition).unwrap_or_default(), alert));
            }
        }
    }

    /// Where every life cycle stands: what must be saved as soon as it changes.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        self.life_cycles.iter().map(LifeCycle::stage)
    }

    /// Whether the condition exists, published or not.
    pub fn is_open(&self, condition: &Condition) -> bool {
        self.life_cycles.iter().any(|of| of.condition == *condition && of.is_open())
    }

    /// Names what began, remembers what names the next such alert, and what came and went unpublished.
    pub(super) fn note_change(&mut self, place: usize, ended: Option<Open>, caption: &Caption<'_>) {
        let Some(ended) = ended else { return self.name(place, caption) };
        let of = &self.life_cycles[place];
        if ended.onset_reading.is_none() {
            self.ids.note_end(&of.condition, of.time(), caption.stay);
        }
        if of.published().is_none_or(|published| published.id != ended.id) {
            self.passed_in_all += 1;
            if self.passed.len() < PASSED_NAMED {
                let (condition, end) = (of.condition.clone(), of.time());
                self.passed.push(Passed { condition, priority: ended.priority, onset: ended.onset, end });
            }
        }
    }

    /// Names the alert that began, where one did.
    fn name(&mut self, place: usize, caption: &Caption<'_>) {
        self.life_cycles[place].name(&mut self.ids, caption);
    }
}

/// Every alert as it was saved. Version 1 saved the `ends` by themselves.
#[derive(Deserialize)]
struct SavedAlerts {
    life_cycles: Vec<LifeCycle>,
    #[serde(default)]
    ids: Ids,
    #[serde(default)]
    ends: Vec<(Condition, Timestamp)>,
    passed: Vec<Passed>,
    passed_in_all: u32,
    #[serde(default)]
    inactivations: Inactivations,
}

impl From<SavedAlerts> for AlertSet {
    fn from(
        SavedAlerts { life_cycles, mut ids, ends, passed, passed_in_all, inactivations }: SavedAlerts,
    ) -> Self {
        ids.ends.extend(ends);
        Self { life_cycles, inactivations, ids, passed, passed_in_all }
    }
}
