//! Who is looked at: counted a unit, and asked with each reading.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use wardwatch_actors::people::{PatientId, UnitId};

/// For how long a unit is watched after the last page has gone: whoever loads it anew loses no trend.
const WATCHED_AFTER: Duration = Duration::from_secs(15);

/// Which units pages show; none stands for every unit.
#[derive(Default)]
pub struct WatchedUnits {
    /// Whether anything is watched at all: all that a reading asks while nobody looks.
    any: AtomicBool,
    units: RwLock<BTreeMap<Option<UnitId>, Watching>>,
}

struct Watching {
    pages: usize,
    /// When the last page went, in running time.
    left: Option<Duration>,
}

impl WatchedUnits {
    /// Whether somebody looks at this patient.
    pub fn includes(&self, patient: &PatientId) -> bool {
        if !self.any.load(Ordering::Relaxed) {
            return false;
        }
        let units = self.units.read().unwrap_or_else(PoisonError::into_inner);
        units.contains_key(&None) || units.keys().flatten().any(|unit| unit.as_str() == patient.unit())
    }

    /// A page begins to show this unit, or every unit.
    pub fn begin(&self, unit: Option<UnitId>) {
        let mut units = self.units.write().unwrap_or_else(PoisonError::into_inner);
        let watching = units.entry(unit).or_insert(Watching { pages: 0, left: None });
        (watching.pages, watching.left) = (watching.pages + 1, None);
        self.any.store(true, Ordering::Relaxed);
    }

    /// A page is gone, at `now` of the running time.
    pub fn end(&self, unit: &Option<UnitId>, now: Duration) {
        let mut units = self.units.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = units.get_mut(unit) {
            watching.pages = watching.pages.saturating_sub(1);
            watching.left = (watching.pages == 0).then_some(now);
        }
    }

    /// Forgets what no page has shown for a while; whether anything was forgotten.
    pub fn forget(&self, now: Duration) -> bool {
        let mut units = self.units.write().unwrap_or_else(PoisonError::into_inner);
        let before = units.len();
        units.retain(|_, watching| watching.left.is_none_or(|left| now < left + WATCHED_AFTER));
        self.any.store(!units.is_empty(), Ordering::Relaxed);
        units.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_watched_while_a_page_shows_it_and_shortly_after() {
        let (watched, seconds) = (WatchedUnits::default(), Duration::from_secs);
        let (unit, patient) = (Some("icu-1".parse::<UnitId>().unwrap()), "icu-1/p-1".parse().unwrap());
        let elsewhere = "icu-2/p-1".parse().unwrap();
        assert!(!watched.includes(&patient));
        watched.begin(unit.clone());
        watched.begin(unit.clone());
        watched.end(&unit, seconds(1));
        assert!(!watched.forget(seconds(60)) && watched.includes(&patient) && !watched.includes(&elsewhere));
        watched.end(&unit, seconds(60));
        assert!(!watched.forget(seconds(74)) && watched.includes(&patient));
        assert!(watched.forget(seconds(75)) && !watched.includes(&patient));
        watched.begin(None);
        assert!(watched.includes(&elsewhere));
    }
}
