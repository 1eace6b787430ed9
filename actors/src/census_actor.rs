//! The actor that knows who is here: it brings each message to its patient, and wakes patients in time.

mod commands;
mod discharges;
mod notices;
mod receivers;
mod reload;
mod restart;
mod steps;
mod turns;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use bytes::Bytes;

use crate::admission::AdmissionRecord;
use crate::analyzer_actor::AnalyzerActor;
use crate::analyzers::Analyzer;
use crate::census::progress::Progress;
use crate::census::{Census, Entry};
use crate::clock::{Clock, Timestamp, Uptime};
use crate::commands::{AnsweredCommands, CommandGate, UsedCommandIds};
use crate::counters::Counters;
use crate::installation::ShardReport;
use crate::installation_actor::{InstallationActor, JoinShard};
use crate::outlet::Outlet;
use crate::patient::{Listening, Patient};
use crate::patient_actor::{HearOfDevice, HearOfUnit, PatientActor, Tick};
use crate::people::{Departure, DeviceId, PatientId};
use crate::receipt::Receipt;
use crate::settings::Settings;
use crate::shard::{PanicReporter, ShardContext};
use crate::vitals::Reading;

pub use commands::Commanded;
pub use discharges::{ConfirmDischarges, Discharge};
pub use notices::{Notify, OwnClockJudged, ShowPatients, UnitJudged};
pub use receivers::{Confirmed, ReceiversJudged, Registered};
pub use reload::Reload;
pub use restart::{Restore, WatchedAgain};
pub use turns::MessagesFlooded;

use restart::Restoring;
use turns::Queue;

/// How many readings may wait for the admission records.
const MOST_HELD: usize = 10_000;

/// The number of the one shard there is.
const SHARD: usize = 0;

/// Where the census of a shard is reached.
pub type CensusAddress = Addr<CensusActor>;

/// Where a patient's actor is reached.
type PatientAddress = Arc<Addr<PatientActor>>;

/// Who is here.
///
/// Its mailbox is bounded by the readings that the ingest leaves unacknowledged, and by one timer and
/// one notice of each patient.
pub struct CensusActor {
    shard: Rc<ShardContext>,
    installation: Addr<InstallationActor>,
    census: Census<PatientAddress>,
    progress: Progress,
    /// Readings of unknown patients, until the admission records have been heard.
    held: Vec<Arrived>,
    /// Who may command what.
    gate: CommandGate,
    /// Which commands came before, and for whom.
    used_ids: UsedCommandIds,
    /// What was answered to commands about who is here.
    answered: AnsweredCommands,
    /// Readings beyond their device's rate, until their turn.
    queue: Queue,
    /// Whether somebody was not admitted, and no place has become free since.
    full: bool,
    /// What the installation was last given of this shard.
    reported: ShardReport,
    timer: Option<(Uptime, SpawnHandle)>,
    /// Whether somebody will look at the discharges that wait.
    discharges_armed: bool,
    /// While those from before the restart are being taken up again.
    restoring: Option<Restoring>,
    _panic_reporter: PanicReporter,
}

/// What a shard is made of.
pub struct ShardParts {
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub outlet: Rc<dyn Outlet>,
    pub counters: Arc<Counters>,
    /// Made anew for each shard, in the order in which their findings are judged.
    pub rules: Vec<Box<dyn Analyzer>>,
}

impl CensusActor {
    /// Starts a shard that is the only one, with the installation's actor.
    pub fn start_alone(parts: ShardParts) -> CensusAddress {
        let ShardParts { settings, clock, outlet, counters, .. } = &parts;
        let installation = InstallationActor::start_with(settings, 1, clock, outlet, counters);
        Self::start_with(parts, installation)
    }

    /// Starts a shard in which nobody is, with the rules that judge whoever comes.
    pub fn start_with(parts: ShardParts, installation: Addr<InstallationActor>) -> CensusAddress {
        let context = Context::new();
        let address = context.address();
        installation.do_send(JoinShard { census: address.clone() });
        let ShardParts { settings, clock, outlet, counters, rules } = parts;
        let shard = Rc::new(ShardContext {
            first_analyzer: RefCell::new(AnalyzerActor::start_all(rules, &outlet)),
            listening: Cell::new(Listening { since: None, own_clock_suspect: false }),
            gone: RefCell::default(),
            confirmable: RefCell::default(),
            census: address.clone(),
            settings: RefCell::new(settings),
            clock,
            outlet,
            counters,
        });
        context.run(Self {
            census: Census::new(shard.settings()),
            _panic_reporter: PanicReporter::new("census", &shard.outlet),
            shard,
            installation,
            progress: Progress::default(),
            held: Vec::new(),
            gate: CommandGate::default(),
            used_ids: UsedCommandIds::default(),
            answered: AnsweredCommands::default(),
            queue: Queue::default(),
            full: false,
            reported: ShardReport::default(),
            timer: None,
            discharges_armed: false,
            restoring: None,
        });
        address
    }

    /// Admits the patient, whose actor gets a memory that begins with `stay`.
    fn admit(
        &mut self,
        patient: &PatientId,
        stay: Timestamp,
        record: Option<Arc<AdmissionRecord>>,
    ) -> PatientAddress {
        let mut memory = Patient::new(patient.clone(), &self.shard.settings(), stay, self.shard.clock.now());
        if let Some(end) = self.census.last_stay_ended(patient) {
            memory.follow_stay(end);
        }
        let confirmed = record.is_some();
        self.enter(patient, Some(memory), record, confirmed)
    }

    /// Enters the patient, whose actor without a memory waits for one.
    fn enter(
        &mut self,
        patient: &PatientId,
        memory: Option<Patient>,
        record: Option<Arc<AdmissionRecord>>,
        confirmed: bool,
    ) -> PatientAddress {
        let actor = PatientActor::start_with(&self.shard, memory);
        self.census.enter(patient, Entry::new(Arc::clone(&actor), record, confirmed));
        self.shard.counters.patients.change(self.census.len() - 1, self.census.len());
        self.shard.outlet.follow(patient);
        if self.census.is_unit_unheard(patient) {
            actor.do_send(HearOfUnit { unheard: true });
        }
        actor
    }

    /// Ends the patient's entry; the actor ends when it has done what it was sent before.
    fn remove(&mut self, patient: &PatientId, departure: Departure) -> Option<Entry<PatientAddress>> {
        let entry = self.census.leave(patient, departure, self.shard.clock.now())?;
        self.shard.counters.patients.change(self.census.len() + 1, self.census.len());
        self.shard.outlet.unfollow(patient);
        self.full = self.full && self.census.is_full();
        Some(entry)
    }

    /// Wakes whoever is due first.
    ///
    /// Nobody is woken before all has been heard that was said until then: a reading on its way may decide.
    fn wake(&mut self, ctx: &mut Context<Self>) {
        if self.shard.listening.get().since.is_none() {
            return;
        }
        let until = self.progress.timers_may_run_to(self.shard.clock.uptime());
        if let Some(due) = until.and_then(|until| self.census.due(until)) {
            for patient in &due.patients {
                if let Some(entry) = self.census.entry(patient.as_str()) {
                    entry.address.do_send(Tick { due: due.at });
                }
            }
        }
        self.arm_timer(ctx);
    }

    /// Arms the one timer for whoever is due next.
    fn arm_timer(&mut self, ctx: &mut Context<Self>) {
        let now = self.shard.clock.uptime();
        let next = self.census.next_deadline().and_then(|next| self.progress.look_again_at(next, now));
        let Some(next) = next else { return };
        if let Some((at, handle)) = self.timer {
            if at <= next && at > now {
                return;
            }
            ctx.cancel_future(handle);
        }
        let wait = next.since(now).to_duration();
        let handle = ctx.run_later(wait, |census, ctx| {
            census.timer = None;
            census.wake(ctx);
        });
        self.timer = Some((next, handle));
    }

    /// Brings what waited for the admission records.
    fn release_held_readings(&mut self) {
        for arrived in std::mem::take(&mut self.held) {
            self.bring(arrived);
        }
    }

    /// From when on silence counts; none while nothing can be heard.
    fn listen_since(&self, since: Option<Uptime>) {
        self.shard.listening.set(Listening { since, ..self.shard.listening.get() });
    }
}

impl Actor for CensusActor {
    type Context = Context<Self>;
}

/// A reading arrived for the patient of this id.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arrived {
    /// `unit/patient`, the names checked.
    pub patient: Box<str>,
    pub reading: Box<Reading>,
    /// As it was sent, for whoever mends it if it is rejected.
    pub payload: Bytes,
    /// Bytes of the payload that are this reading's: where several came in one message, its share.
    pub size: usize,
    pub receipt: Receipt,
}

impl Handler<Arrived> for CensusActor {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, ctx: &mut Self::Context) {
        self.arrive(arrived, ctx);
    }
}

/// The admission record of a patient came.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recorded {
    pub patient: PatientId,
    pub record: AdmissionRecord,
    pub receipt: Receipt,
}

impl Handler<Recorded> for CensusActor {
    type Result = ();

    fn handle(&mut self, Recorded { patient, record, receipt }: Recorded, _: &mut Self::Context) {
        self.record(&patient, Arc::new(record), receipt);
    }
}

/// A device said that it is online or offline, or its last will did.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeviceStatus {
    pub device: DeviceId,
    pub online: bool,
    pub receipt: Receipt,
}

impl Handler<DeviceStatus> for CensusActor {
    type Result = ();

    fn handle(&mut self, DeviceStatus { device, online, receipt }: DeviceStatus, _: &mut Self::Context) {
        for patient in self.census.device_status(&device, online) {
            if let Some(entry) = self.census.entry(patient.as_str()) {
                let (device, receipt) = (device.clone(), receipt.clone());
                entry.address.do_send(HearOfDevice { device, online, receipt });
            }
        }
        receipt.settle();
    }
}

/// What can be heard of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum IngestProgress {
    /// Nothing: no connection, or the process stood still.
    Interrupted,
    /// Nothing yet: a connection to the broker began, to which devices come back too.
    Connected,
    /// All retained admission records have been heard.
    RecordsRead,
    /// Nothing more comes, the records included: what is held fills our room, or the broker's window.
    Stalled,
    /// All that was said before this has been heard.
    CaughtUpTo(Uptime),
    /// Everything that was queued has been heard: from here on, silence is silence.
    Live,
}

impl Handler<IngestProgress> for CensusActor {
    type Result = ();

    fn handle(&mut self, progress: IngestProgress, ctx: &mut Self::Context) {
        let now = self.shard.clock.uptime();
        match progress {
            IngestProgress::Interrupted => self.listen_since(None),
            IngestProgress::Connected => {
                self.listen_since(None);
                self.progress.connected(now, self.shard.settings().alerts.devices_back_within);
            }
            IngestProgress::RecordsRead => {
                if self.census.records_heard() {
                    self.begin_to_discharge_unrecorded(ctx);
                }
                self.release_held_readings();
            }
            IngestProgress::Stalled => {
                self.census.stall();
                self.release_held_readings();
            }
            IngestProgress::CaughtUpTo(upto) => {
                self.progress.caught_up_to(upto);
                self.wake(ctx);
            }
            IngestProgress::Live => {
                self.listen_since(Some(now));
                self.wake(ctx);
            }
        }
    }
}

/// A patient asks to be woken, instead of whenever it asked for before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arm {
    pub patient: PatientId,
    pub at: Uptime,
}

impl Handler<Arm> for CensusActor {
    type Result = ();

    fn handle(&mut self, Arm { patient, at }: Arm, ctx: &mut Self::Context) {
        self.census.arm(&patient, at);
        self.arm_timer(ctx);
    }
}

/// A patient that was woken has done what was due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ticked;

impl Handler<Ticked> for CensusActor {
    type Result = ();

    fn handle(&mut self, _: Ticked, ctx: &mut Self::Context) {
        self.census.answered();
        self.report();
        self.wake(ctx);
    }
}
