//! Readings as devices send them: one or an array, numbers as numbers or strings, exact to 0.01.

mod fields;
mod pressures;
mod units;
mod wire;

use std::borrow::Cow;

use serde::de::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::DeviceId;
use wardwatch_actors::vitals::Reading;

use crate::causes::Causes;
use crate::config::Sources;
use crate::contract::unknown_names;
use fields::Draft;
pub use wire::known_names;
use wire::{Elements, WireReading};

/// How many readings one message may have; more would hold up everybody else.
pub const MOST_READINGS: usize = 1000;
/// How many rejected values and elements of one array are reported singly.
const MOST_FAULTS: usize = 32;

/// What one message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ParsedReadings<'a> {
    /// In order of their time.
    pub readings: Vec<Reading>,
    /// What was rejected of it, the first of an array; the rest is used.
    pub faults: Vec<FieldFault>,
    /// How many more were rejected.
    pub more_faults: u64,
    /// Fields that nobody knows, by the device that sent them.
    pub unknown: Vec<UnknownFields<'a>>,
}

/// The fields of one reading that nobody knows.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownFields<'a> {
    pub device: Option<DeviceId>,
    pub names: Vec<Cow<'a, str>>,
}

/// Why a message, or an element of an array, is rejected as a whole.
#[derive(Debug, Error)]
pub enum Rejection {
    #[error("payload is not a reading in JSON")]
    Json(#[from] serde_json::Error),
    #[error(
        "the reading has no vital sign; allowed is at least one of heart_rate, oxygen_saturation, …{unknown}"
    )]
    NoVital {
        /// What is in it instead.
        unknown: String,
    },
    #[error("the array has more than {MOST_READINGS} readings; allowed is at most {MOST_READINGS}")]
    TooMany,
    #[error("the payload has {size} bytes; allowed is at most {max} (mqtt.max_payload)")]
    TooLarge { size: usize, max: usize },
    #[error(
        "a retained reading is rejected: it would be taken for a new one at every connection; publish without retain"
    )]
    Retained,
}

/// A field, or an element of an array, that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// `heart_rate`, in an array `[17].heart_rate`; a whole element is `[17]`.
    pub field: Cow<'static, str>,
    pub reason: String,
}

/// Reads the payload of a vitals topic that arrived at `received_at`.
pub fn parse<'a>(
    payload: &'a [u8],
    sources: &Sources,
    received_at: Timestamp,
) -> Result<ParsedReadings<'a>, Rejection> {
    let mut parsed = ParsedReadings::default();
    if payload.trim_ascii_start().first() == Some(&b'[') {
        parsed.add_array(payload, sources, received_at)?;
        parsed.readings.sort_by_key(|reading| reading.observed_at.unwrap_or(received_at));
        let newest = parsed.readings.iter().filter_map(|reading| reading.observed_at).max();
        parsed.readings.iter_mut().for_each(|reading| reading.newest_beside = newest);
    } else {
        parsed.add(json(payload)?, sources, received_at, false)?;
    }
    match parsed.readings.is_empty() && parsed.faults.is_empty() {
        true => Err(Rejection::NoVital { unknown: String::new() }),
        false => Ok(parsed),
    }
}

/// Reads JSON; text that is checked as a whole need not be checked again piece by piece.
fn json<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(payload) {
        Ok(text) => serde_json::from_str(text),
        // It says where the payload is no text.
        Err(_) => serde_json::from_slice(payload),
    }
}

impl<'a> ParsedReadings<'a> {
    /// Adds each element; a bad one is rejected by itself.
    fn add_array(
        &mut self,
        payload: &'a [u8],
        sources: &Sources,
        received_at: Timestamp,
    ) -> Result<(), Rejection> {
        // An array without a fault in its form is read in one go.
        let mut index = 0;
        let whole = elements(payload, |wire| {
            self.add_element(index, Ok(wire), sources, received_at);
            index += 1;
        });
        match &whole {
            // What is no JSON at all is no array of which some elements are readings.
            Err(Rejection::Json(fault)) if fault.is_data() => {}
            _ => return whole,
        }
        (*self, index) = (Self::default(), 0);
        elements(payload, |element: &RawValue| {
            // To put into words what is wrong with each of a thousand would hold up everybody else.
            if self.words_no_more() && !element.get().starts_with('{') {
                self.more_faults += 1;
            } else {
                self.add_element(index, serde_json::from_str(element.get()), sources, received_at);
            }
            index += 1;
        })
    }

    /// Adds one element of an array, and what was rejected of it.
    fn add_element(
        &mut self,
        index: usize,
        element: Result<WireReading<'a>, serde_json::Error>,
        sources: &Sources,
        received_at: Timestamp,
    ) {
        let (faults, is_counted_only) = (self.faults.len(), self.words_no_more());
        let added = element
            .map_err(Rejection::from)
            .and_then(|wire| self.add(wire, sources, received_at, is_counted_only));
        if is_counted_only {
            self.more_faults += (self.faults.len() - faults) as u64 + u64::from(added.is_err());
            return self.faults.truncate(faults);
        }
        for fault in &mut self.faults[faults..] {
            fault.field = format!("[{index}].{}", fault.field).into();
        }
        if let Err(rejection) = added {
            let (field, reason) = (format!("[{index}]").into(), Causes(&rejection).to_string());
            self.faults.push(FieldFault { field, reason });
        }
        self.more_faults += self.faults.len().saturating_sub(MOST_FAULTS) as u64;
        self.faults.truncate(MOST_FAULTS);
    }

    /// Whether what is rejected from here on is only counted.
    fn words_no_more(&self) -> bool {
        self.faults.len() >= MOST_FAULTS
    }

    /// Adds one reading, and what was rejected of it.
    fn add(
        &mut self,
        wire: WireReading<'a>,
        sources: &Sources,
        received_at: Timestamp,
        is_counted_only: bool,
    ) -> Result<(), Rejection> {
        if !wire.has_vitals() {
            let unknown = match wire.unknown.is_empty() || is_counted_only {
                true => String::new(),
                false => format!(" ({})", unknown_names::described(&wire.unknown, &known_names())),
            };
            return Err(Rejection::NoVital { unknown });
        }
        let draft = Draft::read(&wire, sources, received_at, is_counted_only);
        if !wire.unknown.is_empty() {
            self.unknown.push(UnknownFields { device: draft.reading.device.clone(), names: wire.unknown });
        }
        let judged = draft.is_worth_judging();
        self.faults.extend(draft.faults);
        self.readings.extend(judged.then_some(draft.reading));
        Ok(())
    }
}

/// Hands over the elements of an array; one of too many is read no further than it may be long.
fn elements<'a, T: Deserialize<'a>>(payload: &'a [u8], each: impl FnMut(T)) -> Result<(), Rejection> {
    let mut too_many = false;
    let elements = Elements::at_most(MOST_READINGS, &mut too_many, each);
    let read = match std::str::from_utf8(payload) {
        Ok(text) => elements.read(serde_json::Deserializer::from_str(text)),
        Err(_) => elements.read(serde_json::Deserializer::from_slice(payload)),
    };
    read.map_err(|fault| if too_many { Rejection::TooMany } else { fault.into() })
}

#[cfg(test)]
mod tests;
