//! What commands and the site's policy do to one life cycle's signal.

use super::{LifeCycle, Open};
use crate::alerts::attention::{Attention, Move};
use crate::alerts::inactivations::{Inactivated, Inactivations};
use crate::alerts::orders::OrderFault;
use crate::alerts::signal::Signal;
use crate::clock::{Now, Timestamp, Uptime};
use crate::settings::SignalPolicy;

impl LifeCycle {
    /// The order to be quiet that covers it.
    pub fn covered<'a>(&self, by: &'a Inactivations) -> Option<&'a Inactivated> {
        let open = self.open.as_ref()?;
        by.covering(&self.condition, open.priority, self.attending.breaks_off)
    }

    /// What is heard of it.
    pub fn signal(&self, inactivations: &Inactivations) -> Signal {
        let covered = self.covered(inactivations).map(|covered| covered.inactivation);
        Signal::of(self.attending.state, covered)
    }

    /// After each step: who is called, and when a reminder is due.
    pub fn follow_signal(&mut self, inactivations: &Inactivations, policy: &SignalPolicy, now: Now) {
        let (signal, of) = (self.signal(inactivations), (self.condition.kind(), self.priority()));
        self.attending.follow(of, signal, policy, now);
        self.rise_to_called();
    }

    /// Whoever is called in vain may raise the priority.
    fn rise_to_called(&mut self) {
        if let (Some(open), Some(raised)) = (&mut self.open, self.attending.raised_to) {
            open.priority = open.priority.max(raised);
        }
    }

    /// When something of its signal is due.
    pub fn signal_deadline(&self) -> Option<Uptime> {
        self.attending.deadline()
    }

    /// Does what of its signal is due.
    pub fn run_out_signal(&mut self, policy: &SignalPolicy, now: Now) {
        let priority = self.priority();
        self.attending.run_out(priority, policy, now);
        self.rise_to_called();
    }

    /// The open alert of this condition, for a command.
    pub fn open_alert(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Whether alerts off may not cover it.
    pub fn breaks_off(&self) -> bool {
        self.attending.breaks_off
    }

    /// Where it stands with those who listen.
    pub fn attention(&self) -> Attention {
        self.attending.state
    }

    /// Somebody has seen it.
    pub fn acknowledge(&mut self) -> Result<(), OrderFault> {
        let Some(open) = &self.open else { return Err(OrderFault::Unknown) };
        if self.attending.state.is_latched() {
            return Err(OrderFault::OnlyLatched);
        }
        self.attending.acknowledge(open.priority);
        Ok(())
    }

    /// Nobody has seen it after all.
    pub fn unacknowledge(&mut self) -> Result<(), OrderFault> {
        if self.attending.state != Attention::Acknowledged {
            return Err(OrderFault::NotAcknowledged);
        }
        self.attending.unacknowledge();
        Ok(())
    }

    /// Ends what is latched; answers the alert that ended.
    pub fn reset(&mut self, at: Timestamp) -> Result<Option<Open>, OrderFault> {
        if !self.attending.state.is_latched() {
            return Err(OrderFault::NotLatched);
        }
        self.attending.state = self.attending.state.after(Move::Reset);
        (self.time, self.by, self.reason) = (at.max(self.time), None, Some("reset".to_owned()));
        Ok(self.open.take())
    }

    /// Somebody takes responsibility: nobody further is called for now.
    pub fn accept(&mut self, policy: &SignalPolicy, now: Now) -> Result<(), OrderFault> {
        let chain = self.attending.chain.as_mut().ok_or(OrderFault::NobodyCalled)?;
        chain.accept(policy, now.uptime);
        Ok(())
    }

    /// Somebody rejects: the next is called.
    pub fn reject(&mut self, policy: &SignalPolicy, now: Now) -> Result<(), OrderFault> {
        let priority = self.priority().filter(|_| self.attending.chain.is_some());
        let priority = priority.ok_or(OrderFault::NobodyCalled)?;
        self.attending.reject(priority, policy, now.uptime);
        self.rise_to_called();
        Ok(())
    }

    /// Whether everybody was called in vain.
    pub fn is_unanswered(&self) -> bool {
        self.attending.chain.as_ref().is_some_and(|chain| chain.unanswered)
    }

    /// Whether a way to somebody is under way, and where it is.
    pub fn route(&self) -> Option<Option<&str>> {
        self.attending.chain.as_ref().map(|chain| chain.route())
    }
}
