//! How a simulated person's vital signs move: a baseline, the time of day, slow wandering, breathing, and what strains them.
//!
//! All noise is bounded, and the ranges below are so narrow that a person without strain stays inside the default limits
//! of every class and, as an adult, below 5 NEWS2 points: whatever alerts is an episode.

use std::f64::consts::TAU;

use rand::Rng;
use wardwatch_actors::people::Class;

/// How far a slow wander may get from its centre.
const WANDER_BOUND: f64 = 2.5;
/// Time constants in seconds: of the autonomic tone, the breathing rate and the saturation.
const TONE_SECONDS: f64 = 60.0;
const BREATHING_SECONDS: f64 = 40.0;
const SATURATION_SECONDS: f64 = 90.0;
/// Hour of the day (UTC) at which rates, pressures and temperature are highest.
const WARMEST_HOUR: f64 = 17.0;

fn norms(class: Class) -> &'static Norms {
    match class {
        Class::Adult => &ADULT,
        Class::Paediatric => &PAEDIATRIC,
        Class::Neonate => &NEONATE,
    }
}

/// Where the resting values of a class lie.
struct Norms {
    heart_rate: (f64, f64),
    respiratory_rate: (f64, f64),
    oxygen_saturation: (f64, f64),
    systolic: (f64, f64),
    diastolic: (f64, f64),
    temperature: (f64, f64),
}

const ADULT: Norms = Norms {
    heart_rate: (66.0, 82.0),
    respiratory_rate: (14.0, 16.5),
    oxygen_saturation: (96.8, 98.4),
    systolic: (118.0, 132.0),
    diastolic: (68.0, 80.0),
    temperature: (36.6, 37.0),
};
const PAEDIATRIC: Norms = Norms {
    heart_rate: (95.0, 120.0),
    respiratory_rate: (20.0, 26.0),
    oxygen_saturation: (96.8, 98.4),
    systolic: (92.0, 105.0),
    diastolic: (52.0, 60.0),
    temperature: (36.6, 37.0),
};
/// On oxygen with a target of 88–94 %, as the upper limit of 95 % for neonates supposes.
const NEONATE: Norms = Norms {
    heart_rate: (130.0, 155.0),
    respiratory_rate: (42.0, 55.0),
    oxygen_saturation: (90.5, 92.0),
    systolic: (60.0, 72.0),
    diastolic: (32.0, 42.0),
    temperature: (36.7, 37.1),
};

/// What an episode adds to a person's resting values, before the body answers to it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Strain {
    /// Beats per minute.
    pub heart_rate: f64,
    /// Breaths per minute.
    pub respiratory_rate: f64,
    /// Per cent of saturation lost.
    pub desaturation: f64,
    /// Degrees Celsius.
    pub fever: f64,
    /// mmHg of systolic pressure lost; the diastolic loses half.
    pub hypotension: f64,
    /// Newly confused.
    pub confusion: bool,
    /// Has been given oxygen.
    pub oxygen: bool,
    /// Neither heartbeat nor breath nor a measurable pressure.
    pub arrest: bool,
}

/// A person's vital signs at one moment, as they are; a device rounds them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vitals {
    pub heart_rate: f64,
    pub respiratory_rate: f64,
    pub oxygen_saturation: f64,
    pub temperature: f64,
    /// Systolic and diastolic; none without a pulse.
    pub pressure: Option<(f64, f64)>,
    pub confused: bool,
    pub on_oxygen: bool,
}

/// How high in the day's curve a moment is; shared by the whole fleet.
#[derive(Debug, Clone, Copy)]
pub struct DayTime {
    sin: f64,
    cos: f64,
}

impl DayTime {
    /// The moment so many seconds after midnight.
    pub fn at(second_of_day: f64) -> Self {
        let (sin, cos) = (TAU * (second_of_day / 86_400.0 - WARMEST_HOUR / 24.0)).sin_cos();
        Self { sin, cos }
    }
}

/// How much of a wander is left after one interval; the same for everybody with that interval.
#[derive(Debug, Clone, Copy)]
pub struct Persistence {
    tone: f64,
    breathing: f64,
    saturation: f64,
    seconds: f64,
}

impl Persistence {
    /// For readings so many seconds apart.
    pub fn over(seconds: f64) -> Self {
        let left = |constant: f64| (-seconds / constant).exp();
        Self {
            tone: left(TONE_SECONDS),
            breathing: left(BREATHING_SECONDS),
            saturation: left(SATURATION_SECONDS),
            seconds,
        }
    }
}

/// A simulated person.
#[derive(Debug, Clone)]
pub struct Person {
    heart_rate: f64,
    respiratory_rate: f64,
    oxygen_saturation: f64,
    systolic: f64,
    diastolic: f64,
    temperature: f64,
    /// Early or late riser: the angle of the own day against the common one, as (sin, cos).
    chronotype: (f64, f64),
    /// The autonomic tone, which heart, breath and pressure share.
    tone: f64,
    breathing: f64,
    saturation: f64,
    /// Where in a breath, in turns.
    breath: f64,
}

impl Person {
    /// Draws a healthy person of a class.
    pub fn draw(class: Class, rng: &mut impl Rng) -> Self {
        let norms = norms(class);
        let mut within = |(low, high): (f64, f64)| low + (high - low) * uniform(rng);
        Self {
            heart_rate: within(norms.heart_rate),
            respiratory_rate: within(norms.respiratory_rate),
            oxygen_saturation: within(norms.oxygen_saturation),
            systolic: within(norms.systolic),
            diastolic: within(norms.diastolic),
            temperature: within(norms.temperature),
            chronotype: within((-0.4, 0.4)).sin_cos(),
            tone: within((-1.0, 1.0)),
            breathing: within((-1.0, 1.0)),
            saturation: within((-1.0, 1.0)),
            breath: within((0.0, 1.0)),
        }
    }

    /// Lives through one interval under strain, and is measured at its end.
    ///
    /// Draws the same amount from `rng` whatever the strain, so an episode changes nobody else's readings.
    pub fn live(&mut self, over: &Persistence, day: DayTime, strain: &Strain, rng: &mut impl Rng) -> Vitals {
        wander(&mut self.tone, over.tone, rng);
        wander(&mut self.breathing, over.breathing, rng);
        wander(&mut self.saturation, over.saturation, rng);
        let [heart_noise, breath_noise, saturation_noise, pressure_noise] = noises(rng);

        let (sin, cos) = self.chronotype;
        let day = day.cos * cos - day.sin * sin;
        let breathing = self.breathing_now(day, strain) + 0.5 * breath_noise;
        self.breath = (self.breath + breathing.max(0.0) * over.seconds / 60.0).fract();
        let sinus_arrhythmia = 2.0 * (TAU * self.breath).sin();
        let heart_rate = self.heart_rate_now(day, strain) + sinus_arrhythmia + heart_noise;
        let oxygen_saturation =
            self.oxygen_saturation + 0.3 * day + 0.3 * self.saturation + 0.3 * saturation_noise
                - strain.desaturation;
        let swing = 5.0 * day + self.tone + 4.0 * pressure_noise;
        let systolic = self.systolic + swing - strain.hypotension;
        let diastolic = self.diastolic + 0.5 * swing - 0.5 * strain.hypotension;
        Vitals {
            heart_rate: if strain.arrest { 0.0 } else { heart_rate.clamp(20.0, 240.0) },
            respiratory_rate: if strain.arrest { 0.0 } else { breathing.clamp(2.0, 90.0) },
            oxygen_saturation: oxygen_saturation.clamp(40.0, 100.0),
            temperature: self.temperature + 0.3 * day + 0.04 * self.saturation + strain.fever,
            pressure: (!strain.arrest).then_some((systolic.max(40.0), diastolic.max(20.0))),
            confused: strain.confusion,
            on_oxygen: strain.oxygen,
        }
    }

    fn breathing_now(&self, day: f64, strain: &Strain) -> f64 {
        self.respiratory_rate
            + 0.8 * day
            + 0.5 * self.tone
            + 0.4 * self.breathing
            + strain.respiratory_rate
            // The body answers: about 2 breaths for a degree of fever, one for two per cent of saturation.
            + 2.0 * strain.fever
            + 0.5 * strain.desaturation
    }

    fn heart_rate_now(&self, day: f64, strain: &Strain) -> f64 {
        self.heart_rate
            + 6.0 * day
            + 2.0 * self.tone
            + strain.heart_rate
            // About 9 beats for a degree of fever.
            + 9.0 * strain.fever
            + 0.8 * strain.desaturation
    }
}

/// Moves a value of mean 0 and variance 1 that keeps `left` of itself.
fn wander(value: &mut f64, left: f64, rng: &mut impl Rng) {
    let pushed = *value * left + (1.0 - left * left).sqrt() * bell(rng);
    *value = pushed.clamp(-WANDER_BOUND, WANDER_BOUND);
}

/// Four values between -1 and 1 from one draw.
fn noises(rng: &mut impl Rng) -> [f64; 4] {
    let draw = rng.next_u64();
    [0, 16, 32, 48].map(|shift| f64::from((draw >> shift) as u16) / 32_767.5 - 1.0)
}

/// Bell-shaped, mean 0, variance 1, never beyond 3.5: the sum of four uniform values.
fn bell(rng: &mut impl Rng) -> f64 {
    noises(rng).iter().sum::<f64>() * 0.75_f64.sqrt()
}

/// From 0 up to, not including, 1.
pub fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Limits of CLINICAL section 3 for a class: heart rate, saturation, respiratory rate, systolic, diastolic, temperature.
    fn limits(class: Class) -> [(f64, f64); 6] {
        match class {
            Class::Adult => {
                [(50.0, 120.0), (90.0, 100.0), (8.0, 30.0), (90.0, 160.0), (50.0, 90.0), (35.0, 39.0)]
            }
            Class::Paediatric => {
                [(75.0, 160.0), (90.0, 100.0), (12.0, 40.0), (70.0, 120.0), (40.0, 70.0), (35.0, 39.0)]
            }
            Class::Neonate => {
                [(100.0, 200.0), (85.0, 95.0), (30.0, 100.0), (40.0, 90.0), (20.0, 60.0), (36.0, 38.0)]
            }
        }
    }

    fn day_of(class: Class, seed: u64, mut look: impl FnMut(Vitals)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut person = Person::draw(class, &mut rng);
        let over = Persistence::over(10.0);
        for step in 0..8640 {
            let day = DayTime::at(f64::from(step) * 10.0);
            look(person.live(&over, day, &Strain::default(), &mut rng));
        }
    }

    #[test]
    fn a_healthy_person_stays_inside_the_limits_of_the_class_for_24_hours() {
        for class in [Class::Adult, Class::Paediatric, Class::Neonate] {
            for seed in 0..20 {
                day_of(class, seed, |vitals| {
                    let (systolic, diastolic) = vitals.pressure.unwrap();
                    let values = [
                        vitals.heart_rate,
                        vitals.oxygen_saturation,
                        vitals.respiratory_rate,
                        systolic,
                        diastolic,
                        vitals.temperature,
                    ];
                    for (value, (low, high)) in values.into_iter().zip(limits(class)) {
                        assert!((low..=high).contains(&value.round()), "{class:?} {seed}: {vitals:?}");
                    }
                });
            }
        }
    }

    /// NEWS2 points of an alert adult on air, only as far as a healthy person could reach.
    fn news2(vitals: Vitals) -> u32 {
        let (systolic, _) = vitals.pressure.unwrap();
        let points = |value: f64, none: (f64, f64), one: (f64, f64)| match value {
            v if (none.0..=none.1).contains(&v) => 0,
            v if (one.0..=one.1).contains(&v) => 1,
            _ => 3,
        };
        points(vitals.heart_rate.round(), (51.0, 90.0), (41.0, 110.0))
            + points(vitals.respiratory_rate.round(), (12.0, 20.0), (9.0, 20.0))
            + points(vitals.oxygen_saturation.round(), (96.0, 100.0), (94.0, 100.0))
            + points(systolic.round(), (111.0, 219.0), (101.0, 219.0))
            + points((vitals.temperature * 10.0).round(), (361.0, 380.0), (351.0, 390.0))
    }

    #[test]
    fn a_healthy_adult_has_fewer_than_5_news2_points_for_24_hours() {
        for seed in 0..50 {
            day_of(Class::Adult, seed, |vitals| assert!(news2(vitals) < 5, "{seed}: {vitals:?}"));
        }
    }

    #[test]
    fn the_body_answers_to_fever_and_to_a_lack_of_oxygen_with_heart_and_breath() {
        let at_rest = mean_under(Strain::default());
        for strain in
            [Strain { fever: 2.0, ..Strain::default() }, Strain { desaturation: 15.0, ..Strain::default() }]
        {
            let strained = mean_under(strain);
            assert!(strained.0 > at_rest.0 + 8.0 && strained.1 > at_rest.1 + 3.0, "{strain:?}");
        }
    }

    /// Mean heart and respiratory rate of an hour under one strain.
    fn mean_under(strain: Strain) -> (f64, f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut person = Person::draw(Class::Adult, &mut rng);
        let over = Persistence::over(1.0);
        let hour = (0..3600).map(|_| person.live(&over, DayTime::at(0.0), &strain, &mut rng));
        let (heart, breath) =
            hour.fold((0.0, 0.0), |sum, now| (sum.0 + now.heart_rate, sum.1 + now.respiratory_rate));
        (heart / 3600.0, breath / 3600.0)
    }
}
