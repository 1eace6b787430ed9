//! Which episode begins when, and with whom.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::episodes::{Episode, EpisodeKind};
use super::physiology::uniform;

/// How much goes wrong.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Schedule {
    /// Nothing: everybody is well and every device works.
    #[default]
    Off,
    /// To look at: the first episode at once, each kind within some minutes, then one every 25 s for 12 patients.
    Demo,
    /// As on a ward: one episode a patient every six hours on average, each as long as it would be.
    Realistic,
    /// Just these, for tests, scenarios and measurements.
    Script(Vec<Episode>),
}

/// Seconds after the start at which the demo shows each kind.
const OPENING: [(u64, EpisodeKind); 9] = [
    (0, EpisodeKind::Tachycardia),
    (10, EpisodeKind::Desaturation),
    (25, EpisodeKind::Deterioration),
    (40, EpisodeKind::ProbeOff),
    (60, EpisodeKind::DeviceLost),
    (85, EpisodeKind::Asystole),
    (115, EpisodeKind::Duplicates),
    (125, EpisodeKind::LateReadings),
    (140, EpisodeKind::WrongClock),
];
/// Between two episodes of the demo after its opening, for 12 patients.
const DEMO_GAP_SECONDS: f64 = 25.0;
const DEMO_PATIENTS: f64 = 12.0;
/// Between two episodes of one patient on a real ward.
const REALISTIC_GAP_SECONDS: f64 = 6.0 * 3600.0;

/// How often a kind happens, against the others.
fn frequency(kind: EpisodeKind) -> f64 {
    match kind {
        EpisodeKind::Desaturation | EpisodeKind::ProbeOff => 22.0,
        EpisodeKind::Tachycardia => 18.0,
        EpisodeKind::Duplicates | EpisodeKind::LateReadings => 9.0,
        EpisodeKind::DeviceLost => 8.0,
        EpisodeKind::Deterioration => 6.0,
        EpisodeKind::WrongClock => 4.0,
        EpisodeKind::Asystole => 2.0,
    }
}

/// Seconds that a kind builds, holds at least, holds at most, and passes.
type Course = fn(EpisodeKind) -> [f64; 4];

/// The courses of the demo.
fn demo_course(kind: EpisodeKind) -> [f64; 4] {
    match kind {
        EpisodeKind::Desaturation => [8.0, 35.0, 50.0, 15.0],
        EpisodeKind::Tachycardia => [1.5, 35.0, 60.0, 10.0],
        EpisodeKind::Deterioration => [90.0, 120.0, 180.0, 60.0],
        EpisodeKind::Asystole => [1.0, 15.0, 25.0, 8.0],
        EpisodeKind::ProbeOff => [0.0, 40.0, 60.0, 0.0],
        EpisodeKind::DeviceLost => [10.0, 30.0, 60.0, 20.0],
        EpisodeKind::WrongClock => [0.0, 60.0, 90.0, 0.0],
        EpisodeKind::Duplicates | EpisodeKind::LateReadings => [0.0, 20.0, 30.0, 0.0],
    }
}

/// The courses of a ward: as long as it would take.
fn realistic_course(kind: EpisodeKind) -> [f64; 4] {
    match kind {
        EpisodeKind::Desaturation => [60.0, 60.0, 300.0, 60.0],
        EpisodeKind::Tachycardia => [20.0, 120.0, 900.0, 60.0],
        EpisodeKind::Deterioration => [1800.0, 1800.0, 3600.0, 1800.0],
        EpisodeKind::Asystole => [2.0, 20.0, 40.0, 10.0],
        EpisodeKind::ProbeOff => [0.0, 60.0, 300.0, 0.0],
        EpisodeKind::DeviceLost => [10.0, 60.0, 600.0, 20.0],
        EpisodeKind::WrongClock => [0.0, 600.0, 1800.0, 0.0],
        EpisodeKind::Duplicates | EpisodeKind::LateReadings => [0.0, 30.0, 90.0, 0.0],
    }
}

/// Draws the episodes of a fleet, in the order in which they begin.
#[derive(Debug)]
pub struct Director {
    rng: ChaCha8Rng,
    patients: usize,
    /// Those that may happen.
    kinds: Vec<EpisodeKind>,
    ahead: VecDeque<Episode>,
    /// Goes on for ever after `ahead`: the courses, and the mean seconds between two episodes.
    then: Option<(Course, f64)>,
    /// When the last one drawn begins.
    drawn_until: Duration,
}

impl Director {
    /// For a fleet of so many patients (at least one); only `kinds` happen.
    pub fn new(schedule: &Schedule, kinds: &[EpisodeKind], patients: usize, rng: ChaCha8Rng) -> Self {
        let mut director = Self {
            rng,
            patients,
            kinds: kinds.to_vec(),
            ahead: VecDeque::new(),
            then: None,
            drawn_until: Duration::ZERO,
        };
        match schedule {
            Schedule::Off => {}
            Schedule::Demo => director.open_demo(),
            Schedule::Realistic => {
                director.then = Some((realistic_course, REALISTIC_GAP_SECONDS / patients as f64));
            }
            Schedule::Script(episodes) => director.follow(episodes),
        }
        if director.kinds.is_empty() {
            director.then = None;
        }
        director
    }

    /// The next episode that has begun by `at`, each once.
    pub fn begun(&mut self, at: Duration) -> Option<Episode> {
        if self.ahead.is_empty() {
            self.draw_ahead();
        }
        self.ahead.pop_front_if(|next| next.begins <= at)
    }

    fn follow(&mut self, episodes: &[Episode]) {
        self.ahead = episodes.iter().filter(|episode| episode.patient < self.patients).copied().collect();
        self.ahead.make_contiguous().sort_by_key(|episode| episode.begins);
    }

    /// One patient after the other gets one kind after the other.
    fn open_demo(&mut self) {
        let first = self.somebody();
        for (number, (second, kind)) in OPENING.into_iter().enumerate() {
            if self.kinds.contains(&kind) {
                let patient = (first + 5 * number) % self.patients;
                let episode = self.draw(kind, patient, Duration::from_secs(second), demo_course);
                self.ahead.push_back(episode);
            }
        }
        self.drawn_until = Duration::from_secs(OPENING.last().map_or(0, |(second, _)| *second));
        self.then = Some((demo_course, DEMO_GAP_SECONDS * (DEMO_PATIENTS / self.patients as f64).min(1.0)));
    }

    fn draw_ahead(&mut self) {
        let Some((course, gap)) = self.then else { return };
        let wait = -(1.0 - uniform(&mut self.rng)).ln() * gap;
        self.drawn_until += Duration::from_secs_f64(wait);
        let kind = self.some_kind();
        let patient = self.somebody();
        let episode = self.draw(kind, patient, self.drawn_until, course);
        self.ahead.push_back(episode);
    }

    fn draw(&mut self, kind: EpisodeKind, patient: usize, begins: Duration, course: Course) -> Episode {
        let [builds, least, most, passes] = course(kind);
        let holds = least + (most - least) * uniform(&mut self.rng);
        Episode {
            patient,
            kind,
            begins,
            builds: Duration::from_secs_f64(builds),
            holds: Duration::from_secs_f64(holds),
            passes: Duration::from_secs_f64(passes),
            depth: 0.9 + 0.25 * uniform(&mut self.rng),
        }
    }

    fn somebody(&mut self) -> usize {
        (uniform(&mut self.rng) * self.patients as f64) as usize
    }

    fn some_kind(&mut self) -> EpisodeKind {
        let mut left = uniform(&mut self.rng) * self.kinds.iter().copied().map(frequency).sum::<f64>();
        for &kind in &self.kinds {
            left -= frequency(kind);
            if left < 0.0 {
                return kind;
            }
        }
        self.kinds[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn director(schedule: Schedule, kinds: &[EpisodeKind]) -> Director {
        Director::new(&schedule, kinds, 12, ChaCha8Rng::seed_from_u64(7))
    }

    fn within(mut director: Director, span: Duration) -> Vec<Episode> {
        std::iter::from_fn(|| director.begun(span)).collect()
    }

    #[test]
    fn the_demo_begins_within_seconds_and_shows_every_kind_in_three_minutes() {
        let shown = within(director(Schedule::Demo, &EpisodeKind::ALL), Duration::from_secs(180));
        assert!(shown[0].begins < Duration::from_secs(5));
        assert!(EpisodeKind::ALL.iter().all(|kind| shown.iter().any(|episode| episode.kind == *kind)));
    }

    #[test]
    fn a_realistic_patient_has_an_episode_every_six_hours_on_average() {
        let days = 50;
        let shown =
            within(director(Schedule::Realistic, &EpisodeKind::ALL), Duration::from_secs(days * 24 * 3600))
                .len();
        let expected = days as usize * 4 * 12;
        assert!((expected * 9 / 10..expected * 11 / 10).contains(&shown), "{shown} of {expected}");
    }

    #[test]
    fn only_the_kinds_asked_for_happen() {
        for schedule in [Schedule::Demo, Schedule::Realistic] {
            let day = Duration::from_secs(24 * 3600);
            let shown = within(director(schedule.clone(), &[EpisodeKind::Asystole]), day);
            assert!(!shown.is_empty() && shown.iter().all(|episode| episode.kind == EpisodeKind::Asystole));
            assert!(within(director(schedule, &[]), day).is_empty());
        }
        assert!(
            within(director(Schedule::Off, &EpisodeKind::ALL), Duration::from_secs(1_000_000)).is_empty()
        );
    }
}
