//! What a patient's actor does with each task: a step on a copy of the memory, and what it caused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use tracing::error;

use super::{
    Admit, HearOfDevice, HearOfUnit, HoldDischarge, Inherit, Obey, Observe, ObserveAgain, PatientActor,
    PendingVerdict, Tick, VerdictCause,
};
use crate::census_actor::{Arm, Notify, Ticked};
use crate::clock::{Now, Uptime};
use crate::commands::CommandRejection;
use crate::outlet::Kept;
use crate::patient::outcome::{
    Answers, ArrivalKind, ArrivalRejection, Judgement, Observed, Outcome, RejectedArrival,
};
use crate::patient::snapshot::Saved;
use crate::patient::{Listening, Patient};
use crate::people::{Departure, DeviceId, Subject};
use crate::receipt::Receipt;
use crate::vitals::Reading;

impl PatientActor {
    /// Takes one step on a copy of the memory; none where it failed.
    pub(super) fn attempt<T>(&self, step: impl FnOnce(&mut Patient) -> T) -> Option<(Box<Patient>, T)> {
        let mut draft = self.patient.clone()?;
        draft.know_gone(&self.shard.gone.borrow());
        match catch_unwind(AssertUnwindSafe(|| step(&mut draft))) {
            Ok(done) => Some((draft, done)),
            Err(_) => {
                error!(patient = %draft.id(), "judging failed inside WardWatch; the patient goes on without it");
                None
            }
        }
    }

    /// A reading from before the restart, at the time of its arrival; it is kept and counted already.
    pub(super) fn observe_again(&mut self, ObserveAgain { reading }: ObserveAgain) {
        let deaf = Listening { since: None, ..self.shard.listening.get() };
        let now = self.shard.clock.now();
        let arrival = Now { uptime: now.uptime_at(reading.received_at), wall: reading.received_at };
        match self.attempt(|patient| patient.observe(&reading, deaf, arrival)) {
            Some((draft, Observed::Judge(inquiry))) => {
                self.ask(draft, inquiry, VerdictCause::Again, Outcome::default(), Receipt::none());
            }
            Some((draft, Observed::History | Observed::Rejected(_))) => self.patient = Some(draft),
            Some((_, Observed::Duplicate)) => {}
            None => self.raise_failure(Receipt::none()),
        }
    }

    pub(super) fn observe(&mut self, Observe { mut reading, payload, receipt }: Observe) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        let observed = self.attempt(|patient| patient.observe(&reading, listening, now));
        let counters = &self.shard.counters;
        let Some((draft, observed)) = observed else { return self.cost(payload, receipt) };
        reading.judged_at = draft.judged_at();
        match observed {
            Observed::Duplicate => {
                counters.duplicates.add(1);
                self.shard.outlet.keep_in_turn(Subject::Patient(draft.id().clone()), receipt);
            }
            Observed::Rejected(rejection) => {
                self.patient = Some(draft);
                self.reject(rejection, payload);
                receipt.settle();
            }
            Observed::History => {
                counters.readings.add(1);
                counters.late.add(1);
                self.patient = Some(draft);
                self.deliver(Some(reading), Outcome::default(), receipt);
            }
            Observed::Judge(inquiry) => {
                counters.readings.add(1);
                self.ask(
                    draft,
                    inquiry,
                    VerdictCause::Reading { reading, payload },
                    Outcome::default(),
                    receipt,
                );
            }
        }
    }

    pub(super) fn admit(&mut self, Admit { record, receipt }: Admit) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.admit(record, listening, now)) {
            Some((draft, Some(inquiry))) => {
                self.ask(draft, inquiry, VerdictCause::Record, Outcome::default(), receipt)
            }
            Some((_, None)) => receipt.settle(),
            None => self.raise_failure(receipt),
        }
    }

    pub(super) fn hold_discharge(&mut self, HoldDischarge { held, receipt }: HoldDischarge) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.hold_discharge(held, now)) {
            Some((draft, ())) => {
                self.patient = Some(draft);
                self.deliver(None, Outcome::default(), receipt);
            }
            None => self.raise_failure(receipt),
        }
    }

    /// Takes up the memory of the same person in another unit; a record follows, with which all of it is judged.
    pub(super) fn inherit(&mut self, Inherit { patient: moved }: Inherit) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.inherit(*moved, now)) {
            Some((draft, ())) => self.patient = Some(draft),
            None => self.raise_failure(Receipt::none()),
        }
    }

    pub(super) fn hear_of_device(&mut self, HearOfDevice { device, online, receipt }: HearOfDevice) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.device_status(&device, online, listening, now)) {
            Some((draft, inquiry)) => {
                self.ask(draft, inquiry, VerdictCause::Status, Outcome::default(), receipt)
            }
            None => self.raise_failure(receipt),
        }
    }

    pub(super) fn hear_of_unit(&mut self, HearOfUnit { unheard }: HearOfUnit) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.unit_judged(unheard, listening, now)) {
            Some((draft, Some(inquiry))) => {
                self.ask(draft, inquiry, VerdictCause::Status, Outcome::default(), Receipt::none());
            }
            Some((draft, None)) => self.patient = Some(draft),
            None => self.raise_failure(Receipt::none()),
        }
    }

    pub(super) fn reconsider(&mut self) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        let settings = self.shard.settings();
        match self.attempt(|patient| patient.reconsider(settings, listening, now)) {
            Some((draft, inquiry)) => {
                self.ask(draft, inquiry, VerdictCause::Status, Outcome::default(), Receipt::none());
            }
            None => self.raise_failure(Receipt::none()),
        }
    }

    /// Carries out what somebody commanded who may, and answers.
    pub(super) fn obey(&mut self, Obey { command, receipt }: Obey) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        let Some((draft, (outcome, inquiry))) =
            self.attempt(|patient| patient.obey(&command, listening, now))
        else {
            let replies = vec![command.reply(Err(&CommandRejection::Failed))];
            self.deliver(None, Outcome { replies, ..Outcome::default() }, Receipt::none());
            return self.raise_failure(receipt);
        };
        if outcome.replies.iter().any(|reply| !reply.outcome.ok) {
            self.shard.counters.commands_rejected.add(1);
        }
        match inquiry {
            Some(inquiry) => self.ask(draft, inquiry, VerdictCause::Command, outcome, receipt),
            None => {
                self.patient = Some(draft);
                self.deliver(None, outcome, receipt);
            }
        }
    }

    pub(super) fn tick(&mut self, tick: &Tick) {
        let due = tick.due;
        self.armed = None;
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.tick(due, listening, now)) {
            Some((draft, (outcome, Some(inquiry)))) => {
                self.ask(draft, inquiry, VerdictCause::Timer { due }, outcome, Receipt::none());
            }
            Some((draft, (outcome, None))) => {
                self.timer_failures = 0;
                self.patient = Some(draft);
                self.deliver(None, outcome, Receipt::none());
                self.ticked();
            }
            None => self.timer_failed(due),
        }
    }

    /// Every rule has answered.
    pub(super) fn judge(&mut self, verdict: PendingVerdict, answers: Answers) {
        let PendingVerdict { mut draft, inquiry, cause, mut outcome, receipt, .. } = verdict;
        let (id, past) = (inquiry.view.patient.clone(), inquiry.replays());
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let judgement = draft.judge(inquiry, answers);
            (draft, judgement)
        }));
        let (patient, caused) = match judged {
            Ok((patient, Judgement::Done(caused))) => (patient, caused),
            Ok((patient, Judgement::Ask(inquiry))) => {
                return self.ask(patient, inquiry, cause, outcome, receipt);
            }
            Err(_) => {
                error!(patient = %id, "judging failed inside WardWatch; the patient goes on without it");
                return self.judging_failed(past, cause, receipt);
            }
        };
        self.patient = Some(patient);
        outcome.extend(caused);
        match cause {
            VerdictCause::Reading { reading, .. } => self.deliver(Some(reading), outcome, receipt),
            VerdictCause::Record => {
                self.new_record = self.patient.as_ref().map(|patient| Arc::clone(patient.record()));
                self.deliver(None, outcome, receipt);
            }
            VerdictCause::Again | VerdictCause::Status | VerdictCause::Command => {
                self.note_confirmable(); // the site may list other receivers now
                self.deliver(None, outcome, receipt);
            }
            VerdictCause::Timer { .. } => {
                self.timer_failures = 0;
                self.deliver(None, outcome, receipt);
                self.ticked();
            }
        }
    }

    /// Judging failed: it costs what led to it, or what was kept where judging that failed.
    fn judging_failed(&mut self, past: Option<DeviceId>, cause: VerdictCause, receipt: Receipt) {
        if let (Some(device), Some(patient)) = (past, &mut self.patient) {
            patient.give_up_past(&device);
            if let VerdictCause::Reading { reading, payload } = cause {
                self.raise_failure(Receipt::none());
                return self.observe(Observe { reading, payload, receipt });
            }
        }
        match cause {
            VerdictCause::Reading { payload, .. } => self.cost(payload, receipt),
            VerdictCause::Again | VerdictCause::Record | VerdictCause::Status | VerdictCause::Command => {
                self.raise_failure(receipt)
            }
            VerdictCause::Timer { due } => self.timer_failed(due),
        }
    }

    /// Hands on what was caused, and asks to be woken for what is due next.
    pub(super) fn deliver(&mut self, reading: Option<Box<Reading>>, mut outcome: Outcome, receipt: Receipt) {
        let Some(patient) = &self.patient else { return receipt.settle() };
        let id = patient.id().clone();
        for notice in std::mem::take(&mut outcome.notices) {
            self.shard.census.do_send(Notify { patient: id.clone(), notice });
        }
        if !outcome.changes.is_empty() {
            let open = patient.open_alerts();
            self.shard.counters.open_alerts.change(self.open_alerts, open);
            self.open_alerts = open;
            self.note_confirmable();
        }
        let (saved, record) = (self.memory_to_save(), self.new_record.take());
        if reading.is_none() && outcome.is_empty() && saved.is_none() && record.is_none() {
            receipt.settle();
        } else {
            let subject = Subject::Patient(id);
            self.shard.outlet.keep(Kept { subject, reading, outcome, saved, record, receipt });
        }
        self.show();
        self.arm();
    }

    /// Shows whoever looks how the patient is now.
    pub(super) fn show(&self) {
        let Some(patient) = &self.patient else { return };
        if self.shard.outlet.is_watched(patient.id()) {
            let here = self.departure.is_none();
            let live = here.then(|| patient.live(self.shard.clock.now()));
            self.shard.outlet.show(patient.id(), live);
        }
    }

    /// The memory, where it is to be saved with what was just caused.
    fn memory_to_save(&mut self) -> Option<Saved> {
        if !self.shard.outlet.saves() {
            return None;
        }
        if let Some(departure) = self.departure {
            return Some(Saved::Gone(departure));
        }
        let now = self.shard.clock.now();
        self.patient.as_mut()?.to_save(now).map(Saved::Now)
    }

    /// Asks the census for an earlier waking, where one is due earlier.
    pub(super) fn arm(&mut self) {
        let Some(patient) = &self.patient else { return };
        let Some(next) = patient.next_deadline().filter(|_| self.departure.is_none()) else { return };
        if self.armed.is_none_or(|armed| next < armed) {
            self.armed = Some(next);
            self.shard.census.do_send(Arm { patient: patient.id().clone(), at: next });
        }
    }

    fn ticked(&self) {
        self.shard.census.do_send(Ticked);
    }

    /// Something failed on this message: it is rejected, and the failure is an alert.
    fn cost(&mut self, payload: Bytes, receipt: Receipt) {
        self.reject(ArrivalRejection::Failed, payload);
        self.raise_failure(receipt);
    }

    pub(super) fn raise_failure(&mut self, receipt: Receipt) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.failed(now)) {
            Some((patient, outcome)) => {
                self.patient = Some(patient);
                self.deliver(None, outcome, receipt);
            }
            None => receipt.settle(),
        }
    }

    /// A timer failed: it is tried once more, then given up with an alert.
    fn timer_failed(&mut self, due: Uptime) {
        self.timer_failures += 1;
        if self.timer_failures > 1 {
            self.timer_failures = 0;
            let now = self.shard.clock.now();
            let dropped = self.attempt(|patient| {
                patient.drop_timers(due);
                patient.failed(now)
            });
            if let Some((patient, outcome)) = dropped {
                self.patient = Some(patient);
                self.deliver(None, outcome, Receipt::none());
            }
        }
        self.arm();
        self.ticked();
    }

    fn reject(&self, rejection: ArrivalRejection, payload: Bytes) {
        let Some(patient) = self.patient.as_ref().map(|patient| patient.id()) else { return };
        self.shard.counters.rejected.add(1);
        let at = self.shard.clock.now().wall;
        self.shard.outlet.reject_arrival(RejectedArrival {
            patient: patient.clone(),
            what: ArrivalKind::Reading,
            rejection,
            payload,
            at,
        });
    }

    pub(super) fn end_stay(&mut self, departure: Departure, receipt: Receipt) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.leave(departure, now)) {
            Some((patient, outcome)) => {
                self.patient = Some(patient);
                self.departure = Some(departure);
                self.forget_confirmable();
                self.deliver(None, outcome, receipt);
            }
            None => receipt.settle(),
        }
    }
}
