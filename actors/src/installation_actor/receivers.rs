//! What the installation hears of receivers, and what the shards hear of them from it.

use actix::{Context, Handler, Message};

use super::InstallationActor;
use crate::census_actor::ReceiversJudged;
use crate::people::{PatientId, ReceiverName};
use crate::receivers::Confirmation;

/// What receivers say of themselves is heard from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiversHeard;

impl Handler<ReceiversHeard> for InstallationActor {
    type Result = ();

    fn handle(&mut self, _: ReceiversHeard, ctx: &mut Context<Self>) {
        self.installation.receivers_heard(self.clock.now());
        self.arm_timer(ctx);
    }
}

/// A receiver says that it is there or gone, or its last will does.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiverRegistered {
    pub receiver: ReceiverName,
    pub online: bool,
}

impl Handler<ReceiverRegistered> for InstallationActor {
    type Result = ();

    fn handle(
        &mut self,
        ReceiverRegistered { receiver, online }: ReceiverRegistered,
        ctx: &mut Context<Self>,
    ) {
        let announcement = self.installation.receiver_registered(&receiver, online, self.clock.now());
        self.announce(announcement);
        self.report_gone(ctx);
    }
}

/// A receiver confirms something that is no patient's, or is heard again after it was gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiverConfirmed {
    pub confirmation: Confirmation,
}

impl Handler<ReceiverConfirmed> for InstallationActor {
    type Result = ();

    fn handle(&mut self, ReceiverConfirmed { confirmation }: ReceiverConfirmed, ctx: &mut Context<Self>) {
        let announcement = self.installation.receiver_confirmed(&confirmation, self.clock.now());
        self.announce(announcement);
        self.report_gone(ctx);
    }
}

/// A receiver did not confirm in time what was published of a patient, or has done so after all.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DeliveryReported {
    pub receiver: ReceiverName,
    pub patient: PatientId,
    pub unconfirmed: bool,
}

impl Handler<DeliveryReported> for InstallationActor {
    type Result = ();

    fn handle(&mut self, report: DeliveryReported, ctx: &mut Context<Self>) {
        let DeliveryReported { receiver, patient, unconfirmed } = report;
        let now = self.clock.now();
        let announcement = self.installation.delivery_reported(&receiver, &patient, unconfirmed, now);
        self.announce(announcement);
        self.report_gone(ctx);
    }
}

impl InstallationActor {
    /// Reports to the shards who is gone, where that has changed.
    pub(super) fn report_gone(&mut self, ctx: &mut Context<Self>) {
        if let Some(gone) = self.installation.changed_receivers() {
            self.shards.iter().for_each(|census| census.do_send(ReceiversJudged { gone: gone.clone() }));
        }
        self.arm_timer(ctx);
    }
}
