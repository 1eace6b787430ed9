//! The actor of one patient: has each reading judged, one after the other, and delivers the verdict.
//!
//! The patient's memory is copied before each step and the copy kept only if the step succeeds: a
//! panic costs the reading that led to it, and leaves no trace in the memory.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use tracing::error;

use crate::analyzer_actor::{Analyze, Found};
use crate::analyzers::Analysis;
use crate::census_actor::{Arm, LEFT, Notify, Ticked};
use crate::clock::{Now, Uptime};
use crate::outlet::Kept;
use crate::people::outcome::{Inquiry, Notice, Observed, Outcome, Refusal, Refused};
use crate::people::patient::{Listening, Patient};
use crate::people::snapshot::Saved;
use crate::people::{AdmissionRecord, DeviceId, PatientId, Subject};
use crate::receipt::Receipt;
use crate::shard::{LifeLine, Shard};
use crate::vitals::Reading;

/// One patient.
///
/// Its mailbox and its queue are bounded by the readings that the ingest leaves unacknowledged.
pub struct PatientActor {
    shard: Rc<Shard>,
    /// None until the memory of a transferred patient arrives.
    patient: Option<Patient>,
    me: Option<Arc<Addr<Self>>>,
    /// What came while a verdict was being found, in its order.
    waiting: VecDeque<Task>,
    /// In a box, since most patients wait for none at any moment.
    verdict: Option<Box<Verdict>>,
    verdicts: u64,
    /// For when the census was asked to wake this patient.
    armed: Option<Uptime>,
    /// How often in a row a timer failed.
    timer_failures: u8,
    open_alerts: usize,
    /// The record that was just taken, to be kept.
    new_record: Option<Arc<AdmissionRecord>>,
    /// Why the stay is over, once it is.
    leaving: Option<&'static str>,
    _life_line: LifeLine,
}

/// One thing to do for the patient.
enum Task {
    Observe(Observe),
    ObserveAgain(ObserveAgain),
    TellMemoryLost,
    Admit(Admit),
    HearOfDevice(HearOfDevice),
    Tick(Tick),
    Leave(Leave),
    HandOver(HandOver),
}

/// A verdict that the rules are being asked for.
struct Verdict {
    number: u64,
    /// The memory after what led to it; kept once the verdict is there.
    draft: Patient,
    inquiry: Inquiry,
    answers: Vec<Option<Analysis>>,
    outstanding: usize,
    cause: Cause,
    /// What was caused already, without the rules.
    outcome: Outcome,
    receipt: Receipt,
}

/// What led to a verdict.
enum Cause {
    Reading { reading: Box<Reading>, payload: Bytes },
    Record,
    Device,
    Timer { due: Uptime },
}

impl PatientActor {
    /// The actor of this patient; without a memory it waits for one.
    pub fn new(shard: &Rc<Shard>, patient: Option<Patient>) -> Self {
        Self {
            shard: Rc::clone(shard),
            patient,
            me: None,
            waiting: VecDeque::new(),
            verdict: None,
            verdicts: 0,
            armed: None,
            timer_failures: 0,
            open_alerts: 0,
            new_record: None,
            leaving: None,
            _life_line: LifeLine::new("patient", &shard.outlet),
        }
    }

    /// Does a task now, or in its turn.
    fn take(&mut self, task: Task, ctx: &mut Context<Self>) {
        if self.waiting.is_empty() && self.is_free() {
            self.begin(task, ctx);
        } else {
            self.waiting.push_back(task);
        }
        self.go_on(ctx);
    }

    /// Whether no verdict has to be waited for.
    fn is_free(&self) -> bool {
        self.verdict.is_none() && self.patient.is_some()
    }

    /// Does what waits, until a verdict has to be waited for.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        while self.is_free() {
            let Some(task) = self.waiting.pop_front() else { return };
            self.begin(task, ctx);
        }
    }

    fn begin(&mut self, task: Task, ctx: &mut Context<Self>) {
        match task {
            Task::Observe(observe) => self.observe(observe),
            Task::ObserveAgain(again) => self.observe_again(again),
            Task::TellMemoryLost => self.tell_failure(Receipt::none()),
            Task::Admit(admit) => self.admit(admit),
            Task::HearOfDevice(status) => self.hear_of_device(status),
            Task::Tick(tick) => self.tick(&tick),
            Task::Leave(leave) => self.leave(leave, ctx),
            Task::HandOver(hand_over) => self.hand_over(hand_over, ctx),
        }
    }

    /// Takes one step on a copy of the memory; none where it failed.
    fn attempt<T>(&self, step: impl FnOnce(&mut Patient) -> T) -> Option<(Patient, T)> {
        let mut draft = self.patient.clone()?;
        match catch_unwind(AssertUnwindSafe(|| step(&mut draft))) {
            Ok(done) => Some((draft, done)),
            Err(_) => {
                error!(patient = %draft.id(), "judging failed inside WardWatch; the patient goes on without it");
                None
            }
        }
    }

    fn observe(&mut self, Observe { reading, payload, receipt }: Observe) {
        self.observe_at(reading, payload, receipt, self.shard.listening.get(), self.shard.clock.now());
    }

    /// A reading from before the restart, at the time of its arrival; it is kept already.
    fn observe_again(&mut self, ObserveAgain { reading }: ObserveAgain) {
        let deaf = Listening { since: None, ..self.shard.listening.get() };
        let now = self.shard.clock.now();
        let arrival = Now { uptime: now.uptime_at(reading.received_at), wall: reading.received_at };
        self.observe_at(reading, Bytes::new(), Receipt::none(), deaf, arrival);
    }

    fn observe_at(
        &mut self,
        reading: Box<Reading>,
        payload: Bytes,
        receipt: Receipt,
        listening: Listening,
        now: Now,
    ) {
        let observed = self.attempt(|patient| patient.observe(&reading, listening, now));
        let counters = &self.shard.counters;
        let Some((draft, observed)) = observed else { return self.cost(payload, receipt) };
        match observed {
            Observed::Duplicate => {
                counters.duplicates.add(1);
                receipt.settle();
            }
            Observed::Refused(refusal) => {
                self.patient = Some(draft);
                self.refuse(refusal, payload);
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
                self.ask(draft, inquiry, Cause::Reading { reading, payload }, Outcome::default(), receipt);
            }
        }
    }

    fn admit(&mut self, Admit { record, receipt }: Admit) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.admit(record, listening, now)) {
            Some((draft, Some(inquiry))) => {
                self.ask(draft, inquiry, Cause::Record, Outcome::default(), receipt)
            }
            Some((_, None)) => receipt.settle(),
            None => self.cost(Bytes::new(), receipt),
        }
    }

    fn hear_of_device(&mut self, HearOfDevice { device, online, receipt }: HearOfDevice) {
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.device_status(&device, online, listening, now)) {
            Some((draft, inquiry)) => self.ask(draft, inquiry, Cause::Device, Outcome::default(), receipt),
            None => self.cost(Bytes::new(), receipt),
        }
    }

    fn tick(&mut self, tick: &Tick) {
        let due = tick.due;
        self.armed = None;
        let (listening, now) = (self.shard.listening.get(), self.shard.clock.now());
        match self.attempt(|patient| patient.tick(due, listening, now)) {
            Some((draft, (outcome, Some(inquiry)))) => {
                self.ask(draft, inquiry, Cause::Timer { due }, outcome, Receipt::none());
            }
            Some((draft, (outcome, None))) => {
                self.timer_failures = 0;
                self.patient = Some(draft);
                self.deliver(None, outcome, Receipt::none());
                self.ticked(due);
            }
            None => self.timer_failed(due),
        }
    }

    /// Asks every rule.
    fn ask(&mut self, draft: Patient, inquiry: Inquiry, cause: Cause, outcome: Outcome, receipt: Receipt) {
        self.verdicts += 1;
        let (number, outstanding) = (self.verdicts, self.shard.rules.len());
        if let Some(me) = &self.me {
            for (place, (_, rule)) in self.shard.rules.iter().enumerate() {
                let (view, asker) = (Arc::clone(&inquiry.view), Arc::clone(me));
                rule.do_send(Analyze { view, verdict: number, place, asker });
            }
        }
        let answers = vec![None; outstanding];
        let verdict = Verdict { number, draft, inquiry, answers, outstanding, cause, outcome, receipt };
        self.verdict = Some(Box::new(verdict));
    }

    /// Every rule has answered.
    fn judge(&mut self, verdict: Verdict) {
        let Verdict { mut draft, inquiry, answers, cause, mut outcome, receipt, .. } = verdict;
        let rules = self.shard.rules.iter().map(|(name, _)| name.clone());
        let answers = rules.zip(answers).collect();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let caused = draft.judge(&inquiry, answers);
            (draft, caused)
        }));
        let Ok((patient, caused)) = judged else {
            error!(patient = %inquiry.view.patient, "judging failed inside WardWatch; the patient goes on without it");
            return match cause {
                Cause::Reading { payload, .. } => self.cost(payload, receipt),
                Cause::Record | Cause::Device => self.cost(Bytes::new(), receipt),
                Cause::Timer { due } => self.timer_failed(due),
            };
        };
        self.patient = Some(patient);
        outcome.extend(caused);
        match cause {
            Cause::Reading { reading, .. } => self.deliver(Some(reading), outcome, receipt),
            Cause::Record => {
                self.new_record = self.patient.as_ref().map(|patient| Arc::clone(patient.record()));
                self.deliver(None, outcome, receipt);
            }
            Cause::Device => self.deliver(None, outcome, receipt),
            Cause::Timer { due } => {
                self.timer_failures = 0;
                self.deliver(None, outcome, receipt);
                self.ticked(due);
            }
        }
    }

    /// Hands on what was caused, and asks to be woken for what is due next.
    fn deliver(&mut self, reading: Option<Box<Reading>>, mut outcome: Outcome, receipt: Receipt) {
        let Some(patient) = &self.patient else { return receipt.settle() };
        let id = patient.id().clone();
        for notice in std::mem::take(&mut outcome.notices) {
            self.shard.census.do_send(Notify { patient: id.clone(), notice });
        }
        if !outcome.changes.is_empty() {
            let open = patient.open_alerts();
            self.shard.counters.open_alerts.change(self.open_alerts, open);
            self.open_alerts = open;
        }
        let (saved, record) = (self.memory_to_save(), self.new_record.take());
        if reading.is_none() && outcome.is_empty() && saved.is_none() && record.is_none() {
            receipt.settle();
        } else {
            let subject = Subject::Patient(id);
            self.shard.outlet.keep(Kept { subject, reading, outcome, saved, record, receipt });
        }
        self.arm();
    }

    /// The memory, where it is to be saved with what was just caused.
    fn memory_to_save(&mut self) -> Option<Saved> {
        if !self.shard.outlet.saves() {
            return None;
        }
        if let Some(reason) = self.leaving {
            return Some(Saved::Gone { discharged: reason != LEFT });
        }
        let now = self.shard.clock.now();
        self.patient.as_mut()?.to_save(now).map(Saved::Now)
    }

    /// Asks the census for an earlier waking, where one is due earlier.
    fn arm(&mut self) {
        let Some(patient) = &self.patient else { return };
        let Some(next) = patient.next_deadline().filter(|_| self.leaving.is_none()) else { return };
        if self.armed.is_none_or(|armed| next < armed) {
            let arm = Arm { patient: patient.id().clone(), at: next, instead_of: self.armed.replace(next) };
            self.shard.census.do_send(arm);
        }
    }

    fn ticked(&self, due: Uptime) {
        self.shard.census.do_send(Ticked { due });
    }

    /// Something failed on this message: it is refused, and the failure is an alert.
    fn cost(&mut self, payload: Bytes, receipt: Receipt) {
        self.refuse(Refusal::Failed, payload);
        self.tell_failure(receipt);
    }

    fn tell_failure(&mut self, receipt: Receipt) {
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
        self.ticked(due);
    }

    fn refuse(&self, refusal: Refusal, payload: Bytes) {
        let Some(patient) = self.patient.as_ref().map(Patient::id) else { return };
        self.shard.counters.rejected.add(1);
        if let Refusal::Flooding { device, .. } = &refusal {
            let notice = Notice::Floods(device.clone());
            self.shard.census.do_send(Notify { patient: patient.clone(), notice });
        }
        let at = self.shard.clock.now().wall;
        self.shard.outlet.refuse(Refused { patient: patient.clone(), refusal, payload, at });
    }

    /// The stay ends, and with it this actor.
    fn leave(&mut self, leave: Leave, ctx: &mut Context<Self>) {
        self.end_stay(leave.reason, leave.receipt);
        ctx.stop();
    }

    /// The memory moves to the actor of the same person in another unit.
    fn hand_over(&mut self, HandOver { to, id }: HandOver, ctx: &mut Context<Self>) {
        let moved = self.patient.clone().map(|patient| Box::new(patient.transferred_to(id)));
        self.end_stay("transferred", Receipt::none());
        if let Some(patient) = moved {
            to.do_send(Inherit { patient });
        }
        ctx.stop();
    }

    fn end_stay(&mut self, reason: &'static str, receipt: Receipt) {
        let now = self.shard.clock.now();
        match self.attempt(|patient| patient.leave(reason, now)) {
            Some((patient, outcome)) => {
                self.patient = Some(patient);
                self.leaving = Some(reason);
                self.deliver(None, outcome, receipt);
            }
            None => receipt.settle(),
        }
    }
}

impl Actor for PatientActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.me = Some(Arc::new(ctx.address()));
        self.open_alerts = self.patient.as_ref().map_or(0, Patient::open_alerts);
        self.shard.counters.open_alerts.change(0, self.open_alerts);
        self.arm();
    }
}

/// A reading of this patient arrived.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Observe {
    pub reading: Box<Reading>,
    /// As it was sent, for whoever mends it if it is refused.
    pub payload: Bytes,
    pub receipt: Receipt,
}

impl Handler<Observe> for PatientActor {
    type Result = ();

    fn handle(&mut self, observe: Observe, ctx: &mut Self::Context) {
        self.take(Task::Observe(observe), ctx);
    }
}

/// A reading from before the restart, that came after the memory was saved.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObserveAgain {
    pub reading: Box<Reading>,
}

impl Handler<ObserveAgain> for PatientActor {
    type Result = ();

    fn handle(&mut self, again: ObserveAgain, ctx: &mut Self::Context) {
        self.take(Task::ObserveAgain(again), ctx);
    }
}

/// The memory could not be read after the restart: says so, as an alert.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TellMemoryLost;

impl Handler<TellMemoryLost> for PatientActor {
    type Result = ();

    fn handle(&mut self, _: TellMemoryLost, ctx: &mut Self::Context) {
        self.take(Task::TellMemoryLost, ctx);
    }
}

impl Handler<Found> for PatientActor {
    type Result = ();

    fn handle(&mut self, Found { verdict: number, place, analysis }: Found, ctx: &mut Self::Context) {
        let Some(verdict) = self.verdict.as_mut().filter(|verdict| verdict.number == number) else { return };
        verdict.answers[place] = analysis;
        verdict.outstanding -= 1;
        if verdict.outstanding == 0
            && let Some(verdict) = self.verdict.take()
        {
            self.judge(*verdict);
            self.go_on(ctx);
        }
    }
}

/// An admission record of this patient came.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Admit {
    pub record: AdmissionRecord,
    pub receipt: Receipt,
}

impl Handler<Admit> for PatientActor {
    type Result = ();

    fn handle(&mut self, admit: Admit, ctx: &mut Self::Context) {
        self.take(Task::Admit(admit), ctx);
    }
}

/// A device of this patient says that it is gone, or back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HearOfDevice {
    pub device: DeviceId,
    pub online: bool,
    pub receipt: Receipt,
}

impl Handler<HearOfDevice> for PatientActor {
    type Result = ();

    fn handle(&mut self, status: HearOfDevice, ctx: &mut Self::Context) {
        self.take(Task::HearOfDevice(status), ctx);
    }
}

/// The time has come that the patient asked to be woken for. Answered by [`Ticked`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tick {
    pub due: Uptime,
}

impl Handler<Tick> for PatientActor {
    type Result = ();

    fn handle(&mut self, tick: Tick, ctx: &mut Self::Context) {
        self.take(Task::Tick(tick), ctx);
    }
}

/// The stay ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave {
    pub reason: &'static str,
    pub receipt: Receipt,
}

impl Handler<Leave> for PatientActor {
    type Result = ();

    fn handle(&mut self, leave: Leave, ctx: &mut Self::Context) {
        self.take(Task::Leave(leave), ctx);
    }
}

/// The patient is transferred: its memory goes to another actor, under another id.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HandOver {
    pub to: Addr<PatientActor>,
    pub id: PatientId,
}

impl Handler<HandOver> for PatientActor {
    type Result = ();

    fn handle(&mut self, hand_over: HandOver, ctx: &mut Self::Context) {
        self.take(Task::HandOver(hand_over), ctx);
    }
}

/// The memory of a patient who was transferred here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Inherit {
    pub patient: Box<Patient>,
}

impl Handler<Inherit> for PatientActor {
    type Result = ();

    fn handle(&mut self, Inherit { patient }: Inherit, ctx: &mut Self::Context) {
        self.patient = Some(*patient);
        self.go_on(ctx);
    }
}
