//! The two clocks: uptime says how long, wall time says when. Both come from one [`Clock`].

mod usual_form;

use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use tokio::time::Instant;

/// A moment of wall time, in milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is neither RFC 3339 with an offset nor Unix milliseconds")]
pub struct TimestampFault(pub String);

impl Timestamp {
    /// The earliest moment that can be written: the year 1.
    const EARLIEST_MS: i64 = -62_135_596_800_000;
    /// The latest moment that can be written: the end of the year 9998.
    const LATEST_MS: i64 = 253_370_764_799_999;

    /// The moment this many milliseconds after 1970, held to the years 1 to 9998.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms.clamp(Self::EARLIEST_MS, Self::LATEST_MS))
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> i64 {
        self.0
    }

    /// From `earlier` to here; negative where `earlier` is later.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampFault;

    fn from_str(text: &str) -> Result<Self, TimestampFault> {
        if let Some(moment) = Self::from_usual_form(text.as_bytes()) {
            return Ok(moment);
        }
        if let Ok(ms) = text.parse::<i64>() {
            return Ok(Self::from_unix_ms(ms));
        }
        text.parse::<jiff::Timestamp>()
            .map(|t| Self::from_unix_ms(t.as_millisecond()))
            .map_err(|_| TimestampFault(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds, in UTC: `2026-11-22T06:35:06.120Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.written()).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.written();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A length of time that may be negative, in milliseconds.
///
/// What would be longer than can be counted, as in a damaged memory, is the longest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// This many milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// This many seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1000)
    }

    /// This many minutes.
    pub const fn from_mins(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }

    /// This many hours.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }

    /// Milliseconds.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Its length, whichever the direction.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As a duration; a negative span is none.
    pub fn to_duration(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4))
    }
}

impl fmt::Display for Span {
    /// For people: `0 s`, `1.5 s`, `90 s`, `5 min`, `6 h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms != 0 && ms % 3_600_000 == 0 => write!(f, "{} h", ms / 3_600_000),
            ms if ms.abs() >= 120_000 && ms % 60_000 == 0 => write!(f, "{} min", ms / 60_000),
            ms if ms % 1000 == 0 => write!(f, "{} s", ms / 1000),
            ms => write!(f, "{} s", ms as f64 / 1000.0),
        }
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<i64> for Span {
    type Output = Self;
    fn mul(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self::from_unix_ms(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self::from_unix_ms(self.0.saturating_sub(span.0))
    }
}

/// How long this process has run, in milliseconds.
///
/// Negative for what happened before it started and was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub struct Uptime(i64);

/// What is read back and no clock can say, as in a damaged memory: sums of a few of them can still be counted.
const FARTHEST_MS: i64 = i64::MAX / 4;

macro_rules! read_back {
    ($name:ident) => {
        impl From<i64> for $name {
            fn from(ms: i64) -> Self {
                Self(ms.clamp(-FARTHEST_MS, FARTHEST_MS))
            }
        }

        impl From<$name> for i64 {
            fn from(time: $name) -> Self {
                time.0
            }
        }
    };
}

read_back!(Span);
read_back!(Uptime);

impl Uptime {
    /// The start of the process.
    pub const START: Self = Self(0);

    /// This many milliseconds after the start.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// From `earlier` to here.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Uptime {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Uptime {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// How long the process has run.
    pub uptime: Uptime,
    /// What the wall clock says.
    pub wall: Timestamp,
}

impl Now {
    /// When on the uptime clock the wall clock will have said `wall`, if it runs on evenly.
    pub fn uptime_at(self, wall: Timestamp) -> Uptime {
        self.uptime + wall.since(self.wall)
    }

    /// What the wall clock would say at `uptime`, if it runs on evenly.
    pub fn wall_at(self, uptime: Uptime) -> Timestamp {
        self.wall + uptime.since(self.uptime)
    }
}

/// Where time comes from. Cloned into every actor of a shard.
#[derive(Debug, Clone)]
pub struct Clock {
    origin: Instant,
    /// Where wall time is simulated: what it said at `origin`.
    simulated_from: Option<Timestamp>,
}

impl Clock {
    /// The machine's clocks, uptime counted from now.
    pub fn system() -> Self {
        Self { origin: Instant::now(), simulated_from: None }
    }

    /// Wall time that starts at `from` and runs with tokio's clock, which tests and `assess` pause.
    pub fn simulated(from: Timestamp) -> Self {
        Self { origin: Instant::now(), simulated_from: Some(from) }
    }

    /// Both clocks at this moment.
    pub fn now(&self) -> Now {
        let uptime = self.uptime();
        let wall = match self.simulated_from {
            Some(from) => from + uptime.since(Uptime::START),
            None => system_wall(),
        };
        Now { uptime, wall }
    }

    /// How long the process has run.
    pub fn uptime(&self) -> Uptime {
        Uptime(i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX / 4))
    }

    /// The uptime at this instant.
    pub fn uptime_of(&self, instant: Instant) -> Uptime {
        Uptime::START + Span::from(instant.saturating_duration_since(self.origin))
    }

    /// What a timer waits for to wake at `uptime`.
    pub fn instant(&self, uptime: Uptime) -> Instant {
        self.origin + uptime.since(Uptime::START).to_duration()
    }
}

/// The one place that asks the machine for the time of day.
#[allow(clippy::disallowed_methods, reason = "this is the clock that is handed in elsewhere")]
fn system_wall() -> Timestamp {
    let ms = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Timestamp::from_unix_ms(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_with_an_offset_or_as_unix_milliseconds() {
        let moment = "2026-11-22T06:35:06.120Z".parse::<Timestamp>().unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T06:35:06.120Z");
        assert_eq!("2026-11-22T07:35:06.120+01:00".parse(), Ok(moment));
        assert_eq!(moment.unix_ms().to_string().parse(), Ok(moment));
        assert!("2026-11-22T06:35:06".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_whole_second_is_written_with_its_milliseconds() {
        assert_eq!(Timestamp::from_unix_ms(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_moment_beyond_all_calendars_is_held_inside() {
        assert!(Timestamp::from_unix_ms(i64::MAX).to_string().starts_with("9998-12-"));
        assert!(Timestamp::from_unix_ms(i64::MIN).to_string().starts_with("0001-01-01"));
    }

    #[test]
    fn a_span_is_written_for_people() {
        let spans = [(0, "0 s"), (1500, "1.5 s"), (90_000, "90 s"), (300_000, "5 min"), (21_600_000, "6 h")];
        for (ms, words) in spans {
            assert_eq!(Span::from_ms(ms).to_string(), words);
        }
    }
}
