//! Blood pressures: the panel of three, and what holds between them.

use std::borrow::Cow;

use serde_json::value::RawValue;
use wardwatch_actors::vitals::{Quantity, Vital};

use super::fields::{Draft, unquoted};
use super::units;

/// Which pressure may not be below which.
const ORDER: [(Vital, Vital); 3] = [
    (Vital::SystolicPressure, Vital::MeanPressure),
    (Vital::MeanPressure, Vital::DiastolicPressure),
    (Vital::SystolicPressure, Vital::DiastolicPressure),
];

/// A panel as an object.
#[derive(serde::Deserialize)]
struct Panel<'a> {
    #[serde(borrow, default)]
    systolic: Option<&'a RawValue>,
    #[serde(borrow, default)]
    diastolic: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mean: Option<&'a RawValue>,
}

impl Draft<'_> {
    /// `"120/80"`, or an object of systolic, diastolic and mean. A pressure given by itself goes first.
    pub(super) fn blood_pressure(&mut self, text: &str) {
        if text == "null" {
            Vital::PRESSURES.iter().for_each(|vital| self.reading.not_measured.insert(*vital));
            return;
        }
        let inside = unquoted(text);
        let parts: [Option<Cow<'_, str>>; 3] = if text.starts_with('{') {
            match serde_json::from_str::<Panel<'_>>(text) {
                Ok(panel) => [panel.systolic, panel.diastolic, panel.mean]
                    .map(|part| part.map(|part| part.get().into())),
                Err(fault) => return self.fault("blood_pressure", || fault.to_string()),
            }
        } else {
            match inside.split_once('/') {
                Some((systolic, diastolic)) => {
                    [Some(systolic.trim().into()), Some(diastolic.trim().into()), None]
                }
                None => return self.fault("blood_pressure", || format!("{text} is not \"120/80\"")),
            }
        };
        for (vital, part) in Vital::PRESSURES.into_iter().zip(parts) {
            let reading = &self.reading;
            let given_by_itself = reading.values.get(vital).is_some() || reading.not_measured.contains(vital);
            if let Some(part) = part.filter(|_| !given_by_itself) {
                self.value(vital, &part);
            }
        }
    }

    /// Systolic ≥ mean ≥ diastolic: of two that contradict each other neither is used.
    pub(super) fn check_pressures(&mut self) {
        let values = &self.reading.values;
        let rising = |(above, below): (Vital, Vital)| {
            let (higher, lower) = (values.get(above)?, values.get(below)?);
            (higher < lower).then_some(((above, higher), (below, lower)))
        };
        let found: Vec<_> = ORDER.into_iter().filter_map(rising).collect();
        if found.is_empty() {
            return;
        }
        for ((above, _), (below, _)) in &found {
            self.reading.values.remove(*above);
            self.reading.values.remove(*below);
        }
        let reasons: Vec<_> = found.into_iter().map(|(above, below)| contradiction(above, below)).collect();
        self.fault("blood_pressure", || format!("{}; neither is used", reasons.join(", ")));
    }
}

fn contradiction(above: (Vital, Quantity), below: (Vital, Quantity)) -> String {
    let ((above, higher), (below, lower)) = (above, below);
    let hint = units::of_contradiction(higher, lower);
    format!("{} {higher} mmHg{hint} is below {} {lower} mmHg", above.name(), below.name())
}
