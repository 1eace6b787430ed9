//! The night: a part of the day, in the time zone of the site, in which signals follow other settings.

use std::fmt;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::policy::DelayByPriority;
use super::silence::Watch;
use crate::clock::{Span, Timestamp};

/// What differs at night, `[signals.night]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NightSettings {
    /// When it begins, by the clock on the wall.
    pub from: TimeOfDay,
    /// When it ends; before `from` it is that time of the next day.
    pub to: TimeOfDay,
    /// Where that clock hangs.
    pub time_zone: Zone,
    /// From when the condition exists until it is signalled.
    pub delay: DelayByPriority,
    /// As in `[signals]`.
    pub reminder: Watch,
}

impl Default for NightSettings {
    /// From 22:00 to 06:00 UTC.
    fn default() -> Self {
        Self {
            from: TimeOfDay(Time::constant(22, 0, 0, 0)),
            to: TimeOfDay(Time::constant(6, 0, 0, 0)),
            time_zone: Zone(TimeZone::UTC),
            delay: DelayByPriority::default(),
            reminder: Watch::After(Span::from_mins(15)),
        }
    }
}

impl NightSettings {
    /// Whether it is night at this moment, by the clock on the wall there.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        let Ok(at) = jiff::Timestamp::from_millisecond(at.unix_ms()) else { return false };
        let time = at.to_zoned(self.time_zone.0.clone()).time();
        let (from, to) = (self.from.0, self.to.0);
        if from <= to { from <= time && time < to } else { from <= time || time < to }
    }
}

/// A time of day, as `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay(Time);

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
        let time =
            time.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
        let fault = || format!("\"{text}\" is not allowed; allowed is a time of day, as \"22:00\"");
        time.map(Self).ok_or_else(|| de::Error::custom(fault()))
    }
}

/// A time zone by its name in the IANA database, as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let fault =
            |_| format!("\"{name}\" is not allowed; allowed is a time zone, as \"Europe/Berlin\" or \"UTC\"");
        TimeZone::get(&name).map(Self).map_err(fault).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(from: &str, to: &str, time_zone: &str) -> NightSettings {
        let json = format!(r#"{{"from":"{from}","to":"{to}","time_zone":"{time_zone}"}}"#);
        serde_json::from_str(&json).unwrap()
    }

    fn holds(night: &NightSettings, at: &str) -> bool {
        night.holds_at(at.parse().unwrap())
    }

    #[test]
    fn a_night_goes_over_midnight_and_its_end_is_day() {
        let night = night("22:00", "06:00", "UTC");
        for (time, is_night) in
            [("21:59", false), ("22:00", true), ("00:00", true), ("05:59", true), ("06:00", false)]
        {
            assert_eq!(holds(&night, &format!("2026-11-22T{time}:00Z")), is_night, "{time}");
        }
        let nap = self::night("13:00", "14:00", "UTC");
        assert!(holds(&nap, "2026-11-22T13:30:00Z") && !holds(&nap, "2026-11-22T14:00:00Z"));
    }

    /// In Berlin, summer time began on 2026-03-29 at 01:00 UTC and ended on 2026-10-25 at 01:00 UTC.
    #[test]
    fn the_clock_on_the_wall_decides_also_where_it_is_put_forward_or_back() {
        let night = night("22:00", "06:00", "Europe/Berlin");
        for (at, is_night) in [
            ("2026-03-28T04:59:00Z", true),  // 05:59
            ("2026-03-28T05:00:00Z", false), // 06:00
            ("2026-03-29T03:59:00Z", true),  // 05:59, an hour was left out
            ("2026-03-29T04:00:00Z", false), // 06:00
            ("2026-07-01T19:59:00Z", false), // 21:59
            ("2026-07-01T20:00:00Z", true),  // 22:00
            ("2026-10-25T00:30:00Z", true),  // 02:30 for the first time
            ("2026-10-25T01:30:00Z", true),  // 02:30 once more
            ("2026-10-25T04:59:00Z", true),  // 05:59
            ("2026-10-25T05:00:00Z", false), // 06:00
        ] {
            assert_eq!(holds(&night, at), is_night, "{at}");
        }
    }

    #[test]
    fn an_hour_that_is_left_out_or_comes_twice_can_begin_a_night() {
        let night = night("02:30", "03:30", "Europe/Berlin");
        assert!(!holds(&night, "2026-03-29T00:59:00Z"), "01:59, and the next minute is 03:00");
        assert!(holds(&night, "2026-03-29T01:00:00Z"), "03:00");
        assert!(!holds(&night, "2026-03-29T01:30:00Z"), "03:30");
        assert!(holds(&night, "2026-10-25T00:30:00Z") && !holds(&night, "2026-10-25T01:00:00Z"));
        assert!(holds(&night, "2026-10-25T01:30:00Z") && !holds(&night, "2026-10-25T02:30:00Z"));
    }

    #[test]
    fn a_time_or_a_zone_that_is_none_is_rejected() {
        for json in [
            r#"{"from":"24:00","to":"06:00","time_zone":"UTC"}"#,
            r#"{"from":"9:00","to":"06:00","time_zone":"UTC"}"#,
            r#"{"from":"22:00","to":"06:00","time_zone":"Europe/Berlyn"}"#,
        ] {
            assert!(serde_json::from_str::<NightSettings>(json).is_err(), "{json}");
        }
    }
}
