//! What is commanded of one patient: done once, answered, and what follows of it.

use serde::{Deserialize, Serialize};

use super::outcome::{Inquiry, Outcome};
use super::{Listening, Patient};
use crate::alerts::change::Event;
use crate::alerts::{AlertChange, AlertOrder, Author, Moment, Presence, Signal, end_of};
use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::commands::{AnsweredCommands, Command, CommandRejection, Done, Instruction};
use crate::conditions::{Condition, Priority};
use crate::people::Subject;
use crate::settings::{LimitOverrides, bounds};

/// What was commanded of a patient and holds as long as the stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Orders {
    /// What differs from the limits of the record.
    pub limits: LimitOverrides,
    pub standby: Option<Standby>,
    /// When the last one ended: nothing is missed of before.
    pub back_since: Option<Uptime>,
    pub answered: AnsweredCommands,
}

/// The patient is away: nothing is missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    pub ends: Uptime,
    /// The same for those who read it.
    pub until: Timestamp,
    pub since: Timestamp,
    pub author: Author,
}

impl Patient {
    /// Carries a command out, or rejects it and changes nothing; the answer is in the outcome.
    ///
    /// The same command again changes nothing, and is answered as before.
    pub fn obey(&mut self, command: &Command, listening: Listening, now: Now) -> (Outcome, Option<Inquiry>) {
        let mut outcome = Outcome::default();
        if let Some(before) = self.orders.as_ref().and_then(|orders| orders.answered.get(command)) {
            outcome.replies.push(command.reply_again(before.clone()));
            return (outcome, None);
        }
        let done = command.is_fresh().and_then(|()| self.carry_out(command, &mut outcome, now));
        let changed = done.is_ok();
        let reply = command.reply(done.as_ref().copied());
        self.orders_mut().answered.note(command, reply.outcome.clone(), now.wall);
        outcome.replies.push(reply);
        self.last_saved.at = None;
        if !changed {
            return (outcome, None);
        }
        self.stated = self.stated.filter(|_| !outcome.changes.is_empty());
        self.state_is_old = true;
        let judges = matches!(
            command.order,
            Instruction::SetLimits(_) | Instruction::Standby { .. } | Instruction::EndStandby
        );
        self.conclude(&mut outcome, now);
        let inquiry = judges.then(|| self.inquiry(Moment::without_reading(now), None, listening));
        (outcome, inquiry)
    }

    fn carry_out(
        &mut self,
        command: &Command,
        outcome: &mut Outcome,
        now: Now,
    ) -> Result<Done, CommandRejection> {
        match &command.order {
            Instruction::Alerts(order) => self.order_alerts(order, &command.author, outcome, now),
            Instruction::SetLimits(limits) => self.set_limits(limits, now),
            Instruction::Standby { until } => self.stand_by(*until, &command.author, now),
            Instruction::EndStandby => match self.end_standby(now.uptime) {
                true => Ok(Done::default()),
                false => Err(CommandRejection::NotOnStandby),
            },
            Instruction::TestAlert => {
                let [raised, cleared] = self.test_alert(&command.author, now);
                let done = Done { alert: Some(raised.id), sequence: Some(cleared.sequence) };
                outcome.changes.extend([raised, cleared]);
                Ok(done)
            }
            // Who is here is the census's affair.
            Instruction::Admit(_) | Instruction::Transfer { .. } | Instruction::Discharge => {
                Err(CommandRejection::NotHere(self.id.clone()))
            }
        }
    }

    fn order_alerts(
        &mut self,
        order: &AlertOrder,
        author: &Author,
        outcome: &mut Outcome,
        now: Now,
    ) -> Result<Done, CommandRejection> {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let alert = self.alerts.obey(order, author, now, &caption)?.alert;
        outcome.changes = self.alerts.publish_by(&caption, false, now, Some(author));
        let is_it = |change: &AlertChange| (Some(change.id) == alert).then_some(change.sequence);
        let caused = outcome.changes.iter().find_map(is_it);
        let last = || self.alerts.published().find_map(|change| is_it(change));
        Ok(Done { alert, sequence: caused.or_else(last) })
    }

    /// Lays limits over those of the record; none at all take back what was set before.
    fn set_limits(&mut self, limits: &LimitOverrides, now: Now) -> Result<Done, CommandRejection> {
        bounds::check(&self.site.settings.bounds, limits)?;
        let ordered = match limits.is_empty() {
            true => LimitOverrides::default(),
            false => self.ordered_limits().cloned().unwrap_or_default().with(limits),
        };
        self.limits_under(&ordered, now.wall).map_err(|faults| {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            CommandRejection::Limits(faults.join("; "))
        })?;
        self.orders_mut().limits = ordered;
        self.apply_settings(now.wall);
        Ok(Done::default())
    }

    fn stand_by(
        &mut self,
        until: Option<Timestamp>,
        author: &Author,
        now: Now,
    ) -> Result<Done, CommandRejection> {
        let longest = self.site.settings.policy.signals.longest_standby;
        let (until, ends) = end_of(until, (longest, longest), now)?;
        let (since, author) = (now.wall, author.clone());
        self.orders_mut().standby = Some(Standby { ends, until, since, author });
        Ok(Done::default())
    }

    /// The patient is back; whether it was away.
    pub(super) fn end_standby(&mut self, now: Uptime) -> bool {
        let Some(orders) = self.orders.as_mut().filter(|orders| orders.standby.is_some()) else {
            return false;
        };
        (orders.standby, orders.back_since) = (None, Some(now));
        (self.state_is_old, self.stated, self.last_saved.at) = (true, None, None);
        true
    }

    /// The sender, id and time of each command that was answered.
    pub fn answered_ids(&self) -> impl Iterator<Item = (&str, &str, Timestamp)> {
        self.orders.iter().flat_map(|orders| orders.answered.ids())
    }

    /// Whether the patient is away.
    pub(super) fn standby(&self) -> Option<&Standby> {
        self.orders.as_ref().and_then(|orders| orders.standby.as_ref())
    }

    /// One alert that says of itself that it is a test, and that it is over: nobody has to look after anybody.
    fn test_alert(&mut self, author: &Author, now: Now) -> [AlertChange; 2] {
        let subject = Subject::Patient(self.id.clone());
        let caption = super::caption(&subject, &self.record, self.simulated, self.stay, &self.site);
        let words = format!("Test alert by {}; nothing is wrong", author.by);
        let condition = Condition::AlertTest;
        let id = self.alerts.summary_id(&condition, now.wall, &caption);
        let of_now = AlertChange::word(id, (condition, Priority::High), words, &caption, now.wall);
        let (presence, signal, author) = (Presence::Present, Signal::On, Some(author.clone()));
        let raised = AlertChange { presence, signal, author, simulated: false, test: true, ..of_now };
        let reason = Some("test".to_owned());
        let (event, presence, signal) = (Event::Cleared, Presence::Absent, Signal::Off);
        let cleared = AlertChange { sequence: 2, event, presence, signal, reason, ..raised.clone() };
        [raised, cleared]
    }

    pub(super) fn ordered_limits(&self) -> Option<&LimitOverrides> {
        self.orders.as_ref().map(|orders| &orders.limits).filter(|limits| !limits.is_empty())
    }

    fn orders_mut(&mut self) -> &mut Orders {
        self.orders.get_or_insert_default()
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub(super) fn shift_orders(&mut self, by: Span) {
        if let Some(standby) = self.orders.as_mut().and_then(|orders| orders.standby.as_mut()) {
            standby.ends = standby.ends + by;
        }
        if let Some(orders) = &mut self.orders {
            orders.back_since = orders.back_since.map(|back| back + by);
        }
    }

    /// What was commanded of the same person elsewhere holds here, too.
    pub(super) fn inherit_orders(&mut self, moved: Option<Box<Orders>>, now: Now) {
        let Some(moved) = moved else { return };
        let Orders { limits, standby, back_since, answered } = *moved;
        let own = self.orders_mut();
        own.limits = limits.with(&own.limits);
        own.standby = own.standby.take().or(standby);
        own.back_since = own.back_since.max(back_since);
        own.answered.inherit(answered);
        self.apply_settings(now.wall);
    }
}
