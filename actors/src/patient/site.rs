//! What the site's settings and the record mean for one patient, by unit and age class.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::Patient;
use crate::alerts::UnderWay;
use crate::clock::{Span, Timestamp};
use crate::people::ReceiverName;
use crate::settings::{LimitFault, LimitOverrides, Limits, Settings, Watch};
use crate::vitals::Vital;

type Watches = Arc<[Watch; Vital::COUNT]>;

/// Shared by all patients for whom the site fixes no silence.
static BY_RHYTHM: LazyLock<Watches> = LazyLock::new(|| Arc::new([Watch::ByRhythm; Vital::COUNT]));

/// What the site's settings mean for one patient; worked out anew after a restart.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub settings: Arc<Settings>,
    pub limits: Arc<Limits>,
    pub watches: Watches,
    /// Which receivers are gone.
    pub gone: Arc<BTreeSet<ReceiverName>>,
    /// The conditions under way.
    pub tracked: Arc<[UnderWay]>,
    /// On which day since 1970 it was worked out: an age class is outgrown from one day to the next.
    day: i64,
}

impl Default for Site {
    fn default() -> Self {
        let watches = Arc::clone(&BY_RHYTHM);
        Self {
            settings: Arc::default(),
            limits: Arc::default(),
            watches,
            gone: Arc::default(),
            tracked: Arc::new([]),
            day: i64::MIN,
        }
    }
}

impl Patient {
    /// Works out what the site's settings mean for this patient at `at`.
    pub(super) fn apply_settings(&mut self, at: Timestamp) {
        let ordered = self.ordered_limits().cloned().unwrap_or_default();
        // A command is checked before it is carried out, too; see above for what no longer fits.
        self.site.limits = self.limits_under(&ordered, at).unwrap_or_else(|_| self.recorded_limits(at));
        let (settings, unit, class) = (&self.site.settings, self.id.unit(), self.record.class_at(at));
        let watches = Vital::ALL.map(|vital| settings.missing.watch(class, unit, vital));
        let by_rhythm = watches == **BY_RHYTHM;
        self.site.watches = if by_rhythm { Arc::clone(&BY_RHYTHM) } else { Arc::new(watches) };
        self.site.day = day(at);
        self.note_tracked();
    }

    /// The limits of the site and the record with these over them, or why those cannot be judged.
    pub(super) fn limits_under(
        &self,
        ordered: &LimitOverrides,
        at: Timestamp,
    ) -> Result<Arc<Limits>, Vec<LimitFault>> {
        let limits = self.recorded_limits(at);
        if ordered.is_empty() { Ok(limits) } else { limits.with(ordered).map(Arc::new) }
    }

    /// The limits of the site with those of the record over them.
    fn recorded_limits(&self, at: Timestamp) -> Arc<Limits> {
        let (settings, unit, class) = (&self.site.settings, self.id.unit(), self.record.class_at(at));
        let limits = settings.limits.limits(class, unit);
        // A record is checked before it is taken; what no longer fits after a change of the site's
        // settings falls back to the site's own limits.
        let own = &self.record.limits;
        if own.is_empty() { limits } else { limits.with(own).map(Arc::new).unwrap_or(limits) }
    }

    /// Applies the settings of another class where the patient has outgrown the last.
    pub(super) fn grow_older(&mut self, at: Timestamp) {
        if self.record.born.is_some() && self.site.day != day(at) {
            self.apply_settings(at);
        }
    }
}

fn day(at: Timestamp) -> i64 {
    at.unix_ms().div_euclid(Span::from_hours(24).as_ms())
}
