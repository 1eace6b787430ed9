//! A verdict: the rules have answered, what was kept has been judged, and alerts change.

use std::slice;
use std::sync::Arc;

use super::Patient;
use super::backlog::summary;
use super::drain::{Drain, Track};
use super::failure::{CORE, failure, is_own};
use super::outcome::{Answers, Inquiry, Judgement, Notice, Outcome};
use super::replay::{Account, Purpose, Replay};
use crate::alerts::{Finding, Moment, RuleName, Standing};
use crate::analyzers::{Score, View, missing};
use crate::clock::{Now, Span, Uptime};
use crate::conditions::{Condition, Kind};
use crate::people::{DeviceId, Subject};
use crate::vitals::Vital;

impl Patient {
    /// The rules have answered: those that failed by none.
    ///
    /// Where the verdict rests on what was kept, that is judged first, question by question.
    pub fn judge(&mut self, mut inquiry: Inquiry, answers: Answers) -> Judgement {
        let mut replay = match inquiry.replay.take() {
            Some(mut replay) => {
                self.take_answers(&mut replay, answers);
                *replay
            }
            None if self.rests_on_past(&inquiry, &answers) => self.begin_replay(inquiry, answers),
            None => {
                self.note_decided(&inquiry);
                return Judgement::Done(self.decide(&inquiry, answers));
            }
        };
        let Some((view, moment)) = self.next_question(&mut replay) else {
            return self.conclude_replay(replay);
        };
        let (account, more_follow) = (None, false);
        Judgement::Ask(Inquiry { view, moment, account, more_follow, replay: Some(Box::new(replay)) })
    }

    /// Whether what was kept has to be judged first: a live reading needs it only where it reaches what was not so.
    fn rests_on_past(&self, inquiry: &Inquiry, answers: &Answers) -> bool {
        let Some(account) = &inquiry.account else { return false };
        let findings =
            || answers.iter().filter_map(|(_, analysis)| analysis.as_ref()).flat_map(|a| &a.findings);
        let drain = || self.drains.iter().find(|drain| drain.device == account.device);
        let may_end = |found: &Finding| is_about_patient(found) && found.reached.is_some();
        !matches!(account.purpose, Purpose::Decide)
            || findings().any(|found| is_new(found, &inquiry.view))
            || (drain().is_some_and(Drain::may_end_what_began) && findings().any(may_end))
    }

    /// A live reading decided by itself: what it left so is not ended by what was kept, and what it did not reach has
    /// not gone on since then.
    fn note_decided(&mut self, inquiry: &Inquiry) {
        let Some(account) = &inquiry.account else { return };
        let drain = self.drains.iter_mut().find(|drain| drain.device == account.device);
        drain.into_iter().for_each(Drain::note_nothing_new);
    }

    /// All that was kept has been judged: the verdict that waited for it.
    fn conclude_replay(&mut self, replay: Replay) -> Judgement {
        let Replay { inquiry, answers, track, .. } = replay;
        let Some(Account { device, purpose }) = &inquiry.account else {
            return Judgement::Done(self.decide(&inquiry, answers));
        };
        match *purpose {
            Purpose::Decide => self.take_over(device, &track, &inquiry.moment, true),
            Purpose::DecideByTimer => self.take_over(device, &track, &inquiry.moment, false),
            Purpose::Summarize => {
                self.end_drain(device, &track);
                if self.opens_unknown(&track, inquiry.moment.now) {
                    return Judgement::Ask(self.anew(*inquiry));
                }
            }
            Purpose::Oldest => {
                let drain = self.drains.iter_mut().find(|drain| drain.device == *device);
                drain.into_iter().for_each(|drain| drain.note_gone(track.clone()));
            }
        }
        Judgement::Done(self.decide(&inquiry, answers))
    }

    /// What was so in a backlog when its vital was not measured any more, and is not measured now either, is still so.
    fn opens_unknown(&mut self, track: &Track, now: Now) -> bool {
        let is_off = |vital| self.chart.latest(vital).is_none_or(|latest| latest.not_measured.is_some());
        let is_unmeasured = |condition: &Condition| match condition {
            Condition::Low(Vital::HeartRate) | Condition::High(Vital::HeartRate) => {
                is_off(Vital::HeartRate) && is_off(Vital::PulseRate)
            }
            Condition::Low(vital) | Condition::High(vital) => is_off(*vital),
            _ => false,
        };
        self.alerts.open_unknown(&track.alerts, now, is_unmeasured)
    }

    /// The same verdict anew: the rules do not know yet what is under way now.
    fn anew(&mut self, inquiry: Inquiry) -> Inquiry {
        self.note_tracked();
        let tracked = Arc::clone(&self.site.tracked);
        let view = Arc::new(View { tracked, ..View::clone(&inquiry.view) });
        Inquiry { view, account: None, ..inquiry }
    }

    /// What is still so on the kept track began there; what begins with a reading that is `live` did not wait.
    ///
    /// What was so before, and ended on it, has ended: what is so now began anew.
    fn take_over(&mut self, device: &DeviceId, track: &Track, moment: &Moment, live: bool) {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        if let Some(drain) = self.drains.iter_mut().find(|drain| drain.device == *device) {
            if drain.may_end_what_began() {
                self.alerts.end_broken(&track.alerts, moment, &caption);
            }
            drain.note_decided();
        }
        let mut standing = track.alerts.standing();
        for onset in standing.iter_mut().flat_map(|standing: &mut Standing| &mut standing.onsets) {
            onset.take_if(|onset| live && onset.reading == moment.reading);
        }
        self.alerts.take_over(standing, moment.now);
    }

    /// Of whoever may be gone nothing new is said about silence and equipment, nor before all of a message is judged:
    /// that goes on where it was so before. Answers when what was not said is judged again.
    fn hold_back(&self, findings: &mut Vec<Finding>, inquiry: &Inquiry) -> Option<Uptime> {
        if self.standby().is_some() {
            not_missed(findings);
        }
        if !self.is_held() && !inquiry.more_follow {
            return None;
        }
        let said = findings.len();
        findings.retain(|found| {
            found.condition.kind() != Kind::Technical || self.alerts.is_open(&found.condition)
        });
        let soon = inquiry.moment.now.uptime + Span::from_ms(1);
        (inquiry.more_follow && findings.len() < said).then_some(soon)
    }

    /// Nothing kept came for a while: remembers what came and went until no device brings more.
    fn end_drain(&mut self, device: &DeviceId, track: &Track) {
        let Some(place) = self.drains.iter().position(|drain| drain.device == *device) else { return };
        let drain = self.drains.remove(place);
        self.passed.add(&drain, track);
        self.last_saved.at = None;
    }

    /// Alerts change by what the rules found.
    fn decide(&mut self, inquiry: &Inquiry, answers: Answers) -> Outcome {
        let mut outcome = Outcome::default();
        let mut failed = Vec::new();
        let (mut scores, mut unheard) = (Vec::new(), self.unheard.found);
        self.recheck_at = None;
        self.judge_deliveries_anew(&inquiry.moment);
        let subject = Subject::Patient(self.id.clone());
        let moment = &inquiry.moment;
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let is_asked = |rule: &RuleName| is_own(rule) || answers.iter().any(|(asked, _)| asked == rule);
        self.alerts.end_rules_gone(is_asked, moment.now.wall);
        for (rule, analysis) in answers {
            let Some(mut analysis) = analysis else {
                failed.push(rule.into_owned());
                continue;
            };
            let again_at = self.hold_back(&mut analysis.findings, inquiry);
            self.recheck_at = [self.recheck_at, analysis.recheck_at, again_at].into_iter().flatten().min();
            scores.extend(analysis.score);
            unheard = if rule == missing::RULE.name { analysis.unheard } else { unheard };
            self.alerts.judge(&rule, analysis.findings, moment, &caption);
        }
        if !failed.is_empty() || moment.reading.is_some() {
            self.alerts.judge(&CORE, failure(failed, moment), moment, &caption);
        }
        outcome.changes = self.alerts.publish(&caption, inquiry.is_backlog(), moment.now);
        if self.drains.is_empty() && !self.passed.is_empty() {
            let passed = std::mem::take(&mut self.passed);
            outcome.changes.push(summary(&passed, &mut self.alerts, moment, &caption));
            self.last_saved.at = None; // published once, across a restart too
        }
        outcome.scores = self.new_scores(scores);
        outcome.notices = self.notices(moment, !inquiry.is_backlog());
        outcome.notices.extend(self.note_unheard(unheard.filter(|_| !self.is_held())));
        self.conclude(&mut outcome, moment.now);
        outcome
    }

    /// Judging this reading, or a timer, failed inside WardWatch: says so, and goes on without it.
    pub fn failed(&mut self, now: Now) -> Outcome {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let moment = Moment::without_reading(now);
        self.alerts.judge(&CORE, failure(vec![CORE.into_owned()], &moment), &moment, &caption);
        let mut outcome =
            Outcome { changes: self.alerts.publish(&caption, false, now), ..Outcome::default() };
        self.conclude(&mut outcome, now);
        outcome
    }

    /// The scores that differ from what was last published.
    fn new_scores(&mut self, scores: Vec<Score>) -> Vec<Score> {
        let mut changed = Vec::new();
        for score in scores {
            let place = self.scores.iter().position(|known| known.name == score.name);
            match place {
                Some(place) if self.scores[place] == score => continue,
                Some(place) => Arc::make_mut(&mut self.scores)[place] = score.clone(),
                None => self.scores = Arc::new([&self.scores[..], slice::from_ref(&score)].concat()),
            }
            changed.push(score);
        }
        changed
    }

    /// What the census must know of the device whose reading was judged.
    fn notices(&mut self, moment: &Moment, live: bool) -> Vec<Notice> {
        let Some(reading) = &moment.reading else { return Vec::new() };
        let id = reading.device.clone().unwrap_or_else(DeviceId::unnamed);
        let Some(news) = self.devices.get(&id).and_then(|device| device.news()) else { return Vec::new() };
        if let Some(device) = Arc::make_mut(&mut self.devices).get_mut(&id) {
            device.note_published(news);
        }
        let measures = news.is_new.then(|| Notice::Measures { device: id.clone(), live });
        let skew = news.skew_changed.then_some(Notice::ClockSkew(id, news.skew));
        measures.into_iter().chain(skew).collect()
    }
}

/// While the patient is away nothing is missed.
fn not_missed(findings: &mut [Finding]) {
    for found in findings.iter_mut().filter(|found| found.condition.is_silence()) {
        (found.reached, found.kept, found.reason) = (None, None, Some("standby"));
    }
}

/// Whether a finding reaches what was not so before, about the patient.
fn is_new(found: &Finding, view: &View) -> bool {
    let was = view.under_way(&found.condition).and_then(|under_way| under_way.priority);
    found.reached > was && is_about_patient(found)
}

fn is_about_patient(found: &Finding) -> bool {
    found.condition.kind() == Kind::Physiological
}
