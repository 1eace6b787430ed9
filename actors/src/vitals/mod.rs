//! Vital signs: what is measured, in which unit, within which range. One file a quantity.

pub mod consciousness;
mod diastolic_pressure;
mod etco2;
mod fio2;
mod heart_rate;
mod mean_pressure;
mod oxygen_flow;
mod oxygen_saturation;
mod pulse_rate;
pub mod quantity;
pub mod reading;
mod respiratory_rate;
mod systolic_pressure;
mod temperature;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Span;
pub use consciousness::Consciousness;
pub use quantity::{Quantity, Resolution};
pub use reading::{Reading, ReadingRef};

/// A quantity that is measured as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Vital {
    HeartRate,
    PulseRate,
    OxygenSaturation,
    RespiratoryRate,
    SystolicPressure,
    DiastolicPressure,
    MeanPressure,
    Temperature,
    Etco2,
    Fio2,
    OxygenFlow,
}

/// What a value of zero means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// A measured zero: asystole, apnoea.
    Measurement,
    /// "Not measured".
    NotMeasured,
}

/// What is known of a quantity. The numbers are those of the clinical reference, section 3.
#[derive(Debug)]
pub struct Facts {
    /// Its name in topics, JSON and configuration.
    pub name: &'static str,
    /// Its name for people.
    pub words: &'static str,
    /// Its unit for people.
    pub symbol: &'static str,
    /// Its unit as a UCUM code.
    pub ucum: &'static str,
    /// The steps of the chart.
    pub resolution: Resolution,
    /// The lowest and the highest plausible value, both inclusive.
    pub plausible: (Quantity, Quantity),
    /// What a zero means.
    pub zero: Zero,
    /// For how long a value speaks for the patient.
    pub valid_for: Span,
    /// Whether its silence is an alert.
    pub watched: bool,
}

/// A value outside the plausible range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{name} {value} {symbol} is outside {low}–{high}", name = .vital.name(), symbol = .vital.facts().symbol, low = .vital.facts().plausible.0, high = .vital.facts().plausible.1)]
pub struct Implausible {
    pub vital: Vital,
    pub value: Quantity,
}

impl Vital {
    /// The vital sign under whose name the limits judge this one: a pulse rate is judged as a heart rate.
    pub const fn judged_as(self) -> Self {
        match self {
            Self::PulseRate => Self::HeartRate,
            other => other,
        }
    }

    /// Every quantity, in the order in which they are stored and shown.
    pub const ALL: [Self; 11] = [
        Self::HeartRate,
        Self::PulseRate,
        Self::OxygenSaturation,
        Self::RespiratoryRate,
        Self::SystolicPressure,
        Self::DiastolicPressure,
        Self::MeanPressure,
        Self::Temperature,
        Self::Etco2,
        Self::Fio2,
        Self::OxygenFlow,
    ];

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The three that are measured as one blood pressure.
    pub const PRESSURES: [Self; 3] = [Self::SystolicPressure, Self::DiastolicPressure, Self::MeanPressure];

    /// What is known of it.
    pub const fn facts(self) -> &'static Facts {
        match self {
            Self::HeartRate => &heart_rate::HEART_RATE,
            Self::PulseRate => &pulse_rate::PULSE_RATE,
            Self::OxygenSaturation => &oxygen_saturation::OXYGEN_SATURATION,
            Self::RespiratoryRate => &respiratory_rate::RESPIRATORY_RATE,
            Self::SystolicPressure => &systolic_pressure::SYSTOLIC_PRESSURE,
            Self::DiastolicPressure => &diastolic_pressure::DIASTOLIC_PRESSURE,
            Self::MeanPressure => &mean_pressure::MEAN_PRESSURE,
            Self::Temperature => &temperature::TEMPERATURE,
            Self::Etco2 => &etco2::ETCO2,
            Self::Fio2 => &fio2::FIO2,
            Self::OxygenFlow => &oxygen_flow::OXYGEN_FLOW,
        }
    }

    /// Its name in topics, JSON and configuration.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The quantity of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vital| vital.name() == name)
    }

    /// Holds a value to the plausible range.
    pub fn plausible(self, value: Quantity) -> Result<Quantity, Implausible> {
        let (low, high) = self.facts().plausible;
        if (low..=high).contains(&value) { Ok(value) } else { Err(Implausible { vital: self, value }) }
    }

    /// Its place in arrays by quantity.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Vital {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of quantities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VitalSet(u16);

impl VitalSet {
    /// Just this one.
    pub const fn of(vital: Vital) -> Self {
        Self(1 << vital.index())
    }

    /// Adds one.
    pub fn insert(&mut self, vital: Vital) {
        self.0 |= 1 << vital.index();
    }

    /// Takes one out.
    pub fn remove(&mut self, vital: Vital) {
        self.0 &= !(1 << vital.index());
    }

    /// Whether it is in the set.
    pub const fn contains(self, vital: Vital) -> bool {
        self.0 & (1 << vital.index()) != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many of the set come before this one in their order.
    pub const fn before(self, vital: Vital) -> usize {
        (self.0 & ((1 << vital.index()) - 1)).count_ones() as usize
    }

    /// Those in the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = Vital> + Clone {
        Vital::ALL.into_iter().filter(move |vital| self.contains(*vital))
    }
}

impl FromIterator<Vital> for VitalSet {
    fn from_iter<I: IntoIterator<Item = Vital>>(vitals: I) -> Self {
        vitals.into_iter().fold(Self::default(), |set, vital| Self(set.0 | Self::of(vital).0))
    }
}

/// At most one value of each quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Values {
    present: VitalSet,
    values: [Quantity; Vital::COUNT],
}

impl Values {
    /// The value of this quantity.
    pub const fn get(&self, vital: Vital) -> Option<Quantity> {
        if self.present.contains(vital) { Some(self.values[vital.index()]) } else { None }
    }

    /// Sets a value, which must be plausible.
    pub fn set(&mut self, vital: Vital, value: Quantity) {
        self.present.insert(vital);
        self.values[vital.index()] = value;
    }

    /// Takes a value out.
    pub fn remove(&mut self, vital: Vital) {
        self.present.remove(vital);
        self.values[vital.index()] = Quantity::ZERO;
    }

    /// Which quantities have a value.
    pub const fn present(&self) -> VitalSet {
        self.present
    }

    /// Whether no quantity has a value.
    pub const fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// Every quantity that has a value, with it.
    pub fn iter(&self) -> impl Iterator<Item = (Vital, Quantity)> + '_ {
        self.present.iter().map(|vital| (vital, self.values[vital.index()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_stands_at_its_place_and_is_found_by_its_name() {
        for (place, vital) in Vital::ALL.into_iter().enumerate() {
            assert_eq!(vital.index(), place);
            assert_eq!(Vital::named(vital.name()), Some(vital));
        }
    }

    #[test]
    fn the_ends_of_the_plausible_range_are_plausible() {
        let saturation = Vital::OxygenSaturation;
        assert!(saturation.plausible(Quantity::whole(100)).is_ok());
        let fault = saturation.plausible(Quantity::whole(101)).unwrap_err();
        assert_eq!(fault.to_string(), "oxygen_saturation 101 % is outside 1–100");
        assert!(Vital::HeartRate.plausible(Quantity::ZERO).is_ok());
        assert!(Vital::RespiratoryRate.plausible(Quantity::whole(340)).is_err());
    }
}
