//! One simulated patient with one device: what it measures in its turn, and what of that it sends.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use wardwatch_actors::people::{NameFault, PatientId};

use super::FleetSettings;
use super::episodes::{Episode, EpisodeKind, Phase};
use super::physiology::{Person, Vitals, uniform};
use super::reading::{Measured, Saturation};
use crate::contract::topics::Topics;

/// Of duplicates, one reading in so many comes twice; of late readings, one in so many is overtaken.
const REPEATED_ONE_IN: u64 = 3;
const LATE_ONE_IN: u64 = 4;

/// How a device reaches the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    Gateway,
    Own,
    Lost,
}

/// One patient with one device.
#[derive(Debug)]
pub struct Bed {
    pub person: Person,
    pub topic: Arc<str>,
    pub device: Arc<str>,
    pub status_topic: Arc<str>,
    pub record_topic: Arc<str>,
    /// Of the last reading.
    seq: u64,
    pub carriage: Carriage,
    pub episode: Option<Episode>,
    /// A reading that waits for its successor to overtake it.
    held: Option<Vec<u8>>,
    pressure_due: Duration,
    temperature_due: Duration,
    observation_due: Duration,
    /// Confused, on oxygen: as last noted.
    noted: (bool, bool),
}

impl Bed {
    /// Draws the patient of this number.
    pub fn draw(
        settings: &FleetSettings,
        topics: &Topics,
        patient: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self, NameFault> {
        let id: PatientId = name_of(settings, patient).parse()?;
        let device = format!("sim-mon-{:03}", patient + 1);
        let mut spread = |every: Duration| every.mul_f64(uniform(rng));
        // Each patient in a rhythm of their own.
        let (pressure_due, temperature_due) =
            (spread(settings.pressure_every), spread(settings.temperature_every));
        Ok(Self {
            person: Person::draw(settings.class_of(patient), rng),
            topic: topics.vitals(&id).into(),
            status_topic: topics.device_status(&device).into(),
            record_topic: topics.record(&id).into(),
            device: device.into(),
            seq: 0,
            carriage: Carriage::Gateway,
            episode: None,
            held: None,
            pressure_due,
            temperature_due,
            observation_due: Duration::ZERO,
            noted: (false, false),
        })
    }

    /// Changes how the device reaches the broker, if its episode wants that; gives how it did before.
    pub fn change_carriage(&mut self, due: Duration) -> Carriage {
        let after = self.carriage_at(due);
        std::mem::replace(&mut self.carriage, after)
    }

    /// What one more turn measures.
    pub fn measure(
        &mut self,
        settings: &FleetSettings,
        due: Duration,
        time_ms: i64,
        vitals: Vitals,
    ) -> Measured<'_> {
        // The first reading has everything; what is due is taken from its clock all the same.
        let first = self.seq == 0;
        self.seq += 1;
        let state = (vitals.confused, vitals.on_oxygen);
        let observed =
            self.noted != state || take_if_due(&mut self.observation_due, due, settings.observation_every);
        self.noted = state;
        Measured {
            time_ms,
            seq: self.seq,
            vitals,
            saturation: self.saturation_at(due),
            pressure: first | take_if_due(&mut self.pressure_due, due, settings.pressure_every),
            temperature: first | take_if_due(&mut self.temperature_due, due, settings.temperature_every),
            observed,
            simulated: settings.simulated,
            device: &self.device,
        }
    }

    /// Milliseconds by which the device's clock is off.
    pub fn clock_off_ms(&self, due: Duration) -> i64 {
        self.episode.map_or(0, |episode| episode.clock_off_ms(due))
    }

    /// Begins an episode; who is in one is left in peace.
    pub fn begin(&mut self, episode: Episode, due: Duration) {
        if self.episode.is_none_or(|current| current.phase(due) == Phase::Over) {
            self.episode = Some(episode);
        }
    }

    fn carriage_at(&self, due: Duration) -> Carriage {
        let lost = self.episode.filter(|episode| episode.kind == EpisodeKind::DeviceLost);
        match lost.map_or(Phase::Over, |episode| episode.phase(due)) {
            Phase::Building | Phase::Passing => Carriage::Own,
            Phase::Holding => Carriage::Lost,
            Phase::Before | Phase::Over => Carriage::Gateway,
        }
    }

    fn saturation_at(&self, due: Duration) -> Saturation {
        match self.episode {
            Some(episode) if episode.is(EpisodeKind::ProbeOff, due) => {
                if episode.depth < 1.0 {
                    Saturation::Null
                } else {
                    Saturation::Zero
                }
            }
            _ => Saturation::Measured,
        }
    }

    /// Sends a reading, twice or later where that is the episode.
    pub fn send(&mut self, payload: Vec<u8>, due: Duration, mut out: impl FnMut(Vec<u8>)) {
        let during = |kind| self.episode.is_some_and(|episode| episode.is(kind, due));
        if during(EpisodeKind::LateReadings) && self.seq.is_multiple_of(LATE_ONE_IN) {
            if let Some(overtaken) = self.held.replace(payload) {
                out(overtaken);
            }
            return;
        }
        if during(EpisodeKind::Duplicates) && self.seq.is_multiple_of(REPEATED_ONE_IN) {
            out(payload.clone());
        }
        out(payload);
        if let Some(overtaken) = self.held.take() {
            out(overtaken);
        }
    }
}

/// `unit/patient` of a number.
fn name_of(settings: &FleetSettings, patient: usize) -> String {
    let unit = &settings.units[patient % settings.units.len()];
    format!("{unit}/p-{:03}", patient + 1)
}

/// Whether something is due, and if so, when next.
fn take_if_due(next: &mut Duration, now: Duration, every: Duration) -> bool {
    let due = now >= *next;
    if due {
        *next = now + every;
    }
    due
}
