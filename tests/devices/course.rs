//! What is really so with a patient: normal values, and stretches in which a value is dangerous.

use crate::dice::Dice;

/// Time in milliseconds since second 0.
pub type Ms = i64;

pub const SECOND: Ms = 1000;
pub const MINUTE: Ms = 60 * SECOND;
pub const HOUR: Ms = 60 * MINUTE;

/// The vitals that are measured here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vital {
    HeartRate,
    PulseRate,
    Saturation,
    Respiration,
    Systolic,
    Temperature,
}

use Vital::{HeartRate, PulseRate, Respiration, Saturation, Systolic, Temperature};

impl Vital {
    pub const ALL: [Self; 6] = [HeartRate, PulseRate, Saturation, Respiration, Systolic, Temperature];

    /// Its field in a reading.
    pub fn name(self) -> &'static str {
        match self {
            HeartRate => "heart_rate",
            PulseRate => "pulse_rate",
            Saturation => "oxygen_saturation",
            Respiration => "respiratory_rate",
            Systolic => "systolic_pressure",
            Temperature => "temperature",
        }
    }

    /// What it is judged as: pulse rate is judged as heart rate.
    pub fn group(self) -> Self {
        if self == PulseRate { HeartRate } else { self }
    }

    /// What nobody would alert on.
    fn normal(self) -> i64 {
        match self {
            HeartRate | PulseRate => 75,
            Saturation => 97,
            Respiration => 15,
            Systolic => 120,
            Temperature => 37,
        }
    }

    /// Dangerous values by CLINICAL section 3, adult.
    fn dangers(self) -> &'static [i64] {
        match self {
            HeartRate | PulseRate => &[0, 30, 45, 130, 170, 200],
            Saturation => &[70, 78, 86, 88],
            Respiration => &[0, 3, 6, 33, 40],
            Systolic => &[70, 85, 180, 210],
            Temperature => &[31, 34, 40, 42],
        }
    }
}

/// A condition that a value is beyond the limit of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    pub group: Vital,
    pub high_side: bool,
    /// Of high priority.
    pub extreme: bool,
}

impl Danger {
    /// As CONTRACT names it.
    pub fn condition(&self) -> String {
        format!("{}.{}", self.group.name(), if self.high_side { "high" } else { "low" })
    }

    /// How long it must last before it is an alert: CLINICAL section 3, adult.
    pub fn delay(&self) -> Ms {
        match self.group {
            Saturation if self.extreme => 0,
            Saturation => 15 * SECOND,
            Respiration => 10 * SECOND,
            HeartRate => 5 * SECOND,
            _ => 0,
        }
    }
}

/// The danger that a value is, if it is one: CLINICAL section 3, adult.
pub fn danger(vital: Vital, value: i64) -> Option<Danger> {
    let group = vital.group();
    let (extreme_low, low, high, extreme_high) = match group {
        Saturation => (80, 90, 999, 999),
        Respiration => (5, 8, 30, 35),
        Systolic => (80, 90, 160, 200),
        Temperature => (32, 35, 39, 41),
        _ => (40, 50, 120, 150),
    };
    if value < low {
        return Some(Danger { group, high_side: false, extreme: value < extreme_low });
    }
    (value > high).then_some(Danger { group, high_side: true, extreme: value > extreme_high })
}

/// A dangerous value for a while.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    vital: Vital,
    value: i64,
    from: Ms,
    to: Ms,
}

/// The true course of one patient.
#[derive(Debug, Clone, Default)]
pub struct Course {
    stretches: Vec<Stretch>,
}

impl Course {
    /// One to four stretches of these vitals, near what happens to the devices or anywhere.
    pub fn new(dice: &mut Dice, vitals: &[Vital], events: &[Ms], each: Ms, end: Ms) -> Self {
        let mut course = Self::default();
        for _ in 0..dice.between(1, 4) {
            let vital = dice.among(vitals).group();
            let value = dice.among(vital.dangers());
            let delay = danger(vital, value).map_or(0, |danger| danger.delay());
            let anywhere = events.is_empty() || dice.percent(35);
            let near = if anywhere { dice.between(0, end) } else { dice.among(events) };
            let from = near + dice.between(-2 * delay - 2 * each, delay + 3 * each);
            let lengths = [
                delay / 2,
                delay + SECOND,
                delay + dice.between(0, 3) * each,
                delay + 10 * SECOND + dice.between(0, 5) * SECOND,
                delay + 30 * SECOND,
                5 * each + delay,
                20 * each + 2 * MINUTE,
                end,
            ];
            let to = from + dice.among(&lengths).max(1);
            course.stretches.push(Stretch { vital, value, from, to });
        }
        course
    }

    /// What a right measurement shows; none where there is nothing to measure: no pulse without heart beats.
    pub fn value(&self, vital: Vital, at: Ms) -> Option<i64> {
        let group = vital.group();
        let within = |stretch: &&Stretch| stretch.vital == group && (stretch.from..stretch.to).contains(&at);
        let value = self.stretches.iter().rev().find(within).map_or(group.normal(), |stretch| stretch.value);
        (vital != PulseRate || value > 0).then_some(value)
    }
}
