//! One device that measures a patient, as one record: what it is, when it was heard, how it behaves.

use serde::{Deserialize, Serialize};

use crate::clock::{Now, Span, Timestamp, Uptime};
use crate::devices::device_clock::{DeviceClock, Skew};
use crate::devices::rate::ReadingRate;
use crate::devices::repeats::Repeats;
use crate::people::DeviceId;
use crate::settings::AlertSettings;

/// One device that measures a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    /// When anything at all last came from it.
    pub heard: Uptime,
    pub heard_at: Timestamp,
    /// When it last came back after it had been silent or gone: its vitals have to come anew from here.
    pub back: Uptime,
    /// Since when its last will, or its own word, says it is gone.
    pub offline: Option<Uptime>,
    /// What its readings say of its clock.
    pub clock: DeviceClock,
    /// What it sent lately.
    pub repeats: Repeats,
    /// How many readings it sends a second.
    pub rate: ReadingRate,
    /// What is known of it outside this patient.
    published: Published,
}

/// What was said of a device to those who know all devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    introduced: bool,
    skew: Option<Skew>,
}

/// What those who know all devices must learn of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// It measures this patient, which was not known before.
    pub is_new: bool,
    /// In which direction its clock seems to be off.
    pub skew: Option<Skew>,
    pub skew_changed: bool,
}

impl Device {
    /// A device from which nothing came yet.
    pub fn new(id: DeviceId) -> Self {
        Self {
            id,
            heard: Uptime::START,
            heard_at: Timestamp::from_unix_ms(0),
            back: Uptime::START,
            offline: None,
            clock: DeviceClock::default(),
            repeats: Repeats::default(),
            rate: ReadingRate::default(),
            published: Published::default(),
        }
    }

    /// Notes that something came from it just now; of a backlog it does not say that the device is online again.
    pub fn hear(&mut self, now: Now, backlog: bool) {
        if !self.was_heard() {
            self.back = now.uptime;
        }
        (self.heard, self.heard_at) = (now.uptime, now.wall);
        if !backlog && self.offline.take().is_some() {
            self.come_back(now);
        }
    }

    /// Notes that it says that it is gone, or back.
    pub fn note_status(&mut self, online: bool, now: Now) {
        if !online {
            self.offline.get_or_insert(now.uptime);
        } else if self.offline.take().is_some() {
            self.come_back(now);
        }
    }

    /// It was silent or gone, and is there again: its vitals have as long as ever to come, each in its turn.
    pub fn come_back(&mut self, now: Now) {
        (self.heard, self.heard_at, self.back) = (now.uptime, now.wall, now.uptime);
    }

    /// By how much its clock is wrong, if it is; positive: behind ours.
    pub fn off_by(&self) -> Option<Span> {
        self.clock.off_by()
    }

    /// What of it was not published yet, if anything.
    pub fn news(&self, now: Uptime, rules: &AlertSettings) -> Option<News> {
        let (is_new, skew) = (!self.published.introduced, self.clock.skew(now, rules));
        let skew_changed = skew != self.published.skew;
        (is_new || skew_changed).then_some(News { is_new, skew, skew_changed })
    }

    /// Remembers what was published.
    pub fn note_published(&mut self, news: News) {
        self.published = Published { introduced: true, skew: news.skew };
    }

    /// What was last published of its clock.
    pub fn published_skew(&self) -> Option<Skew> {
        self.published.skew
    }

    /// Moves what was noted on the uptime clock by `by`: that clock started anew.
    pub fn shift(&mut self, by: Span) {
        (self.heard, self.back) = (self.heard + by, self.back + by);
        self.offline = self.offline.map(|since| since + by);
        self.clock.shift(by);
    }

    fn was_heard(&self) -> bool {
        self.heard_at != Timestamp::from_unix_ms(0)
    }
}
