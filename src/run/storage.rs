//! The store, opened, with what the last run left in it.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::info;
use wardwatch_actors::receipt::Receipt;

use super::asked_commands::AskedCommands;
use super::bus::Bus;
use super::links::StoreEvents;
use super::provoked;
use super::setup::{Setup, user};
use crate::fatal::Fatal;
use crate::feed::{Consumer, Feed};
use crate::store::{AuditNote, Recovered, Store, StoreEvent};

/// The store, opened, with what the last run left in it.
pub struct Storage {
    pub store: Store,
    pub recovered: Recovered,
    /// The store is lost, and back.
    pub events: mpsc::UnboundedReceiver<StoreEvent>,
}

impl Storage {
    /// Opens the store, and puts what the bus may not have yet into its outbox.
    ///
    /// Whoever may not have the store connects nowhere: the broker would end the session of the instance that has.
    pub fn open(setup: &Setup, bus: &Bus, asked: &AskedCommands) -> Result<Self, Fatal> {
        let (event_sender, events) = mpsc::unbounded_channel();
        let output = bus.output.clone();
        let listener = StoreEvents { output, events: event_sender, fatal: setup.fatal.clone() };
        let mut consumers: Vec<Box<dyn Consumer>> =
            vec![Box::new(bus.output.clone()), Box::new(Arc::clone(&setup.live)), Box::new(asked.clone())];
        consumers.extend(provoked::consumer());
        let publish_within = setup.settings.alerts.publish_within;
        let (store, recovered) =
            Store::open(&setup.config.store, publish_within, Feed::new(consumers), listener)?;
        let (instance, given) = (setup.instance().to_owned(), setup.given.clone());
        store.note(AuditNote::Start { instance, user: user(), given }, setup.started);
        // Before anything is published: the broker may have it all before this returns.
        let _ = bus.store.set(store.clone());
        recovered.pending.iter().for_each(|change| bus.output.change(change, &Receipt::none()));
        log_recovered(setup, &recovered);
        Ok(Self { store, recovered, events })
    }
}

fn log_recovered(setup: &Setup, recovered: &Recovered) {
    if !setup.has_store() {
        info!("store.url is memory: nothing outlives the process");
        return;
    }
    let again = recovered.patients.iter().map(|patient| patient.readings.len()).sum::<usize>();
    info!(
        store = %setup.config.store.url,
        patients = recovered.patients.len(),
        readings_observed_again = again,
        changes_pending = recovered.pending.len(),
        unreadable = recovered.unreadable,
        "restored"
    );
}
