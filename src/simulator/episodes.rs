//! What goes wrong with a simulated patient or device, and how it builds up and passes.

use std::time::Duration;

use super::physiology::Strain;

/// How far a wrong clock is off.
const CLOCK_OFF_MS: i64 = 7 * 60 * 1000;

/// What an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpisodeKind {
    /// SpO2 falls to about 82 %, heart and breath answer.
    Desaturation,
    /// Heart rate rises by about 70 /min.
    Tachycardia,
    /// Fever, fast heart and breath, low pressure, oxygen, confusion: as in sepsis.
    Deterioration,
    /// Heart rate and respiratory rate 0.
    Asystole,
    /// SpO2 comes as null, or as 0 as some devices send it.
    ProbeOff,
    /// The connection drops without a goodbye, so that the broker publishes the last will; later the device returns.
    DeviceLost,
    /// The device's clock is some minutes ahead or behind.
    WrongClock,
    /// Every third reading comes twice.
    Duplicates,
    /// Every fourth reading comes after its successor.
    LateReadings,
}

impl EpisodeKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Desaturation,
        Self::Tachycardia,
        Self::Deterioration,
        Self::Asystole,
        Self::ProbeOff,
        Self::DeviceLost,
        Self::WrongClock,
        Self::Duplicates,
        Self::LateReadings,
    ];
}

/// Where in its course an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Before,
    Building,
    Holding,
    Passing,
    Over,
}

/// One episode of one patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// The patient's number in the fleet, from 0.
    pub patient: usize,
    pub kind: EpisodeKind,
    /// When it begins, from the fleet's start.
    pub begins: Duration,
    /// How long until it is at its worst.
    pub builds: Duration,
    /// How long it stays so.
    pub holds: Duration,
    /// How long until it is over.
    pub passes: Duration,
    /// How bad it gets; 1 is usual. Below 1 a wrong clock is behind and a probe that is off says null, else ahead and 0.
    pub depth: f64,
}

impl Episode {
    /// Where in its course it is.
    pub fn phase(&self, at: Duration) -> Phase {
        let worst = self.begins + self.builds;
        let passing = worst + self.holds;
        match at {
            at if at < self.begins => Phase::Before,
            at if at < worst => Phase::Building,
            at if at < passing => Phase::Holding,
            at if at < passing + self.passes => Phase::Passing,
            _ => Phase::Over,
        }
    }

    /// How far it has built up, from 0 to 1.
    pub fn strength(&self, at: Duration) -> f64 {
        let worst = self.begins + self.builds;
        match self.phase(at) {
            Phase::Before | Phase::Over => 0.0,
            Phase::Building => smooth(share(at - self.begins, self.builds)),
            Phase::Holding => 1.0,
            Phase::Passing => smooth(1.0 - share(at - worst - self.holds, self.passes)),
        }
    }

    /// What it does to the person.
    pub fn strain(&self, at: Duration) -> Strain {
        let strength = self.strength(at);
        let amount = |worst: f64| worst * strength * self.depth;
        match self.kind {
            EpisodeKind::Desaturation => Strain { desaturation: amount(15.0), ..Strain::default() },
            EpisodeKind::Tachycardia => {
                Strain { heart_rate: amount(70.0), hypotension: amount(8.0), ..Strain::default() }
            }
            EpisodeKind::Deterioration => Strain {
                heart_rate: amount(18.0),
                respiratory_rate: amount(7.0),
                desaturation: amount(5.0),
                fever: amount(2.4),
                hypotension: amount(26.0),
                oxygen: strength > 0.6,
                confusion: strength > 0.8,
                ..Strain::default()
            },
            EpisodeKind::Asystole => {
                Strain { desaturation: amount(12.0), arrest: strength > 0.5, ..Strain::default() }
            }
            EpisodeKind::ProbeOff
            | EpisodeKind::DeviceLost
            | EpisodeKind::WrongClock
            | EpisodeKind::Duplicates
            | EpisodeKind::LateReadings => Strain::default(),
        }
    }

    /// Milliseconds by which the device's clock is off.
    pub fn clock_off_ms(&self, at: Duration) -> i64 {
        let wrong = self.kind == EpisodeKind::WrongClock && self.phase(at) == Phase::Holding;
        let sign = if self.depth < 1.0 { -1 } else { 1 };
        if wrong { sign * CLOCK_OFF_MS } else { 0 }
    }

    /// Whether this is under way, for kinds that are there or not.
    pub fn is(&self, kind: EpisodeKind, at: Duration) -> bool {
        self.kind == kind && self.phase(at) == Phase::Holding
    }
}

/// `part` of `whole`, from 0 to 1.
fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}

/// Eases in and out between 0 and 1.
fn smooth(x: f64) -> f64 {
    x * x * (3.0 - 2.0 * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_builds_up_holds_and_passes() {
        let second = Duration::from_secs;
        let episode = Episode {
            patient: 0,
            kind: EpisodeKind::Desaturation,
            begins: second(10),
            builds: second(10),
            holds: second(20),
            passes: second(10),
            depth: 1.0,
        };
        let course = [9, 10, 15, 20, 39, 45, 50].map(|at| episode.strength(second(at)));
        assert_eq!(course, [0.0, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0]);
        assert_eq!(episode.strain(second(30)).desaturation, 15.0);
    }
}
