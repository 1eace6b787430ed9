//! What can be commanded of the alerts of one subject, and what comes of it.

use thiserror::Error;
use uuid::Uuid;

use crate::alerts::alert_set::AlertSet;
use crate::alerts::attention::Attention;
use crate::alerts::finding::{Cause, Finding, Presence, Timing};
use crate::alerts::inactivations::{Author, Inactivated};
use crate::alerts::life_cycle::{Caption, LifeCycle, Moment, RuleName};
use crate::alerts::signal::Signal;
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::conditions::{Condition, Priority};
use crate::settings::{Inactivation, SignalPolicy};

/// The rule that says where nobody answered.
pub const ESCALATION: RuleName = RuleName::Borrowed("escalation");

/// What can be commanded of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertOrder {
    Acknowledge(Uuid),
    Unacknowledge(Uuid),
    Reset(Uuid),
    Accept(Uuid),
    Reject(Uuid),
    /// Quiet about one alert's condition, or about everything; one that is timed until then, or for the site's time.
    Inactivate {
        inactivation: Inactivation,
        alert: Option<Uuid>,
        until: Option<Timestamp>,
    },
    /// Signals again.
    Reactivate {
        inactivation: Inactivation,
        alert: Option<Uuid>,
    },
}

/// Why an order about alerts is rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderFault {
    #[error("no such alert is open for this patient")]
    Unknown,
    #[error("the condition is over and its alert latched; reset ends it")]
    OnlyLatched,
    #[error("the alert is not acknowledged")]
    NotAcknowledged,
    #[error("the alert is not latched")]
    NotLatched,
    #[error("nobody is being called for this alert")]
    NobodyCalled,
    #[error("nothing is {} here", .0.name())]
    NotInactive(Inactivation),
    #[error("{} is not allowed here (signals.inactivations)", .0.name())]
    NotAllowed(Inactivation),
    #[error(
        "alert-off is not allowed for asystole, apnoea or SpO2 below 80 % (signals.off_covers_life_threatening)"
    )]
    LifeThreatening,
    #[error("until {0} is in the past")]
    Past(Timestamp),
    #[error("until {until} is later than allowed, which is {latest}")]
    TooLong { until: Timestamp, latest: Timestamp },
    #[error("too much is paused or off for this patient already")]
    TooMany,
}

/// What an order came to: the alert that it named, if it named one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordered {
    pub alert: Option<Uuid>,
}

/// The end of what is timed: what was asked for, within what is allowed.
pub fn end_of(
    until: Option<Timestamp>,
    (usual, longest): (Span, Span),
    now: Now,
) -> Result<(Timestamp, Uptime), OrderFault> {
    let until = until.unwrap_or(now.wall + usual);
    if until <= now.wall {
        return Err(OrderFault::Past(until));
    }
    if until.since(now.wall) > longest.max(usual) {
        return Err(OrderFault::TooLong { until, latest: now.wall + longest });
    }
    Ok((until, now.uptime + until.since(now.wall)))
}

impl AlertSet {
    /// Does what was commanded, or says why not; where it is rejected nothing changes.
    ///
    /// What follows of it is published by [`AlertSet::publish_by`].
    pub fn obey(
        &mut self,
        order: &AlertOrder,
        author: &Author,
        now: Now,
        caption: &Caption<'_>,
    ) -> Result<Ordered, OrderFault> {
        let policy = caption.policy.ok_or(OrderFault::Unknown)?;
        let alert = match order {
            AlertOrder::Acknowledge(id) => self.with(*id, |of| of.acknowledge())?,
            AlertOrder::Unacknowledge(id) => self.with(*id, |of| of.unacknowledge())?,
            AlertOrder::Accept(id) => self.with(*id, |of| of.accept(policy, now))?,
            AlertOrder::Reject(id) => self.with(*id, |of| of.reject(policy, now))?,
            AlertOrder::Reset(id) => self.reset(*id, now, caption)?,
            AlertOrder::Inactivate { inactivation, alert, until } => {
                self.inactivate(*inactivation, (*alert, *until), author, policy, now)?;
                *alert
            }
            AlertOrder::Reactivate { inactivation, alert } => {
                let condition = alert.map(|id| self.condition_of(id)).transpose()?;
                if !self.inactivations.end(*inactivation, condition.as_ref()) {
                    return Err(OrderFault::NotInactive(*inactivation));
                }
                *alert
            }
        };
        self.follow_signals(caption, now);
        Ok(Ordered { alert })
    }

    fn inactivate(
        &mut self,
        inactivation: Inactivation,
        (alert, until): (Option<Uuid>, Option<Timestamp>),
        author: &Author,
        policy: &SignalPolicy,
        now: Now,
    ) -> Result<(), OrderFault> {
        if !policy.allows(inactivation) {
            return Err(OrderFault::NotAllowed(inactivation));
        }
        let signals = &policy.signals;
        let end = match inactivation.is_timed() {
            true => Some(end_of(until, (signals.pause, signals.longest_pause), now)?),
            false => None,
        };
        let (condition, up_to) = match alert {
            Some(id) => {
                let (condition, priority, breaks_off) = self.open_by(id)?;
                if breaks_off && inactivation == Inactivation::AlertOff {
                    return Err(OrderFault::LifeThreatening);
                }
                (Some(condition), priority)
            }
            // Where nothing is open, nothing of high priority is meant.
            None => (None, self.highest_open().unwrap_or(Priority::Medium)),
        };
        let (until, ends) = (end.map(|(until, _)| until), end.map(|(_, ends)| ends));
        let (since, author) = (now.wall, author.clone());
        let new = Inactivated { inactivation, condition, up_to, ends, until, since, author };
        if self.inactivations.add(new) { Ok(()) } else { Err(OrderFault::TooMany) }
    }

    fn condition_of(&self, id: Uuid) -> Result<Condition, OrderFault> {
        self.open_by(id).map(|(condition, _, _)| condition)
    }

    /// The alert of this id: its condition and priority, and whether alerts off may not cover it.
    fn open_by(&self, id: Uuid) -> Result<(Condition, Priority, bool), OrderFault> {
        let place = self.place_of(id)?;
        let of = &self.life_cycles[place];
        let open = of.open_alert().ok_or(OrderFault::Unknown)?;
        Ok((of.condition.clone(), open.priority, of.breaks_off()))
    }

    fn place_of(&self, id: Uuid) -> Result<usize, OrderFault> {
        let is_it = |of: &LifeCycle| of.open_alert().is_some_and(|open| open.id == id);
        self.life_cycles.iter().position(is_it).ok_or(OrderFault::Unknown)
    }

    fn with(
        &mut self,
        id: Uuid,
        order: impl FnOnce(&mut LifeCycle) -> Result<(), OrderFault>,
    ) -> Result<Option<Uuid>, OrderFault> {
        let place = self.place_of(id)?;
        order(&mut self.life_cycles[place]).map(|()| Some(id))
    }

    fn reset(&mut self, id: Uuid, now: Now, caption: &Caption<'_>) -> Result<Option<Uuid>, OrderFault> {
        let place = self.place_of(id)?;
        let ended = self.life_cycles[place].reset(now.wall)?;
        self.note_change(place, ended, caption);
        Ok(Some(id))
    }

    fn highest_open(&self) -> Option<Priority> {
        self.life_cycles.iter().filter_map(|of| of.open_alert().map(|open| open.priority)).max()
    }

    /// After each step: who is called for each alert, and when reminders are due.
    pub(super) fn follow_signals(&mut self, caption: &Caption<'_>, now: Now) {
        let Some(policy) = caption.policy else { return };
        for of in &mut self.life_cycles {
            of.follow_signal(&self.inactivations, policy, now);
        }
    }

    /// Where everybody was called in vain for some alert, that is one of its own.
    pub(super) fn judge_unanswered(&mut self, caption: &Caption<'_>, now: Now) {
        let unanswered = self.life_cycles.iter().filter(|of| of.is_unanswered());
        let unanswered: Vec<_> = unanswered.map(|of| of.condition.to_string()).collect();
        let is_new = !unanswered.is_empty();
        if caption.policy.is_none() || !(is_new || self.is_open(&Condition::AlertUnanswered)) {
            return;
        }
        let moment = Moment::without_reading(now);
        let words = format!("Nobody answered {}, and nobody is left to be called", unanswered.join(", "));
        let finding = Finding {
            condition: Condition::AlertUnanswered,
            reached: Some(Priority::High),
            kept: Some(Priority::High),
            presence: Presence::Present,
            cause: Cause::Words { words },
            at: now.wall,
            measured: now.uptime,
            reading: None,
            timing: Timing::IMMEDIATE,
            reason: None,
        };
        self.judge(&ESCALATION, is_new.then_some(finding).into_iter().collect(), &moment, caption);
    }

    /// What somebody paused or switched off.
    pub fn inactivated(&self) -> impl Iterator<Item = &Inactivated> {
        self.inactivations.iter()
    }

    /// What is heard of each condition that exists, and who is called for it.
    pub fn heard(
        &self,
    ) -> impl Iterator<Item = (&Condition, Priority, Attention, Signal, Option<Option<&str>>)> {
        let heard = |of: &'_ LifeCycle| of.priority();
        self.life_cycles.iter().filter_map(move |of| {
            let signal = of.signal(&self.inactivations);
            Some((&of.condition, heard(of)?, of.attention(), signal, of.route()))
        })
    }
}
