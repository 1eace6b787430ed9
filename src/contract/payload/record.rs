//! Admission records and device status as they come in.

use thiserror::Error;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::settings::Settings;

/// Why an admission record is rejected; the last valid one stays.
#[derive(Debug, Error)]
pub enum RecordFault {
    #[error("payload is no admission record")]
    Json(#[from] serde_json::Error),
    #[error("payload is no JSON object")]
    NotAnObject,
    #[error("the record's limits do not fit: {0}")]
    Limits(String),
}

/// Reads the record of a patient; an empty payload says that the patient is discharged.
pub fn parse(
    payload: &[u8],
    patient: &PatientId,
    settings: &Settings,
    received_at: Timestamp,
) -> Result<Option<AdmissionRecord>, RecordFault> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(RecordFault::NotAnObject);
    }
    let record: AdmissionRecord = serde_json::from_slice(payload)?;
    let site = settings.limits.limits(record.class_at(received_at), patient.unit());
    site.with(&record.limits).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        RecordFault::Limits(faults.join("; "))
    })?;
    Ok(Some(record))
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
    use super::*;

    fn parse_text(json: &str) -> Result<Option<AdmissionRecord>, RecordFault> {
        parse(
            json.as_bytes(),
            &"icu-1/p-17".parse().unwrap(),
            &Settings::default(),
            Timestamp::from_unix_ms(0),
        )
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
    fn a_device_is_online_or_offline() {
        assert_eq!(parse_status(b"online").unwrap(), Some(true));
        assert_eq!(parse_status(b" offline\n").unwrap(), Some(false));
        assert_eq!(parse_status(b"").unwrap(), None);
        assert!(parse_status(b"dead").is_err());
    }
}
