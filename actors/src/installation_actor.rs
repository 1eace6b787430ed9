//! The actor of what is nobody's in particular: raises one alert, however many shards report the same.

mod receivers;

use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, SpawnHandle};
use tracing::warn;

use crate::alerts::{AlertChange, Event};
use crate::census_actor::{CensusActor, OwnClockJudged, UnitJudged};
use crate::clock::{Clock, Timestamp, Uptime};
use crate::conditions::Condition;
use crate::counters::Counters;
use crate::installation::{Installation, ShardReport, SubjectChanges, UnitHearing};
use crate::outlet::{Kept, Outlet};
use crate::patient::outcome::Outcome;
use crate::people::{DeviceId, UnitId};
use crate::receipt::Receipt;
use crate::settings::Settings;
use crate::shard::PanicReporter;

pub use receivers::{DeliveryReported, ReceiverConfirmed, ReceiverRegistered, ReceiversHeard};

/// What is nobody's in particular.
///
/// Its mailbox is bounded by what each shard reports: one message for each reading at most.
pub struct InstallationActor {
    installation: Installation,
    /// The census of each shard, in the order of their numbers.
    shards: Vec<Addr<CensusActor>>,
    /// What the shards were last given of our own clock.
    own_clock_suspect: bool,
    clock: Clock,
    outlet: Rc<dyn Outlet>,
    counters: Arc<Counters>,
    timer: Option<(Uptime, SpawnHandle)>,
    _panic_reporter: PanicReporter,
}

impl InstallationActor {
    /// Starts the actor for so many shards.
    pub fn start_with(
        settings: &Arc<Settings>,
        shards: usize,
        clock: &Clock,
        outlet: &Rc<dyn Outlet>,
        counters: &Arc<Counters>,
    ) -> Addr<Self> {
        let installation = Installation::new(Arc::clone(settings), shards, clock.now());
        let (outlet, counters) = (Rc::clone(outlet), Arc::clone(counters));
        let _panic_reporter = PanicReporter::new("installation", &outlet);
        let (shards, own_clock_suspect, clock, timer) = (Vec::new(), false, clock.clone(), None);
        Self { installation, shards, own_clock_suspect, clock, outlet, counters, timer, _panic_reporter }
            .start()
    }

    fn announce(&self, (subject, changes): SubjectChanges) {
        if changes.is_empty() {
            return;
        }
        for change in &changes {
            let ended = change.event == Event::Cleared;
            let (before, after) = if ended { (1, 0) } else { (0, usize::from(change.sequence == 1)) };
            self.counters.open_alerts.change(before, after);
        }
        let outcome = Outcome { changes, ..Outcome::default() };
        let (reading, saved, record, receipt) = (None, None, None, Receipt::none());
        self.outlet.keep(Kept { subject, reading, outcome, saved, record, receipt });
    }

    /// Arms the one timer for whatever is due first.
    fn arm_timer(&mut self, ctx: &mut Context<Self>) {
        let next = self.installation.next_deadline();
        if self.timer.is_some_and(|(at, _)| Some(at) == next) {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        self.timer = next.map(|at| {
            let wait = at.since(self.clock.uptime()).to_duration();
            (at, ctx.run_later(wait, move |actor, ctx| actor.time_is_up(at, ctx)))
        });
    }

    fn time_is_up(&mut self, due: Uptime, ctx: &mut Context<Self>) {
        self.timer = None;
        for announcement in self.installation.tick(due, self.clock.now()) {
            self.announce(announcement);
        }
        self.report_own_clock();
        self.report_gone(ctx);
    }

    /// Reports to the shards whether our own clock is suspect, where that has changed.
    fn report_own_clock(&mut self) {
        let suspect = self.installation.own_clock_suspect();
        if std::mem::replace(&mut self.own_clock_suspect, suspect) != suspect {
            self.shards.iter().for_each(|census| census.do_send(OwnClockJudged { suspect }));
        }
    }
}

impl Actor for InstallationActor {
    type Context = Context<Self>;
}

/// A shard has started: what concerns all shards is to reach its census, too.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct JoinShard {
    pub census: Addr<CensusActor>,
}

impl Handler<JoinShard> for InstallationActor {
    type Result = ();

    fn handle(&mut self, JoinShard { census }: JoinShard, _: &mut Self::Context) {
        self.shards.push(census);
    }
}

/// Alerts about units and the installation are open for those who listen, from before a restart.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TakeUp {
    pub open: Vec<AlertChange>,
}

impl Handler<TakeUp> for InstallationActor {
    type Result = ();

    fn handle(&mut self, TakeUp { open }: TakeUp, ctx: &mut Self::Context) {
        self.counters.open_alerts.change(0, open.len());
        self.own_clock_suspect = open.iter().any(|change| change.condition == Condition::ClockWrong(None));
        self.installation.adopt(open, self.clock.now());
        self.report_gone(ctx);
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

impl Handler<Fact> for InstallationActor {
    type Result = ();

    fn handle(&mut self, Fact { condition, words, at }: Fact, ctx: &mut Self::Context) {
        let announcement = self.installation.note_fact(condition, words, at, self.clock.now());
        self.announce(announcement);
        self.arm_timer(ctx);
    }
}

/// The site's settings changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChangeSettings {
    pub settings: Arc<Settings>,
}

impl Handler<ChangeSettings> for InstallationActor {
    type Result = ();

    fn handle(&mut self, ChangeSettings { settings }: ChangeSettings, ctx: &mut Self::Context) {
        let announcement = self.installation.apply(settings, self.clock.now());
        self.announce(announcement);
        self.report_gone(ctx);
    }
}

/// The devices that a shard knows have changed, or what their clocks say, or whether it has room.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ShardReported {
    pub shard: usize,
    pub report: ShardReport,
}

impl Handler<ShardReported> for InstallationActor {
    type Result = ();

    fn handle(&mut self, ShardReported { shard, report }: ShardReported, ctx: &mut Self::Context) {
        let announcements = self.installation.note_shard(shard, report, self.clock.now());
        announcements.into_iter().for_each(|announcement| self.announce(announcement));
        self.report_own_clock();
        self.arm_timer(ctx);
    }
}

/// A device sends more than can be meant.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeviceFlooded {
    pub unit: UnitId,
    pub device: DeviceId,
}

impl Handler<DeviceFlooded> for InstallationActor {
    type Result = ();

    fn handle(&mut self, DeviceFlooded { unit, device }: DeviceFlooded, ctx: &mut Self::Context) {
        let announcements = self.installation.note_flood(&unit, &device, self.clock.now());
        if !announcements.is_empty() {
            warn!(%unit, %device, "device sends more readings than admission.max_rate");
        }
        announcements.into_iter().for_each(|announcement| self.announce(announcement));
        self.arm_timer(ctx);
    }
}

/// How much is heard of a unit's patients on one shard has changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct UnitReported {
    pub shard: usize,
    pub unit: UnitId,
    pub hearing: UnitHearing,
}

impl Handler<UnitReported> for InstallationActor {
    type Result = ();

    fn handle(&mut self, UnitReported { shard, unit, hearing }: UnitReported, ctx: &mut Self::Context) {
        let (announcement, verdict) = self.installation.note_unit(shard, &unit, hearing, self.clock.now());
        if let Some(announcement) = announcement {
            self.announce(announcement);
        }
        if let Some(unheard) = verdict {
            let judged = || UnitJudged { unit: unit.clone(), unheard };
            self.shards.iter().for_each(|census| census.do_send(judged()));
        }
        self.arm_timer(ctx);
    }
}
