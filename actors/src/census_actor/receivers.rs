//! What receivers say reaches whom it concerns: the patient whose alert it is, and the installation.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Context, Handler, Message};

use super::CensusActor;
use crate::installation_actor::{ReceiverConfirmed, ReceiverRegistered};
use crate::patient_actor::{HearConfirmation, ReceiverGone};
use crate::people::ReceiverName;
use crate::receipt::Receipt;
use crate::receivers::Confirmation;

/// A listed receiver says that it is there or gone, or its last will does.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Registered {
    pub receiver: ReceiverName,
    pub online: bool,
    pub receipt: Receipt,
}

impl Handler<Registered> for CensusActor {
    type Result = ();

    fn handle(&mut self, Registered { receiver, online, receipt }: Registered, _: &mut Context<Self>) {
        self.installation.do_send(ReceiverRegistered { receiver, online });
        receipt.settle();
    }
}

/// A listed receiver says what it took.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Confirmed {
    pub confirmation: Confirmation,
    pub receipt: Receipt,
}

impl Handler<Confirmed> for CensusActor {
    type Result = ();

    fn handle(&mut self, Confirmed { confirmation, receipt }: Confirmed, _: &mut Context<Self>) {
        let patient = self.shard.confirmable.borrow().get(&confirmation.alert).cloned();
        let entry = patient.and_then(|patient| self.census.entry(patient.as_str()));
        // Of most confirmations the installation need not know.
        if entry.is_none() || self.shard.gone.borrow().contains(&confirmation.receiver) {
            self.installation.do_send(ReceiverConfirmed { confirmation: confirmation.clone() });
        }
        match entry {
            Some(entry) => entry.address.do_send(HearConfirmation { confirmation, receipt }),
            // Of an alert that is over, or none of a patient's.
            None => receipt.settle(),
        }
    }
}

/// Which receivers are gone, for all shards.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReceiversJudged {
    pub gone: Arc<BTreeSet<ReceiverName>>,
}

impl Handler<ReceiversJudged> for CensusActor {
    type Result = ();

    fn handle(&mut self, ReceiversJudged { gone }: ReceiversJudged, _: &mut Context<Self>) {
        let before = self.shard.gone.replace(Arc::clone(&gone));
        let new: Vec<_> = gone.difference(&before).collect();
        if new.is_empty() {
            return;
        }
        let concerned: BTreeSet<_> = self.shard.confirmable.borrow().values().cloned().collect();
        for entry in concerned.iter().filter_map(|patient| self.census.entry(patient.as_str())) {
            new.iter().for_each(|receiver| {
                entry.address.do_send(ReceiverGone { receiver: (*receiver).clone() });
            });
        }
    }
}
