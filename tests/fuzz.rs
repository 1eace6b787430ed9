//! Whatever comes in, nothing panics, nothing takes long, and nothing takes more memory than a small multiple of it.
//!
//! `WARDWATCH_FUZZ=long` tries millions; `WARDWATCH_FUZZ_SEED` begins elsewhere. What fails is printed with its number:
//! the same seed and number are the same input.

#[path = "fuzz/allocations.rs"]
mod allocations;
#[path = "fuzz/inputs.rs"]
mod inputs;
#[path = "fuzz/memory.rs"]
mod memory;
#[path = "fuzz/settings.rs"]
mod settings;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use allocations::most_held;
use inputs::Inputs;
use wardwatch::config::{Config, Sources};
use wardwatch::contract::announcement;
use wardwatch::contract::inbound::{Inbound, InboundMessage, ReplyRequest, Translation, Translator};
use wardwatch::contract::topics::{Address, Topics};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::people::PatientId;
use wardwatch_actors::vitals::{Quantity, Reading, Vital};

/// What one input may take, however long it is, in milliseconds; far more than any does.
const LONGEST_MS: i64 = 5_000;

/// How often each is tried.
fn rounds(short: usize) -> usize {
    let long = std::env::var("WARDWATCH_FUZZ").is_ok_and(|form| form == "long");
    if long { short * 50 } else { short }
}

/// Tries each input of this kind, of which so many bytes come: a fixed part and so many for each of its own.
fn try_all<T>(
    name: &str,
    short: usize,
    (fixed, each): (usize, usize),
    make: impl Fn(&mut Inputs) -> T,
    bytes: impl Fn(&T) -> &[u8],
    work: impl Fn(&T),
) {
    let first: u64 =
        std::env::var("WARDWATCH_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let clock = Clock::system();
    let mut worst = (0.0, 0);
    for number in 0..rounds(short) as u64 {
        let input = make(&mut Inputs::of(first.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number));
        let begun = clock.uptime();
        let (done, held) = most_held(|| catch_unwind(AssertUnwindSafe(|| work(&input))));
        let took = clock.uptime().since(begun).as_ms();
        let text = || String::from_utf8_lossy(&bytes(&input)[..bytes(&input).len().min(2_000)]).into_owned();
        assert!(done.is_ok(), "{name} {number} panics: {}", text());
        assert!(took <= LONGEST_MS, "{name} {number} takes {took} ms: {}", text());
        let length = bytes(&input).len();
        assert!(held <= fixed + each * length, "{name} {number}: {length} bytes hold {held}: {}", text());
        let share = held.saturating_sub(fixed) as f64 / length.max(1) as f64;
        worst = if share > worst.0 { (share, number) } else { worst };
    }
    #[expect(clippy::print_stdout, reason = "what was tried is read with --nocapture")]
    {
        println!(
            "{name}: {} tried, at most {:.1} bytes held a byte beyond {fixed} (number {})",
            rounds(short),
            worst.0,
            worst.1
        );
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_763_793_306_120)
}

fn translator() -> Translator {
    let config = Config::default();
    let settings = Arc::new(config.settings().expect("the defaults fit together"));
    Translator::new(Topics::new("wardwatch"), Sources::default(), settings)
}

fn translate<'t>(translator: &Translator, topic: &'t str, payload: &[u8]) -> Translation<'t> {
    let message = InboundMessage {
        topic,
        payload,
        size: payload.len(),
        retain: false,
        queued: false,
        received_at: now(),
        reply: ReplyRequest::default(),
    };
    let translation = translator.translate(message);
    for rejected in &translation.rejected {
        assert!(!rejected.reason.is_empty());
        let said = announcement::rejected(&Topics::new("wardwatch"), rejected);
        serde_json::from_slice::<serde_json::Value>(&said.payload)
            .expect("what is rejected is published in JSON");
    }
    translation
}

#[test]
fn no_topic_does_harm_and_whatever_names_somebody_is_spelled_as_we_spell_it() {
    let translator = translator();
    let topics = &Topics::new("wardwatch");
    try_all(
        "topic",
        300_000,
        (4_096, 16),
        Inputs::topic,
        |topic| topic.as_bytes(),
        |topic| {
            match topics.read(topic) {
                Ok(Address::Vitals(id)) => assert_eq!(topics.vitals(&id.parse().expect("an id")), *topic),
                Ok(Address::Record(id)) => assert_eq!(topics.record(&id.parse().expect("an id")), *topic),
                Ok(Address::DeviceStatus(device)) => assert_eq!(topics.device_status(device), *topic),
                Ok(Address::Command { sender, patient }) => {
                    assert_eq!(topics.command(sender, &patient.parse().expect("an id")), *topic);
                }
                Ok(Address::Receiver(name)) => assert_eq!(topics.receiver(name), *topic),
                Ok(Address::Confirmation(name)) => assert_eq!(topics.confirmations(name), *topic),
                Ok(Address::Probe(instance)) => assert_eq!(topics.probe(instance), *topic),
                Ok(Address::Discharges(instance)) => assert_eq!(topics.discharges(instance), *topic),
                Err(fault) => assert!(!fault.to_string().is_empty()),
            }
            translate(&translator, topic, b"{}");
        },
    );
}

#[test]
fn no_payload_of_a_reading_does_harm() {
    let translator = translator();
    let make = |inputs: &mut Inputs| match inputs.below(10) {
        0 => inputs.noise(),
        1 => {
            let right = reading_of(inputs);
            inputs.with_another_number(&right)
        }
        2 => {
            let right = reading_of(inputs);
            inputs.damaged(right.as_bytes())
        }
        _ => inputs.json(),
    };
    try_all(
        "reading",
        100_000,
        (64 << 10, 100),
        make,
        |payload| payload,
        |payload| {
            let translation = translate(&translator, "wardwatch/vitals/icu-1/p-17", payload);
            if let Inbound::Readings { readings, .. } = translation.inbound {
                let sorted = readings.is_sorted_by_key(|reading| reading.observed_at.unwrap_or(now()));
                assert!(sorted, "readings come in order of their time");
                readings.iter().for_each(is_plausible);
            }
        },
    );
}

/// Nothing behind the edge checks ranges again.
fn is_plausible(reading: &Reading) {
    for (vital, value) in reading.values.iter() {
        assert!(vital.plausible(value).is_ok(), "{vital:?} {value:?}");
    }
}

/// A right reading of values that a device may send.
fn reading_of(inputs: &mut Inputs) -> String {
    let (rate, saturation, seq) = (30 + inputs.below(200), 50 + inputs.below(51), inputs.below(100_000));
    let (systolic, tenths) = (60 + inputs.below(160), 340 + inputs.below(80));
    format!(
        r#"{{"time":"2026-11-22T06:35:06.120Z","device":"mon-17","seq":{seq},"heart_rate":{rate},"oxygen_saturation":{saturation},"blood_pressure":"{systolic}/50","temperature":{}.{},"consciousness":"A"}}"#,
        tenths / 10,
        tenths % 10
    )
}

#[test]
fn a_value_arrives_as_it_was_written_cut_off_after_two_digits() {
    let translator = translator();
    let make = |inputs: &mut Inputs| {
        let (whole, digits) = (30 + inputs.below(15), inputs.below(1_000_000));
        let written = format!("{whole}.{digits:06}");
        let quoted = inputs.below(2) == 0;
        (whole as i32 * 100 + digits as i32 / 10_000, if quoted { format!("\"{written}\"") } else { written })
    };
    try_all(
        "value",
        20_000,
        (64 << 10, 100),
        make,
        |(_, written)| written.as_bytes(),
        |(hundredths, written)| {
            let payload = format!(r#"{{"temperature":{written}}}"#);
            let translation = translate(&translator, "wardwatch/vitals/icu-1/p-17", payload.as_bytes());
            let Inbound::Readings { readings, .. } = translation.inbound else {
                panic!("{payload} is no reading")
            };
            assert_eq!(
                readings[0].values.get(Vital::Temperature),
                Some(Quantity::hundredths(*hundredths)),
                "{payload}"
            );
        },
    );
}

#[test]
fn no_record_and_no_status_does_harm() {
    let translator = translator();
    const RECORD: &str = r#"{"class":"adult","born":"1951-03-02","pregnant":false,"spo2_scale":1,"room":"12","bed":"B","label":"A.O.","devices":["mon-17"],"from":null,"limits":{"heart_rate":{"low":55,"high":110,"delay":"10s"}},"attending":"team-a"}"#;
    let make = |inputs: &mut Inputs| match inputs.below(6) {
        0 => inputs.noise(),
        1 | 2 => inputs.damaged(RECORD.as_bytes()),
        3 => inputs.with_another_number(RECORD),
        _ => inputs.json(),
    };
    try_all(
        "record",
        60_000,
        (64 << 10, 100),
        make,
        |payload| payload,
        |payload| {
            for topic in ["wardwatch/patients/icu-1/p-17", "wardwatch/devices/mon-17/status"] {
                let translation = translate(&translator, topic, payload);
                if let Inbound::Record { patient, .. } = translation.inbound {
                    assert_eq!(patient, "icu-1/p-17".parse::<PatientId>().expect("an id"));
                }
            }
        },
    );
}
