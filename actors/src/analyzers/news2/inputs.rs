//! What of a patient counts in NEWS2, and until when.

use super::points::{
    CONSCIOUSNESS, OXYGEN_SATURATION, PULSE, Part, Points, RESPIRATORY_RATE, SUPPLEMENTAL_OXYGEN,
    SYSTOLIC_PRESSURE, TEMPERATURE, consciousness, pulse, respiratory_rate, scale_one, scale_two,
    systolic_pressure, temperature,
};
use crate::admission::Spo2Scale;
use crate::analyzers::View;
use crate::chart::Latest;
use crate::clock::Uptime;
use crate::settings::News2Settings;
use crate::vitals::{Consciousness, Quantity, Resolution, Vital};

/// The vitals of which a value counts until it is too old.
const VITALS: [Vital; 6] = [
    Vital::RespiratoryRate,
    Vital::OxygenSaturation,
    Vital::SystolicPressure,
    Vital::HeartRate,
    Vital::PulseRate,
    Vital::Temperature,
];

/// Until when a value counts.
fn valid_until(view: &View, settings: &News2Settings, vital: Vital, latest: &Latest) -> Uptime {
    latest.measured + view.valid_for(vital, latest, settings.valid_for.of(vital))
}

/// When the first of what counts does not any more.
pub(super) fn first_expiry(view: &View, settings: &News2Settings) -> Option<Uptime> {
    let vitals = VITALS.into_iter().filter_map(|vital| {
        let latest = view.chart.latest(vital)?;
        Some(valid_until(view, settings, vital, latest))
    });
    let consciousness = view.chart.consciousness.map(|held| held.measured + settings.valid_for.consciousness);
    let expected = VITALS.into_iter().filter_map(|vital| view.expected_until(vital));
    vitals.chain(expected).chain(consciousness).filter(|until| *until > view.now.uptime).min()
}

/// Whether nothing of this parameter is remembered.
pub(super) fn is_forgotten(view: &View, parameter: &str) -> bool {
    let never = |vital| view.chart.latest(vital).is_none();
    match parameter {
        RESPIRATORY_RATE => never(Vital::RespiratoryRate),
        OXYGEN_SATURATION => never(Vital::OxygenSaturation),
        SUPPLEMENTAL_OXYGEN => view.chart.oxygen.is_none(),
        SYSTOLIC_PRESSURE => never(Vital::SystolicPressure),
        PULSE => never(Vital::HeartRate) && never(Vital::PulseRate),
        CONSCIOUSNESS => view.chart.consciousness.is_none(),
        TEMPERATURE => never(Vital::Temperature),
        _ => false,
    }
}

/// The one of heart rate and pulse rate that speaks, and the other, which counts where the first does not.
fn pulse_and_other(view: &View) -> (Vital, Vital) {
    match view.rate().0 {
        Vital::PulseRate => (Vital::PulseRate, Vital::HeartRate),
        _ => (Vital::HeartRate, Vital::PulseRate),
    }
}

/// The inputs that are young enough to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs {
    pub respiratory_rate: Option<Quantity>,
    pub oxygen_saturation: Option<Quantity>,
    pub supplemental_oxygen: Option<bool>,
    pub systolic_pressure: Option<Quantity>,
    pub pulse: Option<Quantity>,
    pub consciousness: Option<Consciousness>,
    pub temperature: Option<Quantity>,
    pub scale_two: bool,
}

impl Inputs {
    /// What was there at any moment from `since` on, with its last value: known still, or lost since then.
    fn lasting(view: &View, settings: &News2Settings, since: Uptime) -> Self {
        Self::of(view, settings, since, |vital, latest| valid_until(view, settings, vital, latest))
    }

    /// What is known, and what a device has left out of its last round only.
    pub(super) fn expected(view: &View, settings: &News2Settings) -> Self {
        Self::of(view, settings, view.now.uptime, |vital, latest| {
            let expected = view.expected_until(vital);
            expected.into_iter().fold(valid_until(view, settings, vital, latest), Uptime::max)
        })
    }

    fn of(
        view: &View,
        settings: &News2Settings,
        since: Uptime,
        until: impl Fn(Vital, &Latest) -> Uptime,
    ) -> Self {
        let vital = |vital: Vital| {
            let latest = view.chart.latest(vital)?;
            (until(vital, latest) > since).then_some(latest.value)
        };
        let (pulse, other) = pulse_and_other(view);
        Self {
            respiratory_rate: vital(Vital::RespiratoryRate),
            oxygen_saturation: vital(Vital::OxygenSaturation),
            supplemental_oxygen: view.chart.oxygen.map(|held| held.value),
            systolic_pressure: vital(Vital::SystolicPressure),
            pulse: vital(pulse).or_else(|| vital(other)),
            temperature: vital(Vital::Temperature),
            scale_two: view.record.spo2_scale == Spo2Scale::Two,
            consciousness: view
                .chart
                .consciousness
                .filter(|held| held.measured + settings.valid_for.consciousness > since)
                .map(|held| held.value),
        }
    }

    /// What counts at the view's moment.
    pub(super) fn known(view: &View, settings: &News2Settings) -> Self {
        Self::lasting(view, settings, view.now.uptime)
    }

    /// What is known, and what was lost since `since`, with its last value.
    pub(super) fn known_since(view: &View, settings: &News2Settings, since: Uptime) -> Self {
        Self::lasting(view, settings, since.min(view.now.uptime))
    }

    /// The points of each parameter.
    pub fn points(&self) -> Points {
        let air = self.supplemental_oxygen.map(|oxygen| !oxygen);
        let whole = |value: Option<Quantity>| value.map(|value| value.rounded(Resolution::Whole));
        let tenth = |value: Option<Quantity>| value.map(|value| value.rounded(Resolution::Tenth));
        let saturation = match whole(self.oxygen_saturation) {
            None => Part::missing(3),
            Some(value) if self.scale_two => scale_two(value, air),
            Some(value) => Part::of(scale_one(value)),
        };
        Points([
            (RESPIRATORY_RATE, Part::or_missing(whole(self.respiratory_rate).map(respiratory_rate), 3)),
            (OXYGEN_SATURATION, saturation),
            (
                SUPPLEMENTAL_OXYGEN,
                Part::or_missing(self.supplemental_oxygen.map(|o| if o { 2 } else { 0 }), 2),
            ),
            (SYSTOLIC_PRESSURE, Part::or_missing(whole(self.systolic_pressure).map(systolic_pressure), 3)),
            (PULSE, Part::or_missing(whole(self.pulse).map(pulse), 3)),
            (CONSCIOUSNESS, Part::or_missing(self.consciousness.map(consciousness), 3)),
            (TEMPERATURE, Part::or_missing(tenth(self.temperature).map(temperature), 3)),
        ])
    }
}
