//! The actor that knows who is here: it brings each message to its patient, and wakes patients in time.

mod restart;
mod steps;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, ResponseFuture, SpawnHandle};
use bytes::Bytes;
use tracing::warn;

use crate::admission::AdmissionRecord;
use crate::alerts::{AlertChange, Cause};
use crate::analyzer_actor::AnalyzerActor;
use crate::analyzers::Analyzer;
use crate::census::Census;
use crate::clock::{Clock, Timestamp, Uptime};
use crate::conditions::Condition;
use crate::counters::Counters;
use crate::outlet::Outlet;
use crate::patient::outcome::Notice;
use crate::patient::snapshot::Restored;
use crate::patient::{Listening, Patient};
use crate::patient_actor::{HearOfDevice, PatientActor, Tick};
use crate::people::{Departure, DeviceId, PatientId, Subject};
use crate::receipt::Receipt;
use crate::settings::Settings;
use crate::shard::{PanicReporter, Shard};
use crate::vitals::Reading;
use restart::Restoring;

/// After how many connections in a row devices have had time enough to come back.
const MOST_CONNECTIONS: u32 = 3;

/// How many readings may wait for the admission records.
const MOST_HELD: usize = 10_000;

/// Who is here.
///
/// Its mailbox is bounded by the readings that the ingest leaves unacknowledged, and by one timer and
/// one notice of each patient.
pub struct CensusActor {
    parts: Parts,
    /// Made when the actor starts, since it holds the actor's own address.
    shard: Option<Rc<Shard>>,
    census: Census,
    seats: HashMap<PatientId, Seat>,
    /// Readings of unknown patients, until the admission records have been heard.
    held: Vec<Arrived>,
    /// When each patient asked to be woken.
    wakings: BTreeSet<(Uptime, PatientId)>,
    alarm: Option<(Uptime, SpawnHandle)>,
    /// Everything that was said before has been heard; none where nothing ever is on its way.
    heard_upto: Option<Uptime>,
    /// Until then devices may be on their way back to the broker, with what they kept.
    devices_back_by: Uptime,
    /// How many connections began since a timer last could run.
    connections: u32,
    /// While those from before the restart are being taken up again.
    restoring: Option<Restoring>,
    /// How many patients have been woken and not answered yet.
    awake: usize,
    _panic_reporter: PanicReporter,
}

/// What a shard is made of.
pub struct Parts {
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub outlet: Rc<dyn Outlet>,
    pub counters: Arc<Counters>,
    /// Made anew for each shard, in the order in which their findings are judged.
    pub rules: Vec<Box<dyn Analyzer>>,
}

/// Where a patient's actor is reached.
type PatientAddress = Arc<Addr<PatientActor>>;

struct Seat {
    actor: PatientAddress,
    /// Whether a record has been heard since the start.
    recorded: bool,
}

impl CensusActor {
    /// A census of nobody, with the rules that judge whoever comes.
    pub fn new(parts: Parts) -> Self {
        let census = Census::new(Arc::clone(&parts.settings), parts.clock.now());
        let _panic_reporter = PanicReporter::new("census", &parts.outlet);
        Self {
            parts,
            shard: None,
            census,
            seats: HashMap::new(),
            held: Vec::new(),
            wakings: BTreeSet::new(),
            alarm: None,
            heard_upto: None,
            devices_back_by: Uptime::START,
            connections: 0,
            restoring: None,
            awake: 0,
            _panic_reporter,
        }
    }

    /// Gives the patient a place, and its actor a memory that begins with `stay`.
    fn admit(&mut self, patient: &PatientId, stay: Timestamp, recorded: bool) -> Option<PatientAddress> {
        let memory = Patient::new(patient.clone(), &self.parts.settings, stay, self.parts.clock.now());
        self.seat(patient, Some(memory), recorded)
    }

    fn seat(
        &mut self,
        patient: &PatientId,
        memory: Option<Patient>,
        recorded: bool,
    ) -> Option<PatientAddress> {
        let actor = PatientActor::start_with(self.shard.as_ref()?, memory);
        self.census.admitted(patient);
        self.parts.counters.patients.change(self.seats.len(), self.seats.len() + 1);
        self.seats.insert(patient.clone(), Seat { actor: Arc::clone(&actor), recorded });
        self.parts.outlet.follow(patient);
        Some(actor)
    }

    /// Takes the patient's place away; the actor ends when it has done what it was sent before.
    fn unseat(&mut self, patient: &PatientId) -> Option<Seat> {
        let seat = self.seats.remove(patient)?;
        self.parts.counters.patients.change(self.seats.len() + 1, self.seats.len());
        self.parts.outlet.unfollow(patient);
        self.wakings.retain(|(_, woken)| woken != patient);
        Some(seat)
    }

    /// Wakes whoever is due first, in the order of deadline, then patient.
    ///
    /// The next are woken only when those have answered: what they ask for may be due before. Nobody is woken
    /// before all has been heard that was said until then: a reading on its way may decide.
    fn wake(&mut self, ctx: &mut Context<Self>) {
        if self.awake > 0 || self.listening().since.is_none() {
            return;
        }
        let now = self.parts.clock.now();
        if now.uptime < self.devices_back_by {
            return self.set_alarm(ctx);
        }
        self.connections = 0;
        let until = self.heard_upto.map_or(now.uptime, |upto| upto.min(now.uptime));
        if let Some(due) = self.census.next_deadline().filter(|due| *due <= until) {
            for (unit, changes) in self.census.tick(due, now) {
                self.announce(Subject::Unit(unit), changes);
            }
        }
        if let Some((due, _)) = self.wakings.first().cloned().filter(|(due, _)| *due <= until) {
            while let Some((_, patient)) = self.wakings.first().filter(|(at, _)| *at == due).cloned() {
                self.wakings.pop_first();
                if let Some(seat) = self.seats.get(&patient) {
                    self.awake += 1;
                    seat.actor.do_send(Tick { due });
                }
            }
        }
        if self.awake == 0 {
            self.set_alarm(ctx);
        }
    }

    /// Arms the one timer for whatever is due next.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let first = self.wakings.first().map(|(due, _)| *due);
        let Some(next) = first.into_iter().chain(self.census.next_deadline()).min() else { return };
        let (next, now) = (next.max(self.devices_back_by), self.parts.clock.uptime());
        if next <= now && self.heard_upto.is_some_and(|upto| upto < next) {
            return; // what will have been heard next wakes
        }
        if let Some((at, handle)) = self.alarm {
            if at <= next && at > now {
                return;
            }
            ctx.cancel_future(handle);
        }
        let wait = next.since(now).to_duration();
        let handle = ctx.run_later(wait, |census, ctx| {
            census.alarm = None;
            census.wake(ctx);
        });
        self.alarm = Some((next, handle));
    }

    /// Brings what waited for the admission records.
    fn let_go(&mut self) {
        for arrived in std::mem::take(&mut self.held) {
            self.bring(arrived);
        }
    }

    fn listening(&self) -> Listening {
        let deaf = Listening { since: None, own_clock_suspect: false };
        self.shard.as_ref().map_or(deaf, |shard| shard.listening.get())
    }

    fn set_listening(&self, listening: Listening) {
        if let Some(shard) = &self.shard {
            shard.listening.set(listening);
        }
    }
}

impl Actor for CensusActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let outlet = &self.parts.outlet;
        let rules = std::mem::take(&mut self.parts.rules);
        self.shard = Some(Rc::new(Shard {
            settings: Arc::clone(&self.parts.settings),
            clock: self.parts.clock.clone(),
            outlet: Rc::clone(outlet),
            counters: Arc::clone(&self.parts.counters),
            first_rule: AnalyzerActor::start_all(rules, outlet),
            listening: std::cell::Cell::new(Listening { since: None, own_clock_suspect: false }),
            census: ctx.address(),
        }));
    }
}

/// A reading arrived for the patient of this id.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arrived {
    /// `unit/patient`, the names checked.
    pub patient: Box<str>,
    pub reading: Box<Reading>,
    /// As it was sent, for whoever mends it if it is refused.
    pub payload: Bytes,
    pub receipt: Receipt,
}

impl Handler<Arrived> for CensusActor {
    type Result = ();

    fn handle(&mut self, arrived: Arrived, _: &mut Self::Context) {
        self.census.hears(arrived.reading.device.as_ref());
        self.bring(arrived);
    }
}

/// The admission record of a patient came; none: the patient is discharged.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recorded {
    pub patient: PatientId,
    pub record: Option<AdmissionRecord>,
    pub receipt: Receipt,
}

impl Handler<Recorded> for CensusActor {
    type Result = ();

    fn handle(&mut self, Recorded { patient, record, receipt }: Recorded, _: &mut Self::Context) {
        match record {
            Some(record) => self.record(&patient, record, receipt),
            None => self.discharge(&patient, Departure::Discharged, receipt),
        }
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
            if let Some(seat) = self.seats.get(&patient) {
                let (device, receipt) = (device.clone(), receipt.clone());
                seat.actor.do_send(HearOfDevice { device, online, receipt });
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

    fn handle(&mut self, hearing: IngestProgress, ctx: &mut Self::Context) {
        let listening = self.listening();
        match hearing {
            IngestProgress::Interrupted => self.set_listening(Listening { since: None, ..listening }),
            IngestProgress::Connected => {
                self.set_listening(Listening { since: None, ..listening });
                self.connections += 1;
                // A link that breaks again and again must not hold up every timer for ever.
                if self.connections <= MOST_CONNECTIONS {
                    let within = self.parts.settings.alerts.devices_back_within;
                    self.devices_back_by = self.parts.clock.uptime() + within;
                }
            }
            IngestProgress::RecordsRead => {
                if self.census.records_heard() {
                    self.discharge_unrecorded();
                }
                self.let_go();
            }
            IngestProgress::Stalled => {
                self.census.stall();
                self.let_go();
            }
            IngestProgress::CaughtUpTo(upto) => {
                self.heard_upto = self.heard_upto.max(Some(upto));
                self.wake(ctx);
            }
            IngestProgress::Live => {
                self.set_listening(Listening { since: Some(self.parts.clock.uptime()), ..listening });
                self.wake(ctx);
            }
        }
    }
}

/// What a restart finds. Sent before anything is heard; answered when everybody is watched again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Restore {
    pub patients: Vec<Restored>,
    /// Who was discharged or transferred, and when.
    pub departed: Vec<(PatientId, Timestamp)>,
    /// Alerts about units and the installation that are open for those who listen.
    pub open: Vec<AlertChange>,
}

impl Handler<Restore> for CensusActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, restore: Restore, _: &mut Self::Context) -> Self::Result {
        let watched = self.take_up(restore);
        // Without a sender this actor has ended, and the process is ending.
        Box::pin(async move { drop(watched.await) })
    }
}

/// A patient from before the restart has observed again what its memory lacked.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WatchedAgain;

impl Handler<WatchedAgain> for CensusActor {
    type Result = ();

    fn handle(&mut self, _: WatchedAgain, _: &mut Self::Context) {
        self.note_watched(1);
    }
}

/// Something about the installation is so since `at`, or is so no longer (no words).
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Fact {
    pub condition: Condition,
    pub words: Option<String>,
    pub at: Timestamp,
}

impl Handler<Fact> for CensusActor {
    type Result = ();

    fn handle(&mut self, Fact { condition, words, at }: Fact, _: &mut Self::Context) {
        let cause = words.map(|words| Cause::Words { words });
        let changes = self.census.fact(condition, cause, at, self.parts.clock.now());
        self.announce(Subject::Installation, changes);
    }
}

/// A patient asks to be woken.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Arm {
    pub patient: PatientId,
    pub at: Uptime,
    /// What it asked for before, which is not wanted any more.
    pub instead_of: Option<Uptime>,
}

impl Handler<Arm> for CensusActor {
    type Result = ();

    fn handle(&mut self, Arm { patient, at, instead_of }: Arm, ctx: &mut Self::Context) {
        if let Some(before) = instead_of {
            self.wakings.remove(&(before, patient.clone()));
        }
        if self.seats.contains_key(&patient) {
            self.wakings.insert((at, patient));
        }
        if self.awake == 0 {
            self.set_alarm(ctx);
        }
    }
}

/// A patient that was woken has done what was due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ticked {
    pub due: Uptime,
}

impl Handler<Ticked> for CensusActor {
    type Result = ();

    fn handle(&mut self, _: Ticked, ctx: &mut Self::Context) {
        self.awake = self.awake.saturating_sub(1);
        self.wake(ctx);
    }
}

/// A patient tells something that concerns others.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Notify {
    pub patient: PatientId,
    pub notice: Notice,
}

impl Handler<Notify> for CensusActor {
    type Result = ();

    fn handle(&mut self, Notify { patient, notice }: Notify, ctx: &mut Self::Context) {
        let now = self.parts.clock.now();
        match notice {
            Notice::Measures { device, live } => {
                self.census.measures(&device, &patient);
                if self.census.is_gone(&device, live)
                    && let Some(seat) = self.seats.get(&patient)
                {
                    let receipt = Receipt::none();
                    seat.actor.do_send(HearOfDevice { device, online: false, receipt });
                }
                self.doubt_own_clock();
            }
            Notice::ClockSkew(device, skew) => {
                self.census.note_skew(&device, skew);
                self.doubt_own_clock();
            }
            Notice::Floods(device) => {
                if let Some((unit, changes)) = self.census.floods(&patient, &device, now) {
                    warn!(%patient, %device, "the device floods");
                    self.announce(Subject::Unit(unit), changes);
                    self.set_alarm(ctx);
                }
            }
            Notice::Leaves => self.discharge(&patient, Departure::Left, Receipt::none()),
        }
    }
}
