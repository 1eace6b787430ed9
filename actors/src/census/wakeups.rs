//! Who is to be woken next: one queue of deadlines, in an order that no timer wheel decides.

use std::collections::BTreeSet;

use crate::clock::Uptime;
use crate::people::PatientId;

/// When each patient asked to be woken.
///
/// Patients are woken in the order of deadline, then id, and the next only when the first have answered: what those
/// ask for then may be due before the next one's deadline.
#[derive(Debug, Default)]
pub struct Wakeups {
    queue: BTreeSet<(Uptime, PatientId)>,
    /// How many have been woken and have not answered yet.
    awake: usize,
}

/// Whom to wake: all who share the first deadline.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Uptime,
    pub patients: Vec<PatientId>,
}

impl Wakeups {
    /// The patient asks to be woken at `at`, instead of `before`.
    pub fn arm(&mut self, patient: &PatientId, before: Option<Uptime>, at: Uptime) {
        self.cancel(patient, before);
        self.queue.insert((at, patient.clone()));
    }

    /// The patient is not to be woken any more.
    pub fn cancel(&mut self, patient: &PatientId, armed: Option<Uptime>) {
        if let Some(armed) = armed {
            self.queue.remove(&(armed, patient.clone()));
        }
    }

    /// Takes whoever is due first, at `until` at the latest; nobody while an answer is missing.
    pub fn due(&mut self, until: Uptime) -> Option<Due> {
        let at = self.next_deadline().filter(|at| *at <= until)?;
        let mut patients = Vec::new();
        while self.queue.first().is_some_and(|(due, _)| *due == at) {
            patients.extend(self.queue.pop_first().map(|(_, patient)| patient));
        }
        self.awake = patients.len();
        Some(Due { at, patients })
    }

    /// Somebody who was woken has done what was due.
    pub fn answered(&mut self) {
        self.awake = self.awake.saturating_sub(1);
    }

    /// Whether an answer is missing.
    pub fn are_awaited(&self) -> bool {
        self.awake > 0
    }

    /// When somebody is due next; none while an answer is missing.
    pub fn next_deadline(&self) -> Option<Uptime> {
        self.queue.first().filter(|_| self.awake == 0).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Uptime {
        Uptime::from_ms(second * 1000)
    }

    /// What is armed, as (patient, second).
    fn armed(of: &[(&str, i64)]) -> Wakeups {
        let mut wakeups = Wakeups::default();
        of.iter().for_each(|(patient, at)| wakeups.arm(&id(patient), None, second(*at)));
        wakeups
    }

    fn id(patient: &str) -> PatientId {
        format!("icu-1/{patient}").parse().unwrap()
    }

    fn due(wakeups: &mut Wakeups, until: i64) -> Vec<String> {
        let due = wakeups.due(second(until));
        due.iter().flat_map(|due| due.patients.iter().map(|patient| patient.patient().to_owned())).collect()
    }

    #[test]
    fn all_of_the_first_deadline_are_due_together_in_the_order_of_their_ids() {
        let mut wakeups = armed(&[("c", 5), ("a", 5), ("b", 7), ("d", 5)]);
        assert_eq!(due(&mut wakeups, 4), [""; 0]);
        assert_eq!(due(&mut wakeups, 9), ["a", "c", "d"]);
    }

    /// Seen to fail with the condition on missing answers taken out of `next_deadline`.
    #[test]
    fn the_next_are_due_only_when_all_of_the_first_have_answered() {
        let mut wakeups = armed(&[("a", 5), ("b", 5), ("c", 6)]);
        assert_eq!(due(&mut wakeups, 9), ["a", "b"]);
        assert_eq!((wakeups.next_deadline(), due(&mut wakeups, 9)), (None, vec![]));
        wakeups.answered();
        assert_eq!(due(&mut wakeups, 9), [""; 0]);
        wakeups.answered();
        assert_eq!((wakeups.next_deadline(), due(&mut wakeups, 9)), (Some(second(6)), vec!["c".to_owned()]));
    }

    #[test]
    fn what_a_woken_patient_asks_for_may_be_due_before_the_next_deadline() {
        let mut wakeups = armed(&[("a", 5), ("b", 7)]);
        assert_eq!(due(&mut wakeups, 9), ["a"]);
        wakeups.arm(&id("a"), None, second(6));
        wakeups.answered();
        assert_eq!(due(&mut wakeups, 9), ["a"]);
    }

    /// Seen to fail where the earlier deadline stays in the queue.
    #[test]
    fn a_patient_that_asks_for_another_moment_is_woken_once() {
        let mut wakeups = armed(&[("a", 5)]);
        wakeups.arm(&id("a"), Some(second(5)), second(3));
        assert_eq!(due(&mut wakeups, 9), ["a"]);
        wakeups.answered();
        assert_eq!((due(&mut wakeups, 9), wakeups.next_deadline()), (vec![], None));
    }

    #[test]
    fn whoever_is_gone_is_not_woken() {
        let mut wakeups = armed(&[("a", 5), ("b", 5)]);
        wakeups.cancel(&id("a"), Some(second(5)));
        wakeups.cancel(&id("b"), None);
        assert_eq!(due(&mut wakeups, 9), ["b"]);
    }
}
