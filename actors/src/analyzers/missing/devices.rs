//! A device from which nothing comes, and one that is gone by its own word or its last will.

use super::{MissingCheck, Silence};
use crate::alerts::Cause;
use crate::analyzers::View;
use crate::clock::{Span, Uptime};
use crate::conditions::Condition;
use crate::devices::Device;
use crate::vitals::Vital;

/// Why what was said of a device ends that the record does not name any more.
const OFF_RECORD: &str = "no longer on the record";

/// One vital of a device, and after how long without it it is silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub vital: Vital,
    /// When it last came.
    pub heard: Uptime,
    pub span: Span,
    /// Whether it was silent already when the device was last heard live: the device goes on without it.
    pub left_out: bool,
}

/// A device with what is watched of it.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    pub device: &'a Device,
    pub streams: Vec<Stream>,
    /// After how long without anything at all it is silent; none where nothing of it is watched.
    pub silent_after: Option<Span>,
    /// Whether it is offline, or silent as a whole.
    pub gone: bool,
}

impl<'a> Watched<'a> {
    pub fn new(view: &View, device: &'a Device) -> Self {
        let mut streams: Vec<_> =
            device.rhythms().filter_map(|(vital, _)| stream(view, device, vital)).collect();
        // One that only said that it is online has yet to send; then nothing is left out.
        let sends = streams.iter().any(|stream| stream.heard >= device.back);
        for stream in &mut streams {
            stream.left_out = sends && device.live.since(stream.heard) >= stream.span;
        }
        let spans = streams.iter().filter(|stream| !stream.left_out).map(|stream| stream.span);
        let silent_after = spans.min().or_else(|| device.silent_after().filter(|_| !streams.is_empty()));
        let silent = silent_after.is_some_and(|span| view.silent_for(device.heard, span) >= span);
        Self { device, streams, silent_after, gone: device.offline.is_some() || silent }
    }

    /// The stream of this vital.
    pub fn stream(&self, vital: Vital) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.vital == vital)
    }
}

fn stream(view: &View, device: &Device, vital: Vital) -> Option<Stream> {
    let span = view.silent_after(vital, device)?;
    let heard = device.rhythm(vital)?.heard();
    Some(Stream { vital, heard, span, left_out: false })
}

impl MissingCheck<'_> {
    /// Ends what was said of devices whose readings are not this patient's any more.
    pub(super) fn off_record(&mut self) {
        let view = self.view;
        for condition in view.tracked.iter().map(|of| &of.condition) {
            let (Condition::DeviceSilent(device) | Condition::DeviceOffline(device)) = condition else {
                continue;
            };
            if !view.record.allows(Some(device)) {
                let since = view.devices.get(device).map_or(view.now.wall, |device| device.heard_at);
                let cause = match condition {
                    Condition::DeviceOffline(_) => Cause::Offline,
                    _ => Cause::Silent { since },
                };
                self.find(condition.clone(), None, None, cause, Some(OFF_RECORD));
            }
        }
    }

    /// Judges one device as a whole.
    pub(super) fn device(&mut self, watched: &Watched<'_>) {
        if let Some(since) = watched.device.offline.and(watched.device.gone()) {
            self.offline(watched.device, since);
        } else if let Some(span) = watched.silent_after {
            self.silent(watched.device, span);
        }
    }

    fn offline(&mut self, device: &Device, since: Uptime) {
        let condition = Condition::DeviceOffline(device.id.clone());
        let lasted = self.view.now.uptime.since(since);
        let reached = self.priority(lasted, Span::ZERO, since);
        self.find(condition, reached, None, Cause::Offline, None);
        let silent = Condition::DeviceSilent(device.id.clone());
        if self.view.tracks(&silent) {
            let cause = Cause::Silent { since: device.heard_at };
            self.find(silent, None, None, cause, Some("device.offline"));
        }
    }

    fn silent(&mut self, device: &Device, span: Span) {
        let heard = device.heard;
        let from = self.view.counts_from(heard, span);
        let condition = Condition::DeviceSilent(device.id.clone());
        let cause = Cause::Silent { since: device.heard_at };
        self.judge(Silence {
            condition,
            cause,
            keeps: heard < from,
            from,
            span,
            lasting_since: device.gone(),
            may_begin: true,
        });
    }
}
