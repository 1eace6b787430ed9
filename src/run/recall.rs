//! After a start of whose store nothing could be read: the open alerts that the broker keeps in the retained states.
//!
//! Whoever listens has heard of them, and nobody would ever hear of their ends.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::Addr;
use rumqttc::{AsyncClient, Event, Packet, QoS};
use tokio::time::timeout;
use tracing::{info, warn};
use wardwatch_actors::census_actor::{CensusActor, Restore};
use wardwatch_actors::patient::snapshot::{Memory, Restored};
use wardwatch_actors::people::PatientId;

use super::setup::Setup;
use crate::contract::payload::published_state::{self, PublishedState};
use crate::link::{Link, random};

/// How long the broker may take to say what it keeps.
const WITHIN: Duration = Duration::from_secs(5);
/// No state is larger, in bytes.
const LARGEST: usize = 1 << 20;

/// What is asked, of which broker, and how many patients there may be.
pub struct Recall {
    link: Link,
    states: String,
    most_patients: usize,
}

impl Recall {
    /// Asks under a client id of its own.
    pub fn of(setup: &Setup) -> Self {
        let name = format!("{}-recall-{:08x}", setup.instance(), random() as u32);
        Self {
            link: setup.link.with_client_id(name),
            states: setup.topics.all_states(),
            most_patients: setup.settings.admission.max_patients,
        }
    }

    /// Has everybody with an open alert watched again, so that what is over ends for those who listen.
    pub async fn restore(self, census: &Addr<CensusActor>) {
        let mut states = BTreeMap::new();
        if timeout(WITHIN, self.ask(&mut states)).await.is_err() {
            warn!("the broker did not say within 5 s which alerts were open; what came until then is taken");
        }
        let patients: Vec<_> = states.into_values().map(restored).collect();
        if patients.is_empty() {
            return;
        }
        info!(
            patients = patients.len(),
            "the open alerts that the broker keeps in states are taken up again"
        );
        // Without a census the process is ending.
        let _ = census.send(Restore { patients, departed: Vec::new(), open: Vec::new() }).await;
    }

    /// Adds every state with an open alert.
    async fn ask(&self, states: &mut BTreeMap<PatientId, PublishedState>) {
        let (mut options, network) = self.link.v4();
        options.set_clean_session(true).set_manual_acks(false).set_max_packet_size(LARGEST, LARGEST);
        let (client, mut events) = AsyncClient::new(options, 4);
        events.set_network_options(network);
        let mut answers = 0;
        // The second subscription is answered behind what is retained for the first.
        while answers < 2 {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    for _ in 0..2 {
                        // It fails only where the loop is gone, which is here.
                        let _ = client.try_subscribe(self.states.clone(), QoS::AtMostOnce);
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => answers += 1,
                Ok(Event::Incoming(Packet::Publish(message))) if message.retain => {
                    self.take(&message.payload, states);
                }
                Ok(_) => {}
                Err(error) => {
                    warn!(%error, "the broker does not say which alerts were open");
                    return;
                }
            }
        }
    }

    fn take(&self, payload: &[u8], states: &mut BTreeMap<PatientId, PublishedState>) {
        let Ok(state) = published_state::parse(payload) else { return };
        if !state.open.is_empty() && states.len() < self.most_patients {
            states.entry(state.patient.clone()).or_insert(state);
        }
    }
}

fn restored(PublishedState { patient, time, open }: PublishedState) -> Restored {
    Restored { patient, memory: Memory::Published { open, since: time }, readings: Vec::new() }
}
