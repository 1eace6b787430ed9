//! A fleet written down as a recording, without any broker.

use std::io::{self, Write};
use std::time::Duration;

use super::fleet::{Act, Fleet, FleetEvent};
use super::reading::TimeText;

/// Writes what a fleet does until `duration` after its start, one bus message a line; answers how many lines.
///
/// What a broker would add is there too: the last will of a device that is lost. A status stands as a JSON string.
pub fn record(fleet: Fleet, duration: Duration, out: &mut impl Write) -> io::Result<u64> {
    let start_ms = fleet.start().as_millisecond();
    Recorder { start_ms, out, line: Vec::new(), time_text: TimeText::default(), lines: 0 }
        .write(fleet, duration)
}

struct Recorder<'a, W> {
    start_ms: i64,
    out: &'a mut W,
    line: Vec<u8>,
    time_text: TimeText,
    lines: u64,
}

impl<W: Write> Recorder<'_, W> {
    fn write(mut self, mut fleet: Fleet, duration: Duration) -> io::Result<u64> {
        self.introduce(&fleet)?;
        while let Some(FleetEvent { due, patient, act }) = fleet.next_before(duration) {
            match act {
                Act::Report(payload) => self.line(due, fleet.topic(patient), &payload)?,
                Act::Connect => self.line(due, fleet.status_topic(patient), br#""online""#)?,
                Act::Lose => self.line(due, fleet.status_topic(patient), br#""offline""#)?,
                Act::Leave => {}
            }
        }
        self.out.flush()?;
        Ok(self.lines)
    }

    /// The records and statuses that a listener gets first.
    fn introduce(&mut self, fleet: &Fleet) -> io::Result<()> {
        for patient in 0..fleet.patients() {
            if let Some((topic, record)) = fleet.record(patient) {
                self.line(Duration::ZERO, &topic, &record)?;
            }
            self.line(Duration::ZERO, fleet.status_topic(patient), br#""online""#)?;
        }
        Ok(())
    }

    fn line(&mut self, due: Duration, topic: &str, payload: &[u8]) -> io::Result<()> {
        let line = &mut self.line;
        line.clear();
        line.extend_from_slice(b"{\"at\":\"");
        self.time_text.write(self.start_ms + due.as_millis() as i64, line);
        line.extend_from_slice(b"\",\"topic\":\"");
        line.extend_from_slice(topic.as_bytes());
        line.extend_from_slice(b"\",\"payload\":");
        line.extend_from_slice(payload);
        line.extend_from_slice(b"}\n");
        self.lines += 1;
        self.out.write_all(line)
    }
}
