//! The live view: how each patient is that somebody looks at, and what is open of units and the installation.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;
use wardwatch_actors::alerts::{AlertChange, Event};
use wardwatch_actors::patient::outcome::LivePatient;
use wardwatch_actors::people::{PatientId, Subject, UnitId};

use super::tile::Tile;
use super::trend::Trend;
use super::watched::WatchedUnits;
use crate::contract::payload::alert::AlertMessage;
use crate::feed::{Consumer, Emission};

/// How many departures are remembered for pages that ask what changed since; whoever asks for more begins anew.
const MOST_DEPARTURES: usize = 1000;

/// How each patient is that somebody looks at.
#[derive(Default)]
pub struct LiveView {
    pub(super) watched: WatchedUnits,
    patients: Mutex<Patients>,
}

#[derive(Default)]
struct Patients {
    tiles: BTreeMap<PatientId, Tile>,
    departed: VecDeque<(u64, PatientId)>,
    /// Departures up to this version are forgotten.
    forgotten: u64,
    /// What is open of units and of the installation.
    alerts: BTreeMap<Uuid, AlertChange>,
    alerts_version: u64,
    /// The number of the newest change.
    version: u64,
}

impl LiveView {
    /// Whether somebody looks at this patient.
    pub fn is_watched(&self, patient: &PatientId) -> bool {
        self.watched.includes(patient)
    }

    /// Shows how a patient is now; none: it is not here any more.
    pub fn show(&self, patient: &PatientId, live: Option<LivePatient>) {
        let mut patients = self.lock();
        patients.version += 1;
        let version = patients.version;
        let Some(live) = live else {
            patients.tiles.remove(patient);
            patients.note_departure(patient.clone());
            return;
        };
        let known = patients.tiles.remove(patient);
        let mut trend = known.map_or_else(Trend::default, |tile| tile.trend);
        trend.note(&live.state.chart, live.state.time);
        patients.tiles.insert(patient.clone(), Tile { live, trend, version });
    }

    /// Takes up what was open of units and the installation before a restart.
    pub fn adopt(&self, open: &[AlertChange]) {
        let mut patients = self.lock();
        open.iter().for_each(|change| patients.note_change(change));
    }

    /// Forgets patients at whom nobody has looked for a while.
    pub(super) fn forget_unwatched(&self, now: Duration) {
        if self.watched.forget(now) {
            self.lock().tiles.retain(|patient, _| self.watched.includes(patient));
        }
    }

    /// Everything about a unit, or about everybody, and the version that it is.
    pub(super) fn snapshot(&self, unit: Option<&UnitId>) -> (u64, String) {
        let patients = self.lock();
        let mut json = String::from("{\"tiles\":");
        patients.write_tiles(&mut json, unit, 0, true);
        patients.write_alerts(&mut json);
        json.push('}');
        (patients.version, json)
    }

    /// What changed since a version, and the version that it leads to; none where nothing did.
    pub(super) fn changes(&self, unit: Option<&UnitId>, since: u64) -> Option<(u64, String)> {
        let patients = self.lock();
        let mut json = String::from("{\"tiles\":");
        let tiles = patients.write_tiles(&mut json, unit, since, false);
        let departed: Vec<_> = patients.departed.iter().filter(|(at, _)| *at > since).collect();
        if !departed.is_empty() {
            let departed: Vec<_> = departed.iter().map(|(_, patient)| patient.as_str()).collect();
            let _ = write!(json, ",\"departed\":{}", serde_json::json!(departed));
        }
        let alerts = patients.alerts_version > since;
        if alerts {
            patients.write_alerts(&mut json);
        }
        json.push('}');
        (tiles > 0 || !departed.is_empty() || alerts).then_some((patients.version, json))
    }

    /// Whether what changed since this version is still known whole.
    pub(super) fn knows_since(&self, version: u64) -> bool {
        let patients = self.lock();
        (patients.forgotten..=patients.version).contains(&version)
    }

    fn lock(&self) -> MutexGuard<'_, Patients> {
        self.patients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer for LiveView {
    /// Patients show themselves; of units and the installation the feed shows.
    fn take(&self, emission: &Emission) {
        if !matches!(emission.subject, Subject::Patient(_)) {
            let mut patients = self.lock();
            emission.changes.iter().for_each(|numbered| patients.note_change(&numbered.change));
        }
    }
}

impl Patients {
    fn note_departure(&mut self, patient: PatientId) {
        self.departed.push_back((self.version, patient));
        if self.departed.len() > MOST_DEPARTURES
            && let Some((version, _)) = self.departed.pop_front()
        {
            self.forgotten = version;
        }
    }

    fn note_change(&mut self, change: &AlertChange) {
        self.version += 1;
        self.alerts_version = self.version;
        match change.event {
            Event::Cleared => drop(self.alerts.remove(&change.id)),
            _ => drop(self.alerts.insert(change.id, change.clone())),
        }
    }

    /// Writes the tiles of a unit that are newer than `since`; answers how many.
    fn write_tiles(&self, json: &mut String, unit: Option<&UnitId>, since: u64, with_trend: bool) -> usize {
        let shown = |patient: &PatientId| unit.is_none_or(|unit| unit.as_str() == patient.unit());
        let tiles = self.tiles.iter().filter(|(patient, tile)| tile.version > since && shown(patient));
        let mut count = 0;
        json.push('[');
        for (patient, tile) in tiles {
            json.push_str(if count > 0 { "," } else { "" });
            json.push_str(&tile.json(patient, with_trend));
            count += 1;
        }
        json.push(']');
        count
    }

    fn write_alerts(&self, json: &mut String) {
        let alerts: Vec<_> = self.alerts.values().map(AlertMessage::from).collect();
        let _ = write!(json, ",\"alerts\":{}", serde_json::to_string(&alerts).unwrap_or_default());
    }
}
