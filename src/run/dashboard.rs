//! The pages beside the service: what they ask of it.

use std::sync::Arc;

use actix::Addr;
use bytes::Bytes;
use tokio::sync::watch;
use tracing::error;
use wardwatch_actors::census_actor::{CensusActor, ShowPatients};
use wardwatch_actors::people::{PatientId, UnitId};

use super::Service;
use super::asked_commands::AskedCommands;
use super::heartbeat::{Heartbeat, IngestStatus};
use super::setup::Setup;
use crate::causes::Causes;
use crate::feed::archive::Archive;
use crate::web::{CommandAnswer, Dashboard, PageSource};

/// What the pages ask of the service that runs.
struct RunningService {
    census: Addr<CensusActor>,
    commands: AskedCommands,
    heartbeat: Heartbeat,
    ingest: watch::Receiver<IngestStatus>,
    archive: Arc<dyn Archive>,
}

impl PageSource for RunningService {
    fn show_patients(&self, unit: Option<UnitId>) {
        self.census.do_send(ShowPatients { unit });
    }

    fn heartbeat(&self) -> Bytes {
        self.heartbeat.message(&self.ingest.borrow()).announcement.payload
    }

    fn command(&self, sender: String, patient: PatientId, payload: Bytes) -> CommandAnswer {
        let commands = self.commands.clone();
        Box::pin(async move { commands.command(sender, patient, payload).await })
    }

    fn archive(&self) -> &dyn Archive {
        &*self.archive
    }

    fn is_whole(&self) -> bool {
        self.heartbeat.is_whole(&self.ingest.borrow())
    }
}

/// Serves the pages beside this service; without them monitoring goes on.
pub fn serve(pages: Dashboard, setup: &Setup, service: &Service) {
    let running = RunningService {
        census: service.shard.census.clone(),
        commands: service.asked.clone(),
        heartbeat: service.housekeeping.heartbeat.clone(),
        ingest: service.shard.status.clone(),
        archive: Arc::clone(&setup.archive),
    };
    if let Err(fault) = pages.serve(Arc::clone(&setup.live), Arc::new(running), setup.started) {
        error!("{}; monitoring goes on without pages", Causes(&fault));
    }
}
