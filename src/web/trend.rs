//! The last quarter of an hour of one patient, as a tile draws it.

use std::collections::VecDeque;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use wardwatch_actors::chart::Chart;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::vitals::{Quantity, Vital};

/// How long one point stands for.
const STEP_MS: i64 = 10_000;

/// How many points there are: fifteen minutes.
const POINTS: usize = 90;

/// Of which vitals a trend is kept.
const DRAWN: [Vital; 5] = [
    Vital::HeartRate,
    Vital::OxygenSaturation,
    Vital::RespiratoryRate,
    Vital::SystolicPressure,
    Vital::PulseRate,
];

/// The newest value of each step of 10 s, and nothing where none came in it.
#[derive(Debug, Default)]
pub struct Trend {
    /// The number of the newest step.
    newest: i64,
    points: VecDeque<[Option<Quantity>; DRAWN.len()]>,
}

impl Trend {
    /// Notes what the chart knows at `now`: only values of this step, so that what is old is no line that goes on.
    pub fn note(&mut self, chart: &Chart, now: Timestamp) {
        let step = now.unix_ms().div_euclid(STEP_MS);
        self.advance(step);
        let Some(point) = self.points.back_mut() else { return };
        for (place, vital) in point.iter_mut().zip(DRAWN) {
            let latest = chart.latest(vital).filter(|latest| latest.not_measured.is_none());
            let fresh = latest.filter(|latest| latest.at.unix_ms().div_euclid(STEP_MS) >= step - 1);
            *place = fresh.map(|latest| latest.value).or(*place);
        }
    }

    fn advance(&mut self, step: i64) {
        let behind = if self.points.is_empty() { 1 } else { (step - self.newest).clamp(0, POINTS as i64) };
        for _ in 0..behind {
            self.points.push_back([None; DRAWN.len()]);
        }
        let surplus = self.points.len().saturating_sub(POINTS);
        self.points.drain(..surplus);
        self.newest = self.newest.max(step);
    }
}

impl Serialize for Trend {
    /// `{"until": …, "step_ms": 10000, "heart_rate": [72, null, …], …}`, the newest last; a vital that never came is left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("until", &(self.newest * STEP_MS))?;
        map.serialize_entry("step_ms", &STEP_MS)?;
        for (place, vital) in DRAWN.iter().enumerate() {
            let points: Vec<_> = self.points.iter().map(|point| point[place]).collect();
            if points.iter().any(Option::is_some) {
                map.serialize_entry(vital.name(), &points)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_holds_fifteen_minutes_and_a_gap_is_a_gap() {
        let mut trend = Trend::default();
        trend.advance(100);
        trend.advance(103);
        assert_eq!((trend.points.len(), trend.newest), (4, 103));
        trend.advance(102);
        assert_eq!((trend.points.len(), trend.newest), (4, 103), "our clock was set back");
        trend.advance(1_000_000);
        assert_eq!((trend.points.len(), trend.newest), (POINTS, 1_000_000));
        let json = serde_json::to_string(&trend).unwrap();
        assert_eq!(json, r#"{"until":10000000000,"step_ms":10000}"#);
    }
}
