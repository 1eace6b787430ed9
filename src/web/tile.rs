//! One patient as a page shows it: the retained state, the limits that hold, and the trend.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use wardwatch_actors::patient::outcome::LivePatient;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::settings::Limits;
use wardwatch_actors::vitals::Quantity;

use super::trend::Trend;
use crate::contract::payload::state::StateMessage;

/// One patient that somebody looks at.
pub struct Tile {
    pub live: LivePatient,
    pub trend: Trend,
    /// The number of the change that brought it.
    pub version: u64,
}

impl Tile {
    /// As a page gets it; the trend only where the page has none yet.
    pub fn json(&self, patient: &PatientId, with_trend: bool) -> String {
        let record = &self.live.state.record;
        let message = TileMessage {
            state: StateMessage::new(patient, &self.live.state),
            room: record.room.as_deref(),
            label: record.label.as_deref(),
            own_limits: !record.limits.is_empty(),
            limits: &self.live.limits,
            trend: with_trend.then_some(&self.trend),
        };
        serde_json::to_string(&message).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct TileMessage<'a> {
    #[serde(flatten)]
    state: StateMessage<'a>,
    room: Option<&'a str>,
    label: Option<&'a str>,
    /// Whether the record sets limits of its own.
    own_limits: bool,
    #[serde(serialize_with = "limits")]
    limits: &'a Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    trend: Option<&'a Trend>,
}

#[derive(Serialize)]
struct LimitsMessage {
    low: Option<Quantity>,
    high: Option<Quantity>,
    extreme_low: Option<Quantity>,
    extreme_high: Option<Quantity>,
}

fn limits<S: Serializer>(limits: &&Limits, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(Limits::VITALS.len()))?;
    for vital in Limits::VITALS {
        let of = limits.get(vital);
        let (low, high) = (of.low, of.high);
        let (extreme_low, extreme_high) = (of.extreme_low, of.extreme_high);
        map.serialize_entry(vital.name(), &LimitsMessage { low, high, extreme_low, extreme_high })?;
    }
    map.end()
}
