//! What is beyond its device's rate waits for its turn, and is judged when others have had theirs.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message};
use bytes::Bytes;

use super::{Arrived, CensusActor};
use crate::census::turns::{Overflow, TurnQueue, WaitingSource};
use crate::installation_actor::DeviceFlooded;
use crate::patient::outcome::ArrivalRejection;
use crate::people::{DeviceId, PatientId};
use crate::receipt::{Ledger, Receipt, TurnCount};
use crate::vitals::Reading;

/// How many readings that waited have their turn before other messages have theirs.
const AT_A_TIME: usize = 64;

/// How many readings that waited may be under way at once; the others have to be safe before more have their turn.
const MOST_UNDER_WAY: usize = 1000;

/// How long to wait where too much is under way.
const WHERE_THERE_IS_NO_ROOM: Duration = Duration::from_millis(2);

/// What a reading that waits costs beside its payload and itself, in bytes: names, receipt, places in queues.
const AROUND_A_READING: usize = 256;

/// How much of a payload is shown where its reading is rejected, in bytes.
const PAYLOAD_SHOWN: usize = 1024;

/// Readings that wait for their turn, and whether they get it.
#[derive(Default)]
pub(super) struct Queue {
    turns: TurnQueue<Arrived>,
    /// Where what is unacknowledged is counted.
    ledger: Option<Arc<dyn Ledger>>,
    /// Those that had their turn and are not safe yet. Messages say nothing of it: one of a thousand readings is done only
    /// when its last is, and many of them, each begun, would leave no room for any to end.
    under_way: TurnCount,
    /// Whether the next turns are under way.
    is_moving: bool,
    /// Whether nothing more is taken from the broker meanwhile.
    holds: bool,
}

impl Queue {
    fn push(&mut self, source: WaitingSource, arrived: Arrived) {
        arrived.receipt.wait();
        self.ledger = arrived.receipt.ledger().cloned();
        let arrived = arrived.without_buffer();
        let bytes = AROUND_A_READING + size_of::<Reading>() + arrived.size;
        self.turns.push(source, bytes, arrived);
    }

    /// The reading whose turn it is, where there is room for one.
    fn next(&mut self) -> Option<(WaitingSource, Arrived)> {
        let has_room = self.under_way.count() < MOST_UNDER_WAY;
        let (source, arrived) = if has_room { self.turns.next_turn()? } else { return None };
        let receipt = arrived.receipt.counted(&self.under_way);
        Some((source, Arrived { receipt, ..arrived }))
    }

    fn is_short(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| ledger.is_short())
    }

    fn hold(&mut self, hold: bool) {
        if let Some(ledger) = self.ledger.as_ref().filter(|_| self.holds != hold) {
            ledger.hold(hold);
        }
        self.holds = hold;
    }

    /// Takes more from the broker again once there is room.
    fn take_more(&mut self) {
        if self.holds && (self.turns.is_empty() || (self.turns.has_room() && !self.is_short())) {
            self.hold(false);
        }
    }
}

impl Arrived {
    /// The same with a payload of its own, of as much as may be shown: the buffer it stands in is larger.
    pub(super) fn without_buffer(self) -> Self {
        if self.size < self.payload.len() {
            return self; // one of several in a message, which share a payload
        }
        let payload = Bytes::copy_from_slice(&self.payload[..PAYLOAD_SHOWN.min(self.payload.len())]);
        Self { size: payload.len(), payload, ..self }
    }
}

impl CensusActor {
    /// A reading arrived: it is brought to its patient at once, or waits for its turn.
    pub(super) fn arrive(&mut self, arrived: Arrived, ctx: &mut Context<Self>) {
        let (device, now) = (arrived.reading.device.as_ref(), self.shard.clock.uptime());
        let Some(source) = self.census.queue_of(&arrived.patient, device, now) else {
            return self.bring(arrived);
        };
        self.queue.push(source, arrived);
        self.shorten_queue();
        if !std::mem::replace(&mut self.queue.is_moving, true) {
            after_others(ctx, Self::give_turns);
        }
    }

    /// Where too much waits, what floods is rejected, or nothing more is taken for a moment.
    fn shorten_queue(&mut self) {
        let short = self.queue.is_short();
        while let Some(overflow) = self.queue.turns.overflow(short) {
            match overflow {
                Overflow::Reject(source, arrived) => {
                    self.census.go_on(&source);
                    self.flooded(arrived);
                }
                Overflow::Hold => return self.queue.hold(true),
            }
            if short {
                return; // one for the one that came: the room is not ours
            }
        }
    }

    /// More waits than may: the newest of the longest queue is rejected, and its unit gets an alert.
    fn flooded(&mut self, arrived: Arrived) {
        let Ok(patient) = arrived.patient.parse::<PatientId>() else { return arrived.receipt.settle() };
        let device = arrived.reading.device.clone().unwrap_or_else(DeviceId::unnamed);
        if let Ok(unit) = patient.unit().parse() {
            self.installation.do_send(DeviceFlooded { unit, device: device.clone() });
        }
        let max = self.shard.settings().admission.max_rate;
        self.reject(patient, ArrivalRejection::Flooding { device, max }, arrived);
    }

    /// Gives the next turns, and leaves the others until everybody else had one.
    fn give_turns(&mut self, ctx: &mut Context<Self>) {
        let mut given = 0;
        while given < AT_A_TIME
            && let Some((source, arrived)) = self.queue.next()
        {
            self.census.go_on(&source);
            self.bring(arrived);
            given += 1;
        }
        self.queue.take_more();
        self.queue.is_moving = !self.queue.turns.is_empty();
        match (self.queue.is_moving, given) {
            (false, _) => {}
            (true, 0) => drop(ctx.run_later(WHERE_THERE_IS_NO_ROOM, Self::give_turns)),
            (true, _) => after_others(ctx, Self::give_turns),
        }
    }
}

/// So much came of a patient that messages were rejected unread.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct MessagesFlooded {
    pub patient: PatientId,
    pub receipt: Receipt,
}

impl Handler<MessagesFlooded> for CensusActor {
    type Result = ();

    fn handle(&mut self, MessagesFlooded { patient, receipt }: MessagesFlooded, _: &mut Context<Self>) {
        if let Ok(unit) = patient.unit().parse() {
            self.installation.do_send(DeviceFlooded { unit, device: DeviceId::unnamed() });
        }
        receipt.settle();
    }
}

/// Does something once everybody else on this thread had a turn: a message to oneself would be taken at once.
pub(super) fn after_others(
    ctx: &mut Context<CensusActor>,
    next: impl FnOnce(&mut CensusActor, &mut Context<CensusActor>) + 'static,
) {
    let turn = wrap_future::<_, CensusActor>(tokio::task::yield_now());
    ctx.spawn(turn.map(|(), census, ctx| next(census, ctx)));
}
