//! What a WardWatch without faults would publish, worked out while the load is made.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use wardwatch_actors::alerts::identity::{Again, alert_id};
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::conditions::{Condition, Priority};
use wardwatch_actors::people::{PatientId, Subject};
use wardwatch_actors::vitals::ReadingRef;

/// One change that must arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub patient: PatientId,
    pub condition: String,
    pub id: Uuid,
    pub sequence: u64,
    pub event: &'static str,
    /// The time of the reading that causes it.
    pub at: Timestamp,
}

/// One condition of one patient: the rule of its limit and delay, written down a second time.
#[derive(Debug, Clone)]
pub struct Course {
    patient: PatientId,
    condition: Condition,
    delay: Span,
    /// The first reading beyond the limit, while all since were.
    since: Option<ReadingRef>,
    open: Option<(Uuid, u64, Priority)>,
}

impl Course {
    /// Nothing is so yet.
    pub fn new(patient: &PatientId, condition: Condition, delay: Span) -> Self {
        Self { patient: patient.clone(), condition, delay, since: None, open: None }
    }

    /// Whether an alert is open, and its id.
    pub fn open(&self) -> Option<Uuid> {
        self.open.map(|(id, _, _)| id)
    }

    /// A reading reached this priority, or none.
    pub fn step(&mut self, reached: Option<Priority>, reading: &ReadingRef) -> Option<Change> {
        let event = match (reached, self.open) {
            (None, open) => {
                self.since = None;
                open.map(|_| "cleared")?
            }
            (Some(reached), Some((_, _, published))) if reached == published => return None,
            (Some(reached), Some((_, _, published))) if reached > published => "escalated",
            (Some(_), Some(_)) => "deescalated",
            (Some(_), None) => {
                let since = self.since.get_or_insert_with(|| reading.clone());
                if reading.time.since(since.time) < self.delay {
                    return None;
                }
                "raised"
            }
        };
        let (id, sequence) = match self.open {
            Some((id, sequence, _)) => (id, sequence + 1),
            None => (self.id(), 1),
        };
        self.open = reached.map(|priority| (id, sequence, priority));
        let (patient, condition) = (self.patient.clone(), self.condition.to_string());
        Some(Change { patient, condition, id, sequence, event, at: reading.time })
    }

    fn id(&self) -> Uuid {
        let subject = Subject::Patient(self.patient.clone());
        alert_id(&subject, &self.condition, self.since.as_ref(), None, Again::First, None)
    }
}

/// Everything that must arrive, each condition of each patient in its order.
#[derive(Debug, Default)]
pub struct Truth {
    pub changes: Vec<Change>,
    /// The alerts that are open at the end.
    pub open: BTreeSet<Uuid>,
}

impl Truth {
    /// Each condition of each patient by itself.
    pub fn courses(&self) -> BTreeMap<(String, &str), Vec<&Change>> {
        let mut courses: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for change in &self.changes {
            let of = (change.patient.to_string(), change.condition.as_str());
            courses.entry(of).or_default().push(change);
        }
        courses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardwatch_actors::vitals::Vital;

    #[test]
    fn a_delay_counts_from_the_first_reading_beyond_and_a_normal_one_breaks_it() {
        let patient: PatientId = "icu-1/p-1".parse().unwrap();
        let mut course = Course::new(&patient, Condition::High(Vital::RespiratoryRate), Span::from_secs(3));
        let mut events = Vec::new();
        for (second, beyond) in [(0, true), (2, false), (3, true), (5, true), (6, true), (8, false)] {
            let time = Timestamp::from_unix_ms(second * 1000);
            let reading =
                ReadingRef { device: None, seq: None, time, timed: true, generation: 0, simulated: false };
            events
                .extend(course.step(beyond.then_some(Priority::Medium), &reading).map(|c| (second, c.event)));
        }
        assert_eq!(events, [(6, "raised"), (8, "cleared")]);
    }
}
