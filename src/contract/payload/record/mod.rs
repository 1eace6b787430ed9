//! Admission records and device status as they come in.

mod known;

use std::borrow::Cow;

use jiff::civil::Date;
use serde_json::value::RawValue;
use thiserror::Error;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::{Class, PatientId};
use wardwatch_actors::settings::Settings;

use crate::contract::unknown_names;
use known::{Nesting, UnknownKey, known_part};

/// Why an admission record is rejected; the last valid one stays.
#[derive(Debug, Error)]
pub enum RecordFault {
    #[error("payload is not an admission record")]
    Json(#[from] serde_json::Error),
    #[error("payload is not a JSON object")]
    NotAnObject,
    #[error("the record's limits cannot be used: {0}")]
    Limits(String),
}

/// A record, and what is to be reported of it though it holds.
#[derive(Debug, Default)]
pub struct ParsedRecord {
    /// None: the patient is discharged.
    pub record: Option<AdmissionRecord>,
    /// What `born` says, where it contradicts a `class` that is given.
    pub contradicted: Option<Contradicted>,
    unknown: Vec<UnknownKey>,
}

/// A `class` that is not the one of the patient's age; it holds.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("class `{}` contradicts born {born} (`{}`); the class holds", .class.name(), .by_age.name())]
pub struct Contradicted {
    class: Class,
    born: Date,
    by_age: Class,
}

impl ParsedRecord {
    /// The keys that nobody knows, as `clas` or `limits.heart_rate.lo`.
    pub fn unknown(&self) -> Vec<Cow<'_, str>> {
        self.unknown.iter().map(|key| Cow::Borrowed(&*key.path)).collect()
    }

    /// Describes these of them, each with the nearest key that may stand where it does.
    pub fn describe(&self, paths: &[&str]) -> String {
        unknown_names::described_by(paths, |path| {
            let key = self.unknown.iter().find(|key| key.path == path)?;
            let name = path.rsplit('.').next().unwrap_or(path);
            unknown_names::suggestion(name, &key.level.keys())
        })
    }
}

/// Reads the record of a patient; an empty payload says that the patient is discharged.
pub fn parse(
    payload: &[u8],
    patient: &PatientId,
    settings: &Settings,
    received_at: Timestamp,
) -> Result<ParsedRecord, RecordFault> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Ok(ParsedRecord::default());
    }
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(RecordFault::NotAnObject);
    }
    let text: &RawValue = serde_json::from_slice(payload)?;
    let mut unknown = Vec::new();
    let known = known_part(text.get(), Nesting::Record, "", &mut unknown)?;
    let record: AdmissionRecord = serde_json::from_str(&known)?;
    let site = settings.limits.limits(record.class_at(received_at), patient.unit());
    site.with(&record.limits).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        RecordFault::Limits(faults.join("; "))
    })?;
    let contradicted = record
        .contradicted_class(received_at)
        .zip(record.class)
        .zip(record.born)
        .map(|((by_age, class), born)| Contradicted { class, born, by_age });
    Ok(ParsedRecord { record: Some(record), contradicted, unknown })
}

/// Why a device's status is rejected.
#[derive(Debug, Error)]
#[error("`{0}` is neither online nor offline")]
pub struct StatusFault(String);

/// Reads a device's status: whether it is online. An emptied status says nothing.
pub fn parse_status(payload: &[u8]) -> Result<Option<bool>, StatusFault> {
    match payload.trim_ascii() {
        b"" => Ok(None),
        b"online" | b"\"online\"" => Ok(Some(true)),
        b"offline" | b"\"offline\"" => Ok(Some(false)),
        other => Err(StatusFault(String::from_utf8_lossy(other).chars().take(64).collect())),
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_actors::settings::LimitSetting;
    use wardwatch_actors::vitals::{Quantity, Vital};

    use super::*;

    fn parse_text(json: &str) -> Result<Option<AdmissionRecord>, RecordFault> {
        parse_whole(json).map(|parsed| parsed.record)
    }

    fn parse_whole(json: &str) -> Result<ParsedRecord, RecordFault> {
        let received_at = "2026-11-22T06:00:00Z".parse().unwrap();
        parse(json.as_bytes(), &"icu-1/p-17".parse().unwrap(), &Settings::default(), received_at)
    }

    #[test]
    fn the_record_of_the_contract_is_read() {
        let record = parse_text(
            r#"{"class":"adult","born":"1951-03-02","pregnant":false,"spo2_scale":1,"room":"12","bed":"B","label":"A.O.","devices":["mon-17"],"from":null,
             "limits":{"heart_rate":{"low":55,"high":110}},"attending":"team-a"}"#,
        );
        assert_eq!(record.unwrap().unwrap().bed.as_deref(), Some("B"));
        assert_eq!(parse_text("").unwrap(), None);
        assert_eq!(parse_text("{}").unwrap(), Some(AdmissionRecord::default()));
    }

    #[test]
    fn a_record_that_cannot_be_meant_is_rejected_with_its_reason() {
        for bad in [
            r#"{"class":"giant"}"#,
            r#"{"born":"yesterday"}"#,
            r#"{"spo2_scale":3}"#,
            r#"{"devices":["a b"]}"#,
        ] {
            assert!(matches!(parse_text(bad), Err(RecordFault::Json(_))), "{bad}");
        }
        assert!(matches!(parse_text("[]"), Err(RecordFault::NotAnObject)));
        let fault = parse_text(r#"{"limits":{"heart_rate":{"low":130}}}"#).unwrap_err();
        assert!(fault.to_string().contains("heart_rate.low: 130 /min"), "{fault}");
    }

    #[test]
    fn unknown_keys_are_described_with_the_nearest_and_the_rest_of_the_record_holds() {
        let text = r#"{"clas":"neonate","bed":"B","limit":{},"limits":{"heart_rate":{"lo":55,"high":110},"hart_rate":{"low":3}}}"#;
        let parsed = parse_whole(text).unwrap();
        assert_eq!(parsed.unknown(), ["clas", "limit", "limits.heart_rate.lo", "limits.hart_rate"]);
        let words = "unknown: clas, limit, limits.heart_rate.lo, limits.hart_rate; did you mean class, limits, low, heart_rate?";
        let paths = parsed.unknown();
        assert_eq!(parsed.describe(&paths.iter().map(|path| &**path).collect::<Vec<_>>()), words);
        let record = parsed.record.unwrap();
        assert_eq!(record.bed.as_deref(), Some("B"));
        let limits = record.limits.get(Vital::HeartRate).unwrap();
        assert_eq!((limits.low, limits.high), (None, Some(LimitSetting::At(Quantity::whole(110)))));
        assert_eq!(record.limits.iter().count(), 1);
    }

    #[test]
    fn a_class_that_contradicts_the_date_of_birth_holds_and_is_reported() {
        let parsed = parse_whole(r#"{"class":"adult","born":"2020-01-01"}"#).unwrap();
        let words = parsed.contradicted.unwrap().to_string();
        assert_eq!(words, "class `adult` contradicts born 2020-01-01 (`paediatric`); the class holds");
        assert_eq!(parsed.record.unwrap().class, Some(Class::Adult));
        for fine in
            [r#"{"class":"adult","born":"1951-03-02"}"#, r#"{"born":"2020-01-01"}"#, r#"{"class":"neonate"}"#]
        {
            assert_eq!(parse_whole(fine).unwrap().contradicted, None, "{fine}");
        }
    }

    #[test]
    fn a_null_in_a_record_counts_as_absent_wherever_it_stands() {
        let text = r#"{"class":null,"born":null,"pregnant":null,"spo2_scale":null,"devices":null,"from":null,
            "limits":{"heart_rate":{"low":null,"high":110},"etco2":null}}"#;
        let record = parse_text(text).unwrap().unwrap();
        assert_eq!(record.limits.iter().count(), 1);
        assert_eq!(
            parse_text(r#"{"class":null,"limits":null,"pregnant":null}"#).unwrap(),
            Some(AdmissionRecord::default())
        );
    }

    #[test]
    fn a_device_is_online_or_offline() {
        assert_eq!(parse_status(b"online").unwrap(), Some(true));
        assert_eq!(parse_status(b" offline\n").unwrap(), Some(false));
        assert_eq!(parse_status(b"").unwrap(), None);
        assert!(parse_status(b"dead").is_err());
    }
}
