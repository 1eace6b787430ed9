//! The actor of one patient: has each reading judged, one after the other, and delivers the verdict.
//!
//! The patient's memory is copied before each step and the copy kept only if the step succeeds: a
//! panic costs the reading that led to it, and leaves no trace in the memory.

mod delivery;
mod steps;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use uuid::Uuid;

use crate::admission::AdmissionRecord;
use crate::analyzer_actor::{Analyze, Found};
use crate::census_actor::WatchedAgain;
use crate::clock::Uptime;
use crate::commands::Command;
use crate::patient::Patient;
use crate::patient::outcome::{Inquiry, Outcome};
use crate::people::{Departure, DeviceId, PatientId, ReceiverName};
use crate::receipt::Receipt;
use crate::receivers::Confirmation;
use crate::shard::{PanicReporter, ShardContext};
use crate::vitals::Reading;

/// One patient.
///
/// Its mailbox and its queue are bounded by the readings that the ingest leaves unacknowledged.
pub struct PatientActor {
    shard: Rc<ShardContext>,
    /// None until the memory of a transferred patient arrives. In a box, since each step goes by a copy.
    patient: Option<Box<Patient>>,
    /// Shared with the census, and with whoever is asked something: an address of one's own is three allocations.
    me: Arc<Addr<Self>>,
    /// What came while a verdict was being found, in its order.
    waiting: VecDeque<Task>,
    /// In a box, since most patients wait for none at any moment.
    verdict: Option<Box<PendingVerdict>>,
    verdicts: u64,
    /// For when the census was asked to wake this patient.
    armed: Option<Uptime>,
    /// How often in a row a timer failed.
    timer_failures: u8,
    open_alerts: usize,
    /// The alerts of which somebody may confirm a change, as the shard knows them.
    confirmable: Vec<Uuid>,
    /// The record that was just taken, to be kept.
    new_record: Option<Arc<AdmissionRecord>>,
    /// How the stay ended, once it has.
    departure: Option<Departure>,
    /// Whether the memory of the same person in another unit is on its way here: nothing is done before.
    awaits_memory: bool,
    _panic_reporter: PanicReporter,
}

/// One thing to do for the patient; each waits in a queue while a verdict is being found.
macro_rules! tasks {
    ($($message:ident)+) => {
        enum Task {
            $($message($message),)+
        }

        $(impl From<$message> for Task {
            fn from(message: $message) -> Self {
                Self::$message(message)
            }
        })+
    };
}

tasks!(Observe ObserveAgain ReportMemoryLost ConfirmWatched Admit HoldDischarge HearOfDevice HearOfUnit Reconsider Obey HearConfirmation ReceiverGone Tick Leave HandOver Inherit Show);

/// Every task is done now, or in its turn.
impl<M> Handler<M> for PatientActor
where
    M: Message<Result = ()> + Into<Task>,
{
    type Result = ();

    fn handle(&mut self, message: M, ctx: &mut Self::Context) {
        if self.waiting.is_empty() && self.is_free() {
            self.begin(message.into(), ctx);
        } else {
            self.waiting.push_back(message.into());
        }
        self.go_on(ctx);
    }
}

/// A verdict that the rules are being asked for.
struct PendingVerdict {
    number: u64,
    /// The memory after what led to it; kept once the verdict is there.
    draft: Box<Patient>,
    inquiry: Inquiry,
    cause: VerdictCause,
    /// What was caused already, without the rules.
    outcome: Outcome,
    receipt: Receipt,
}

/// What led to a verdict.
enum VerdictCause {
    Reading {
        reading: Box<Reading>,
        payload: Bytes,
    },
    /// A reading from before the restart: it is kept already.
    Again,
    Record,
    /// A device's word, or one about the unit.
    Status,
    Command,
    Timer {
        due: Uptime,
    },
}

impl PatientActor {
    /// Starts the actor of this patient; without a memory it waits for one.
    pub fn start_with(shard: &Rc<ShardContext>, patient: Option<Patient>) -> Arc<Addr<Self>> {
        let context = Context::new();
        let me = Arc::new(context.address());
        context.run(Self {
            shard: Rc::clone(shard),
            patient: patient.map(Box::new),
            me: Arc::clone(&me),
            waiting: VecDeque::new(),
            verdict: None,
            verdicts: 0,
            armed: None,
            timer_failures: 0,
            open_alerts: 0,
            confirmable: Vec::new(),
            new_record: None,
            departure: None,
            awaits_memory: false,
            _panic_reporter: PanicReporter::new("patient", &shard.outlet),
        });
        me
    }

    /// Whether no verdict has to be waited for.
    fn is_free(&self) -> bool {
        self.verdict.is_none() && self.patient.is_some() && !self.awaits_memory
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
            Task::ReportMemoryLost(_) => self.raise_failure(Receipt::none()),
            Task::ConfirmWatched(_) => self.shard.census.do_send(WatchedAgain),
            Task::Admit(admit) => self.admit(admit),
            Task::HoldDischarge(hold) => self.hold_discharge(hold),
            Task::HearOfDevice(status) => self.hear_of_device(status),
            Task::HearOfUnit(unit) => self.hear_of_unit(unit),
            Task::Reconsider(_) => self.reconsider(),
            Task::Obey(obey) => self.obey(obey),
            Task::HearConfirmation(confirmation) => self.hear_confirmation(confirmation),
            Task::ReceiverGone(gone) => self.receiver_gone(&gone),
            Task::Tick(tick) => self.tick(&tick),
            Task::Leave(leave) => self.leave(leave, ctx),
            Task::HandOver(hand_over) => self.hand_over(hand_over, ctx),
            Task::Inherit(inherit) => self.inherit(inherit),
            Task::Show(_) => self.show(),
        }
    }

    /// Asks every rule.
    fn ask(
        &mut self,
        draft: Box<Patient>,
        inquiry: Inquiry,
        cause: VerdictCause,
        outcome: Outcome,
        receipt: Receipt,
    ) {
        self.verdicts += 1;
        let number = self.verdicts;
        let (view, asker) = (Arc::clone(&inquiry.view), Arc::clone(&self.me));
        let question = Analyze { view, verdict: number, answers: Vec::new(), asker };
        question.go_on(self.shard.first_analyzer.borrow().as_ref());
        let verdict = PendingVerdict { number, draft, inquiry, cause, outcome, receipt };
        self.verdict = Some(Box::new(verdict));
    }

    /// The stay ends, and with it this actor.
    fn leave(&mut self, leave: Leave, ctx: &mut Context<Self>) {
        self.end_stay(leave.departure, leave.receipt);
        ctx.stop();
    }

    /// The memory moves to the actor of the same person in another unit.
    fn hand_over(&mut self, HandOver { to, id }: HandOver, ctx: &mut Context<Self>) {
        let moved = self.patient.clone();
        self.end_stay(Departure::Transferred, Receipt::none());
        if let Some(patient) = moved {
            to.do_send(BringMemory { patient, id });
        }
        ctx.stop();
    }
}

impl Actor for PatientActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.open_alerts = self.patient.as_ref().map_or(0, |patient| patient.open_alerts());
        self.shard.counters.open_alerts.change(0, self.open_alerts);
        self.publish_unconfirmed_again();
        self.note_confirmable();
        self.arm();
    }
}

/// A reading of this patient arrived.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Observe {
    pub reading: Box<Reading>,
    /// As it was sent, for whoever mends it if it is rejected.
    pub payload: Bytes,
    pub receipt: Receipt,
}

/// A reading from before the restart, that came after the memory was saved.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObserveAgain {
    pub reading: Box<Reading>,
}

/// The memory could not be read after the restart: says so, as an alert.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReportMemoryLost;

/// All from before the restart was sent: answered by [`WatchedAgain`] when it has been observed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ConfirmWatched;

impl Handler<Found> for PatientActor {
    type Result = ();

    fn handle(&mut self, Found { verdict: number, answers }: Found, ctx: &mut Self::Context) {
        let Some(verdict) = self.verdict.take_if(|verdict| verdict.number == number) else { return };
        self.judge(*verdict, answers);
        self.go_on(ctx);
    }
}

/// An admission record of this patient came.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Admit {
    pub record: Arc<AdmissionRecord>,
    pub receipt: Receipt,
}

/// The site's settings changed: what is known is judged by the new ones.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reconsider;

/// The patient is to be discharged, with so many others that it is held, or no longer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HoldDischarge {
    pub held: bool,
    pub receipt: Receipt,
}

/// A device of this patient says that it is gone, or back.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HearOfDevice {
    pub device: DeviceId,
    pub online: bool,
    pub receipt: Receipt,
}

/// That nothing is heard of this patient's unit is one alert about it from now on, or no longer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HearOfUnit {
    pub unheard: bool,
}

/// Something is commanded of this patient, by somebody who may.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Obey {
    pub command: Box<Command>,
    pub receipt: Receipt,
}

/// A receiver says what it took of this patient's alerts.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HearConfirmation {
    pub confirmation: Confirmation,
    pub receipt: Receipt,
}

/// A receiver is gone: nothing more is asked of it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiverGone {
    pub receiver: ReceiverName,
}

/// The time has come that the patient asked to be woken for. Answered by [`Ticked`](crate::census_actor::Ticked).
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Tick {
    pub due: Uptime,
}

/// Somebody has begun to look at this patient.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Show;

/// The stay ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Leave {
    pub departure: Departure,
    pub receipt: Receipt,
}

/// The patient is transferred: its memory goes to another actor, under another id.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HandOver {
    pub to: Arc<Addr<PatientActor>>,
    pub id: PatientId,
}

/// The memory of the same person in another unit is on its way: nothing is done before it is here.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AwaitMemory;

impl Handler<AwaitMemory> for PatientActor {
    type Result = ();

    fn handle(&mut self, _: AwaitMemory, _: &mut Self::Context) {
        self.awaits_memory = true;
    }
}

/// The memory of a patient who was transferred here, where it goes on under this id.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BringMemory {
    pub patient: Box<Patient>,
    pub id: PatientId,
}

impl Handler<BringMemory> for PatientActor {
    type Result = ();

    fn handle(&mut self, BringMemory { patient, id }: BringMemory, ctx: &mut Self::Context) {
        self.awaits_memory = false;
        match self.patient {
            Some(_) => self.waiting.push_front(Inherit { patient }.into()),
            None => self.patient = Some(Box::new(patient.transferred_to(id))),
        }
        self.go_on(ctx);
    }
}

/// The memory of the same person in another unit is to be taken up beside one's own.
struct Inherit {
    patient: Box<Patient>,
}
