//! Bad input through the door that `run` and `assess` share: never a crash, never silence.

#[path = "support/assessed.rs"]
mod assessed;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use wardwatch::config::Config;
use wardwatch::contract::inbound::Translator;
use wardwatch::contract::payload::rejected::RejectedMessage;
use wardwatch::contract::topics::Topics;
use wardwatch::door::{Door, RejectedOutput};
use wardwatch_actors::analyzers;
use wardwatch_actors::census_actor::{CensusActor, IngestProgress, ShardParts};
use wardwatch_actors::clock::{Clock, Timestamp};
use wardwatch_actors::counters::Counters;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::RejectedArrival;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::{Ledger, Receipt};

const READINGS: &str = "wardwatch/vitals/icu-1/p-17";

#[test]
fn what_is_no_json_is_rejected_with_a_reason() {
    let files = files("json", "n_");
    for (file, payload) in &files {
        let fate = fate_of(READINGS, payload);
        assert!(fate.rejected() && fate.readings == 0, "{}: {fate:?}", file.display());
    }
    println!("{} files", files.len());
}

#[test]
fn json_that_is_no_reading_is_rejected_with_a_reason() {
    for prefix in ["y_", "i_"] {
        for (file, payload) in files("json", prefix) {
            let fate = fate_of(READINGS, &payload);
            assert!(fate.rejected() && fate.readings == 0, "{}: {fate:?}", file.display());
        }
    }
}

#[test]
fn no_case_of_json_crashes_a_record_or_a_status() {
    for (file, payload) in files("json", "") {
        for topic in ["wardwatch/patients/icu-1/p-17", "wardwatch/devices/mon-17/status"] {
            let fate = fate_of(topic, &payload);
            let says_nothing = payload.trim_ascii().is_empty();
            let may_be_a_record = topic.contains("patients") && payload.trim_ascii_start().starts_with(b"{");
            assert!(fate.rejected() || says_nothing || may_be_a_record, "{}: {fate:?}", file.display());
        }
    }
}

#[test]
fn messages_as_devices_and_gateways_send_them_are_taken_or_rejected_with_a_reason() {
    for (file, payload) in files("payloads", "") {
        let fate = fate_of(READINGS, &payload);
        assert!(fate.is_known(), "{}: {fate:?}", file.display());
        println!("{}: {} readings, {:?}", file.display(), fate.readings, fate.reasons);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_taken_or_rejected_with_a_reason(
        topic in prop_oneof![
            Just(READINGS.to_owned()),
            "wardwatch/vitals/.{0,20}",
            "(wardwatch/)?[a-z]{0,9}(/.{0,9}){0,4}",
            ".{0,60}",
        ],
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            almost_a_reading().prop_map(String::into_bytes),
        ],
    ) {
        let fate = fate_of(&topic, &payload);
        // An emptied record, status or probe says nothing, and a probe is our own.
        let may_be_still = ["wardwatch/patients/", "wardwatch/devices/", "wardwatch/probe/"];
        prop_assert!(fate.is_known() || may_be_still.iter().any(|kind| topic.starts_with(kind)), "{topic}: {fate:?}");
    }
}

/// Objects with the fields of a reading, and any values.
fn almost_a_reading() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("heart_rate"),
        Just("oxygen_saturation"),
        Just("blood_pressure"),
        Just("temperature"),
        Just("consciousness"),
        Just("time"),
        Just("device"),
        Just("seq"),
        Just("glucose"),
    ];
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9]{1,3}".prop_map(|number| format!("\"{number}\"")),
        "[0-9]{1,3}/[0-9]{1,3}".prop_map(|pressure| format!("\"{pressure}\"")),
        "\\PC{0,12}".prop_map(|text| format!("{text:?}")),
        Just("{\"systolic\":120,\"diastolic\":\"80\"}".to_owned()),
        Just("[[]]".to_owned()),
    ];
    proptest::collection::vec((field, value), 0..6).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

/// The files of a folder of real material whose name begins with `prefix`.
fn files(folder: &str, prefix: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Some(folder) = assessed::data(folder) else { return Vec::new() };
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |file: &PathBuf| name(file).starts_with(prefix) && name(file) != "index.jsonl";
    let mut files: Vec<_> = entries.filter(named).collect();
    files.sort();
    assert!(!files.is_empty());
    files
        .into_iter()
        .map(|file| {
            let payload = std::fs::read(&file).unwrap();
            (file, payload)
        })
        .collect()
}

fn name(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

/// What became of one message.
#[derive(Debug, Default)]
struct Fate {
    readings: u64,
    duplicates: u64,
    reasons: Vec<String>,
}

impl Fate {
    fn rejected(&self) -> bool {
        self.reasons.iter().any(|reason| !reason.is_empty())
    }

    /// Whether somebody could know what became of it.
    fn is_known(&self) -> bool {
        self.readings + self.duplicates > 0 || self.rejected()
    }
}

/// Sends one message through the door to a ward of nobody, and waits until nothing is pending for it.
fn fate_of(topic: &str, payload: &[u8]) -> Fate {
    assessed::paused_system().block_on(async {
        let outlet = Rc::new(ShardOutput::default());
        let door = a_door(&outlet);
        let pending = Arc::new(PendingCount(AtomicUsize::new(1)));
        let ledger: Arc<dyn Ledger> = pending.clone();
        let payload = Bytes::copy_from_slice(payload);
        door.take(topic, payload, false, Receipt::new(ledger, 0));
        while pending.0.load(Ordering::Acquire) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(outlet.died.get(), None);
        let counters: &Counters = &door.counters;
        Fate {
            readings: counters.readings.get(),
            duplicates: counters.duplicates.get(),
            reasons: outlet.reasons.take(),
        }
    })
}

/// The way into a ward of nobody, whose answers go to `outlet`.
fn a_door(outlet: &Rc<ShardOutput>) -> Door {
    let settings = Arc::new(Config::default().settings().unwrap());
    let (clock, counters) = (Clock::simulated(Timestamp::from_unix_ms(1_800_000_000_000)), Arc::default());
    let parts = ShardParts {
        settings: Arc::clone(&settings),
        clock: clock.clone(),
        outlet: outlet.clone(),
        counters: Arc::clone(&counters),
        rules: analyzers::all(&settings),
    };
    let census = CensusActor::start_alone(parts);
    census.do_send(IngestProgress::RecordsRead);
    census.do_send(IngestProgress::Live);
    let (sources, topics) = (Config::default().sources(), Topics::new("wardwatch"));
    let translator = Translator::new(topics, sources, settings);
    Door { translator, clock, counters, census, rejected: outlet.clone(), draining: Default::default() }
}

struct PendingCount(AtomicUsize);

impl Ledger for PendingCount {
    fn add_pending(&self, _: u64) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn settle(&self, _: u64) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    fn abandon(&self, _: u64) {
        panic!("a receipt was dropped unsettled");
    }
}

/// Where everything ends that one message causes.
#[derive(Default)]
struct ShardOutput {
    reasons: RefCell<Vec<String>>,
    died: Cell<Option<&'static str>>,
}

impl RejectedOutput for ShardOutput {
    fn reject(&self, message: RejectedMessage) {
        self.reasons.borrow_mut().push(message.reason);
    }
}

impl Outlet for ShardOutput {
    fn keep(&self, kept: Kept) {
        kept.receipt.settle();
    }

    fn saves(&self) -> bool {
        false
    }

    fn reject_arrival(&self, rejected: RejectedArrival) {
        self.reasons.borrow_mut().push(rejected.rejection.to_string());
    }

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, _: &PatientId) {}

    fn publish_record(&self, _: &PatientId, _: &wardwatch_actors::admission::AdmissionRecord) {}

    fn reject_command(&self, _: wardwatch_actors::commands::RejectedCommand) {}

    fn died(&self, actor: &'static str) {
        self.died.set(Some(actor));
    }
}
