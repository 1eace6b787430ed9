//! What goes to WardWatch, with the truth about it that only the oracle knows.

use std::fmt::Write as _;

use crate::course::{Ms, Vital};

/// When second 0 is: 2026-11-22T06:00:00Z, as in the timelines.
pub const START: Ms = 1_795_327_200_000;

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// When it arrives.
    pub at: Ms,
    /// Which of the bed's patients it is sent for.
    pub patient: usize,
    pub said: Said,
}

#[derive(Debug, Clone)]
pub enum Said {
    /// Readings, in one array where it is more than one.
    Readings(Vec<Measured>),
    Status {
        device: String,
        online: bool,
    },
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Truth: when it was measured.
    pub taken: Ms,
    /// Truth: which device it is, whatever its name.
    pub source: usize,
    pub device: Option<String>,
    /// The time as sent, in milliseconds since second 0.
    pub stamp: Option<Ms>,
    pub seq: Option<u64>,
    pub values: Vec<(Vital, Value)>,
    /// Truth: sent before, and sent again.
    pub again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Of(i64),
    Null,
    /// A zero that stands for "not measured".
    Zero,
    /// SpO2 127 and pulse 255 together.
    Sentinel,
}

impl Measured {
    /// Whether it is, for whoever reads only what was sent, the same as `other`.
    pub fn looks_like(&self, other: &Self) -> bool {
        (self.seq.is_some() || self.stamp.is_some())
            && (&self.device, self.stamp, self.seq, &self.values)
                == (&other.device, other.stamp, other.seq, &other.values)
    }

    pub fn json(&self, text: &mut String) {
        text.push('{');
        if let Some(stamp) = self.stamp {
            let _ = write!(text, "\"time\":{},", START + stamp);
        }
        if let Some(device) = &self.device {
            let _ = write!(text, "\"device\":\"{device}\",");
        }
        if let Some(seq) = self.seq {
            let _ = write!(text, "\"seq\":{seq},");
        }
        for (place, (vital, value)) in self.values.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(text, "{comma}\"{}\":", vital.name());
            let _ = match value {
                Value::Of(value) => write!(text, "{value}"),
                Value::Null => write!(text, "null"),
                Value::Zero => write!(text, "0"),
                Value::Sentinel => write!(text, "{}", if *vital == Vital::Saturation { 127 } else { 255 }),
            };
        }
        text.push('}');
    }
}

impl Message {
    pub fn readings(&self) -> &[Measured] {
        match &self.said {
            Said::Readings(readings) => readings,
            Said::Status { .. } => &[],
        }
    }

    /// Its topic and payload; `patients` are the names of the bed's patients.
    pub fn wire(&self, patients: &[String]) -> (String, String) {
        match &self.said {
            Said::Status { device, online } => {
                let status = if *online { "\"online\"" } else { "\"offline\"" };
                (format!("wardwatch/devices/{device}/status"), status.to_owned())
            }
            Said::Readings(readings) => {
                let mut text = String::with_capacity(160 * readings.len());
                let array = readings.len() > 1;
                text.push_str(if array { "[" } else { "" });
                for (place, reading) in readings.iter().enumerate() {
                    text.push_str(if place > 0 { "," } else { "" });
                    reading.json(&mut text);
                }
                text.push_str(if array { "]" } else { "" });
                (format!("wardwatch/vitals/{}", patients[self.patient]), text)
            }
        }
    }
}
