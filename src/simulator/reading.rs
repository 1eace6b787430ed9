//! How a simulated device writes a reading: the contract's JSON, at the resolution of a bedside monitor.

use std::io::Write;

use jiff::Timestamp;

use super::physiology::Vitals;

/// Bytes of a reading with every vital, roughly.
const READING_BYTES: usize = 256;

/// What a device puts into one reading.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    pub time_ms: i64,
    pub device: &'a str,
    pub seq: u64,
    pub vitals: Vitals,
    pub saturation: Saturation,
    /// Whether the cuff has just measured.
    pub pressure: bool,
    pub temperature: bool,
    /// Whether consciousness and oxygen have just been noted.
    pub observed: bool,
    pub simulated: bool,
}

/// What the oximeter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saturation {
    Measured,
    /// The probe is off: null.
    Null,
    /// The probe is off: 0, as some devices say it.
    Zero,
}

/// The text of the second last written: most readings of a fleet fall into the same one.
#[derive(Debug, Default)]
pub struct TimeText {
    second: i64,
    /// As `2026-11-22T06:35:06`; empty before the first.
    text: String,
}

impl TimeText {
    /// Appends Unix milliseconds as RFC 3339 in UTC, with milliseconds.
    pub fn write(&mut self, time_ms: i64, to: &mut Vec<u8>) {
        let second = time_ms.div_euclid(1000);
        if self.text.is_empty() || self.second != second {
            // Out of range only in the year 9999.
            let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            self.text = format!("{time:.0}");
            self.text.pop();
            self.second = second;
        }
        to.extend_from_slice(self.text.as_bytes());
        append(to, format_args!(".{:03}Z", time_ms.rem_euclid(1000)));
    }
}

/// Writes one reading as JSON.
pub fn write(measured: &Measured<'_>, time_text: &mut TimeText) -> Vec<u8> {
    let mut to = Vec::with_capacity(READING_BYTES);
    let vitals = &measured.vitals;
    to.extend_from_slice(b"{\"time\":\"");
    time_text.write(measured.time_ms, &mut to);
    append(
        &mut to,
        format_args!(
            "\",\"device\":\"{}\",\"seq\":{},\"heart_rate\":{},\"oxygen_saturation\":",
            measured.device,
            measured.seq,
            whole(vitals.heart_rate)
        ),
    );
    match measured.saturation {
        Saturation::Measured => append(&mut to, format_args!("{}", whole(vitals.oxygen_saturation))),
        Saturation::Null => to.extend_from_slice(b"null"),
        Saturation::Zero => to.push(b'0'),
    }
    append(&mut to, format_args!(",\"respiratory_rate\":{}", whole(vitals.respiratory_rate)));
    write_what_is_due(measured, &mut to);
    if measured.simulated {
        to.extend_from_slice(b",\"simulated\":true");
    }
    to.push(b'}');
    to
}

/// Appends what is not measured each time.
fn write_what_is_due(measured: &Measured<'_>, to: &mut Vec<u8>) {
    let vitals = &measured.vitals;
    if let Some((systolic, diastolic)) = vitals.pressure.filter(|_| measured.pressure) {
        append(to, format_args!(",\"blood_pressure\":\"{}/{}\"", whole(systolic), whole(diastolic)));
    }
    if measured.temperature {
        let tenths = whole(vitals.temperature * 10.0);
        append(to, format_args!(",\"temperature\":{}.{}", tenths / 10, tenths % 10));
    }
    if measured.observed {
        let consciousness = if vitals.confused { "C" } else { "A" };
        append(
            to,
            format_args!(
                ",\"consciousness\":\"{consciousness}\",\"supplemental_oxygen\":{}",
                vitals.on_oxygen
            ),
        );
    }
}

/// To the device's resolution.
fn whole(value: f64) -> u32 {
    value.round() as u32
}

/// Writing into memory does not fail.
pub fn append(to: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = to.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_written_as_the_contract_says() {
        let vitals = Vitals {
            heart_rate: 72.4,
            respiratory_rate: 15.5,
            oxygen_saturation: 97.6,
            temperature: 36.84,
            pressure: Some((120.2, 79.6)),
            confused: false,
            on_oxygen: false,
        };
        let measured = Measured {
            time_ms: 1_795_329_306_007,
            device: "sim-mon-1",
            seq: 3,
            vitals,
            saturation: Saturation::Measured,
            pressure: true,
            temperature: true,
            observed: true,
            simulated: true,
        };
        let text =
            |measured: &Measured<'_>| String::from_utf8(write(measured, &mut TimeText::default())).unwrap();
        assert_eq!(
            text(&measured),
            r#"{"time":"2026-11-22T06:35:06.007Z","device":"sim-mon-1","seq":3,"heart_rate":72,"oxygen_saturation":98,"respiratory_rate":16,"blood_pressure":"120/80","temperature":36.8,"consciousness":"A","supplemental_oxygen":false,"simulated":true}"#
        );
        let bare = Measured {
            pressure: false,
            temperature: false,
            observed: false,
            simulated: false,
            saturation: Saturation::Null,
            ..measured
        };
        assert_eq!(
            text(&bare),
            r#"{"time":"2026-11-22T06:35:06.007Z","device":"sim-mon-1","seq":3,"heart_rate":72,"oxygen_saturation":null,"respiratory_rate":16}"#
        );
    }
}
