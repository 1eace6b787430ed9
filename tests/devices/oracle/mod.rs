//! What must be published of a bed, and what must not: from the true course and what CONTRACT, CLINICAL and DESIGN say.
//!
//! It knows nothing of how WardWatch decides. The letters of the rules are those of `tests/devices/main.rs`.

mod form;
mod past;
mod published;
mod silence;
mod statements;

use crate::bed::Bed;
use crate::change::Change;
use crate::course::Ms;

/// Something that was not published, or must not have been.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    pub rule: char,
    pub at: Ms,
    pub words: String,
}

impl Violation {
    pub fn new(rule: char, at: Ms, words: String) -> Self {
        Self { rule, at, words }
    }
}

/// All that is wrong with what was published of a bed.
pub fn judge(bed: &Bed, changes: &[Change], restarts: &[Ms]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (number, patient) in bed.patients.iter().enumerate() {
        let of_patient: Vec<_> = changes.iter().filter(|change| change.subject == *patient).collect();
        let course = statements::Course::of(bed, number);
        published::check(&course, &of_patient, restarts, bed.end, &mut found);
        past::check(&course, &of_patient, restarts, &mut found);
        form::check(&of_patient, &mut found);
        silence::check(bed, number, &course, &of_patient, restarts, &mut found);
    }
    found
}

/// When an alert of one condition was open, and how high.
pub struct Open {
    /// From then on it has this rank; 0 where it is not open.
    steps: Vec<(Ms, u8)>,
}

impl Open {
    pub fn of(condition: &str, changes: &[&Change]) -> Self {
        let of = changes.iter().filter(|change| change.condition == condition);
        Self {
            steps: of
                .map(|change| (change.at, if change.is("cleared") { 0 } else { change.rank() }))
                .collect(),
        }
    }

    pub fn rank_at(&self, at: Ms) -> u8 {
        self.steps.iter().rev().find(|(from, _)| *from <= at).map_or(0, |(_, rank)| *rank)
    }

    /// The first moment in `from..until` at which it is not open with this rank.
    pub fn first_gap(&self, from: Ms, until: Ms, rank: u8) -> Option<Ms> {
        if self.rank_at(from) < rank {
            return Some(from);
        }
        let later = self.steps.iter().filter(|(at, _)| (from..until).contains(at));
        later.into_iter().find(|(_, is)| *is < rank).map(|(at, _)| *at)
    }
}
