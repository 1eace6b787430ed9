//! What a rejected value may have been meant as: a guess for whoever mends the device, never a conversion.

use std::fmt::Display;

use wardwatch_actors::vitals::{Quantity, Vital};

/// Units as devices write them behind a number.
const WRITTEN: [&str; 14] =
    ["bpm", "/min", "rpm", "brpm", "%", "mmhg", "kpa", "pa", "°c", "c", "°f", "f", "l/min", "lpm"];

/// Of one kilopascal: 7.50062 mmHg, in hundred-thousandths.
const MMHG_OF_KPA: i64 = 750_062;

/// What is less was hardly meant as pascals, in hundredths: 1 kPa.
const LEAST_PA: i64 = 100_000;

/// Why this text is no value.
pub fn of_text(vital: Vital, text: &str, fault: &dyn Display) -> String {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit()).trim();
    let unit = text[number.len()..].trim();
    let is_unit = WRITTEN.contains(&&*unit.to_lowercase()) && number.parse::<Quantity>().is_ok();
    match is_unit {
        true => format!("{fault}; send the number without its unit, in {}", vital.facts().symbol),
        false => fault.to_string(),
    }
}

/// Why this value is not plausible, and which unit it would fit.
pub fn of_value(vital: Vital, value: Quantity, implausible: &dyn Display) -> String {
    match guess(vital, i64::from(value.as_hundredths())) {
        Some(unit) => format!("{implausible} ({unit}?)"),
        None => implausible.to_string(),
    }
}

/// The unit in which so many hundredths would be plausible.
fn guess(vital: Vital, hundredths: i64) -> Option<&'static str> {
    let fits = |hundredths: i64| {
        let value = i32::try_from(hundredths).ok().map(Quantity::hundredths);
        value.is_some_and(|value| vital.plausible(value).is_ok())
    };
    let kelvin = || fits(hundredths - 27_315);
    let is_pressure = Vital::PRESSURES.contains(&vital) || vital == Vital::Etco2;
    match vital {
        Vital::Temperature if fits((hundredths - 3_200) * 5 / 9) => Some("Fahrenheit"),
        Vital::Temperature if kelvin() => Some("kelvin"),
        Vital::OxygenSaturation | Vital::Fio2 if (1..=100).contains(&hundredths) => Some("a ratio"),
        _ if is_pressure && hundredths >= LEAST_PA && fits(hundredths * MMHG_OF_KPA / 100_000_000) => {
            Some("Pa")
        }
        _ if is_pressure && hundredths > 0 && fits(hundredths * MMHG_OF_KPA / 100_000) => Some("kPa"),
        _ => None,
    }
}

/// Whether the pressure that should be the higher one would be so in kilopascals.
pub fn of_contradiction(higher: Quantity, lower: Quantity) -> &'static str {
    let in_mmhg = i64::from(higher.as_hundredths()) * MMHG_OF_KPA / 100_000;
    let plausible = Vital::SystolicPressure.facts().plausible.1;
    let fits = in_mmhg >= i64::from(lower.as_hundredths()) && in_mmhg <= i64::from(plausible.as_hundredths());
    if fits { " (kPa?)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_another_unit_says_which() {
        for (vital, text, unit) in [
            (Vital::Temperature, "98.6", Some("Fahrenheit")),
            (Vital::Temperature, "309.9", Some("kelvin")),
            (Vital::Temperature, "19.9", None),
            (Vital::OxygenSaturation, "0.97", Some("a ratio")),
            (Vital::OxygenSaturation, "-1", None),
            (Vital::Fio2, "0.4", Some("a ratio")),
            (Vital::SystolicPressure, "16000", Some("Pa")),
            (Vital::MeanPressure, "0.9", Some("kPa")),
            (Vital::Etco2, "5000", Some("Pa")),
            (Vital::HeartRate, "720", None),
        ] {
            let value: Quantity = text.parse().unwrap();
            let said = of_value(vital, value, &vital.plausible(value).unwrap_err());
            assert_eq!(said.contains('?'), unit.is_some(), "{said}");
            assert!(unit.is_none_or(|unit| said.ends_with(&format!("({unit}?)"))), "{said}");
        }
    }

    #[test]
    fn a_number_with_its_unit_is_asked_to_leave_it_out() {
        let said = |text: &str| {
            let fault = text.parse::<Quantity>().unwrap_err();
            of_text(Vital::HeartRate, text, &fault)
        };
        assert_eq!(said("72 bpm"), "`72 bpm` is not a number; send the number without its unit, in /min");
        assert_eq!(said("fast"), "`fast` is not a number");
        assert_eq!(said("7f2 x"), "`7f2 x` is not a number");
    }
}
