//! `wardwatch assess`: the same actors on simulated time, from a recording to what would have been published.

use std::cell::RefCell;
use std::io::{BufRead, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::Addr;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::sync::Notify;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::analyzers;
use wardwatch_actors::census_actor::{CensusActor, IngestProgress, ShardParts};
use wardwatch_actors::clock::{Clock, Timestamp, TimestampFault};
use wardwatch_actors::commands::RejectedCommand;
use wardwatch_actors::counters::Counters;
use wardwatch_actors::outlet::{Kept, Outlet};
use wardwatch_actors::patient::outcome::RejectedArrival;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::{Ledger, Receipt};
use wardwatch_actors::settings::Settings;

use crate::config::Sources;
use crate::contract::announcement::{self, Announcement};
use crate::contract::inbound::Translator;
use crate::contract::payload::rejected::RejectedMessage;
use crate::contract::rejections::Rejections;
use crate::contract::topics::Topics;
use crate::door::{Door, RejectedOutput};

/// What an assessment needs to know.
#[derive(Debug, Clone)]
pub struct AssessSettings {
    pub settings: Arc<Settings>,
    pub sources: Sources,
    pub prefix: String,
    /// For how long time runs on after the last line.
    pub linger: Duration,
}

/// Why a recording cannot be assessed.
#[derive(Debug, Error)]
pub enum AssessFault {
    #[error("line {line}: the recording cannot be read")]
    Read { line: usize, source: std::io::Error },
    #[error(
        "line {line}: not a line of a recording, which looks like {{\"at\":\"2026-11-22T06:35:06.120Z\",\"topic\":\"wardwatch/vitals/icu-1/p-17\",\"payload\":{{…}}}}"
    )]
    Line { line: usize, source: serde_json::Error },
    #[error("line {line}: `at` is not a time")]
    Time { line: usize, source: TimestampFault },
    #[error("line {line}: `at` {at} is before the line above; a recording is in the order of arrival")]
    Order { line: usize, at: Timestamp },
    #[error("the result cannot be written")]
    Write(#[source] std::io::Error),
    #[error("an actor died: {0}")]
    Died(&'static str),
}

/// What was assessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub lines: usize,
    pub readings: u64,
    pub patients: u64,
}

/// One line of a recording.
#[derive(Deserialize)]
struct Line<'a> {
    at: &'a str,
    topic: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Assesses a recording, on a runtime whose time is paused, and writes the result as one.
///
/// Time goes from line to line; what is due in between comes in between, in its order. The same input
/// and settings give the same output, byte for byte.
pub async fn assess(
    settings: AssessSettings,
    recording: impl BufRead,
    result: impl Write + 'static,
) -> Result<Summary, AssessFault> {
    let mut assessment: Option<Assessment> = None;
    let mut result = Some(Box::new(result) as Box<dyn Write>);
    let mut summary = Summary::default();
    for (number, text) in recording.split(b'\n').enumerate() {
        let line = number + 1;
        let text = text.map_err(|source| AssessFault::Read { line, source })?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        let entry: Line<'_> =
            serde_json::from_slice(&text).map_err(|source| AssessFault::Line { line, source })?;
        let at = entry.at.parse::<Timestamp>().map_err(|source| AssessFault::Time { line, source })?;
        let assessment = match &mut assessment {
            Some(assessment) => assessment,
            None => {
                let result = result.take().unwrap_or_else(|| Box::new(std::io::sink()));
                assessment.insert(Assessment::begin(&settings, at, result))
            }
        };
        if at < assessment.at {
            return Err(AssessFault::Order { line, at });
        }
        assessment.go_to(at).await;
        assessment.take(&entry.topic, payload_of(entry.payload)).await;
        assessment.check()?;
        summary.lines += 1;
    }
    let Some(mut assessment) = assessment else { return Ok(summary) };
    assessment.go_to(assessment.at + settings.linger.into()).await;
    assessment.finish()?;
    summary.readings = assessment.door.counters.readings.get();
    summary.patients = assessment.door.counters.patients.get();
    Ok(summary)
}

/// A payload as its bytes were: a JSON string stands for text that is no JSON, such as `online`.
fn payload_of(payload: &RawValue) -> Bytes {
    match payload.get() {
        "null" => Bytes::new(),
        text if text.starts_with('"') => serde_json::from_str::<String>(text)
            .map_or_else(|_| Bytes::copy_from_slice(text.as_bytes()), Bytes::from),
        json => Bytes::copy_from_slice(json.as_bytes()),
    }
}

/// A shard on simulated time.
struct Assessment {
    at: Timestamp,
    clock: Clock,
    door: Door,
    pending: Arc<PendingMessage>,
    scribe: Rc<Scribe>,
}

impl Assessment {
    fn begin(settings: &AssessSettings, at: Timestamp, result: Box<dyn Write>) -> Self {
        let clock = Clock::simulated(at);
        let counters = Arc::new(Counters::default());
        let topics = Topics::new(&settings.prefix);
        let scribe = Rc::new(Scribe {
            topics: topics.clone(),
            clock: clock.clone(),
            rejections: RefCell::default(),
            result: RefCell::new(std::io::BufWriter::with_capacity(1 << 16, result)),
            fault: RefCell::new(None),
        });
        let outlet: Rc<dyn Outlet> = scribe.clone();
        let parts = ShardParts {
            settings: Arc::clone(&settings.settings),
            clock: clock.clone(),
            outlet,
            counters: Arc::clone(&counters),
            rules: analyzers::all(&settings.settings),
        };
        let census: Addr<CensusActor> = CensusActor::start_alone(parts);
        census.do_send(IngestProgress::RecordsRead);
        census.do_send(IngestProgress::Live);
        let translator = Translator::new(topics, settings.sources.clone(), Arc::clone(&settings.settings));
        let door = Door {
            translator,
            clock: clock.clone(),
            counters,
            census,
            rejected: scribe.clone(),
            draining: Default::default(),
        };
        Self { at, clock, door, pending: Arc::default(), scribe }
    }

    /// Lets time go on; everything that is due until then happens on the way.
    async fn go_to(&mut self, at: Timestamp) {
        if at > self.at {
            let uptime = self.clock.uptime() + at.since(self.at);
            tokio::time::sleep_until(self.clock.instant(uptime)).await;
            self.at = at;
        }
    }

    /// Takes one message, and waits until nothing is pending for it any more.
    async fn take(&self, topic: &str, payload: Bytes) {
        let ledger: Arc<dyn Ledger> = self.pending.clone();
        self.pending.add_pending(0);
        self.door.take(topic, payload, false, Receipt::new(ledger, 0));
        self.pending.settled().await;
    }

    fn check(&self) -> Result<(), AssessFault> {
        match self.scribe.fault.borrow_mut().take() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn finish(&self) -> Result<(), AssessFault> {
        for message in self.scribe.rejections.borrow_mut().flush() {
            self.scribe.write(&announcement::rejected(&self.scribe.topics, &message));
        }
        self.check()?;
        self.scribe.result.borrow_mut().flush().map_err(AssessFault::Write)
    }
}

/// What is pending for the one message under way.
#[derive(Default)]
struct PendingMessage {
    pending: AtomicUsize,
    settled: Notify,
}

impl PendingMessage {
    async fn settled(&self) {
        while self.pending.load(Ordering::Acquire) > 0 {
            self.settled.notified().await;
        }
    }
}

impl Ledger for PendingMessage {
    fn add_pending(&self, _: u64) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    fn settle(&self, _: u64) {
        if self.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_one();
        }
    }

    fn abandon(&self, entry: u64) {
        self.settle(entry);
    }
}

/// Writes what would have been published.
struct Scribe {
    topics: Topics,
    clock: Clock,
    rejections: RefCell<Rejections>,
    result: RefCell<std::io::BufWriter<Box<dyn Write>>>,
    fault: RefCell<Option<AssessFault>>,
}

impl Scribe {
    fn write(&self, announcement: &Announcement) {
        let at = self.clock.now().wall;
        let payload: &[u8] = if announcement.payload.is_empty() { b"null" } else { &announcement.payload };
        let mut result = self.result.borrow_mut();
        let written = write!(result, "{{\"at\":\"{at}\",\"topic\":\"{}\",\"payload\":", announcement.topic)
            .and_then(|()| result.write_all(payload))
            .and_then(|()| result.write_all(b"}\n"));
        if let Err(fault) = written {
            self.fault.borrow_mut().get_or_insert(AssessFault::Write(fault));
        }
    }
}

impl Outlet for Scribe {
    fn keep(&self, kept: Kept) {
        for change in &kept.outcome.changes {
            announcement::change(&self.topics, change).for_each(|a| self.write(&a));
        }
        if let Some(patient) = announcement::patient(&kept.subject) {
            let time = self.clock.now().wall;
            for score in &kept.outcome.scores {
                self.write(&announcement::score(&self.topics, patient, score, time));
            }
            if let Some(state) = &kept.outcome.state {
                self.write(&announcement::state(&self.topics, patient, state));
            }
        }
        for reply in &kept.outcome.replies {
            self.write(&announcement::reply(&self.topics, reply));
        }
        kept.receipt.settle();
    }

    fn saves(&self) -> bool {
        false
    }

    fn reject_arrival(&self, rejected: RejectedArrival) {
        let topic = self.topics.of_rejected(&rejected);
        let reason = rejected.rejection.to_string();
        self.reject(RejectedMessage::new(rejected.at, &topic, reason, None, &rejected.payload));
    }

    fn follow(&self, _: &PatientId) {}

    fn unfollow(&self, _: &PatientId) {}

    fn empty_record(&self, patient: &PatientId) {
        self.write(&Announcement { topic: self.topics.record(patient), payload: Bytes::new() });
    }

    fn publish_record(&self, patient: &PatientId, record: &AdmissionRecord) {
        self.write(&announcement::record(&self.topics, patient, record));
    }

    fn reject_command(&self, rejected: RejectedCommand) {
        self.reject(RejectedMessage::of_command(&self.topics, &rejected));
    }

    fn died(&self, actor: &'static str) {
        self.fault.borrow_mut().get_or_insert(AssessFault::Died(actor));
    }
}

impl RejectedOutput for Scribe {
    fn reject(&self, message: RejectedMessage) {
        let publish = self.rejections.borrow_mut().take(message, self.clock.uptime());
        for message in publish {
            self.write(&announcement::rejected(&self.topics, &message));
        }
    }
}
