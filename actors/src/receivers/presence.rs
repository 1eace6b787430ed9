//! Which receivers are there: what they say of themselves, and what they fail to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::{Span, Uptime};
use crate::people::{PatientId, ReceiverName};
use crate::settings::Receivers;

/// So many patients of whom a receiver does not confirm in time mean that it is gone.
const GONE_FROM: usize = 3;
/// How long a receiver may take to register after we hear registrations.
const REGISTERS_WITHIN: Span = Span::from_secs(30);

/// Why a receiver counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It said so, or its last will did.
    Offline,
    /// It has not said that it is there since we listen.
    Unregistered,
    /// It confirms nothing.
    Silent,
    /// It was gone before a restart.
    FromBefore,
}

/// What is known of one receiver.
#[derive(Debug, Clone, Default)]
struct Known {
    registered: bool,
    gone: Option<Absence>,
    /// Of whom it did not confirm in time.
    unconfirmed: BTreeSet<PatientId>,
}

/// Which receivers are there. Only listed ones are known, so that no name from outside makes it grow.
#[derive(Debug, Clone, Default)]
pub struct ReceiverPresence {
    known: BTreeMap<ReceiverName, Known>,
    /// When whoever has not registered counts as gone.
    registered_by: Option<Uptime>,
    /// Whether that time is over.
    registrations_heard: bool,
}

impl ReceiverPresence {
    /// Those that the site lists from now on; of whom it does not, nothing is known any more.
    pub fn list(&mut self, receivers: &Receivers) {
        self.known.retain(|name, _| receivers.contains_key(name));
        for name in receivers.keys() {
            self.known.entry(name.clone()).or_insert_with(|| {
                // Whoever is listed later may have registered before: that was not taken, and does not come again.
                Known { registered: self.registrations_heard, ..Known::default() }
            });
        }
    }

    /// Registrations are heard from now on.
    pub fn listen(&mut self, now: Uptime) {
        if !self.registrations_heard {
            self.registered_by.get_or_insert(now + REGISTERS_WITHIN);
        }
    }

    /// When whoever has not registered counts as gone.
    pub fn deadline(&self) -> Option<Uptime> {
        self.registered_by
    }

    /// Whoever has not registered by `due` is gone.
    pub fn run_out(&mut self, due: Uptime) {
        if self.registered_by.take_if(|by| *by <= due).is_some() {
            self.registrations_heard = true;
            for known in self.known.values_mut().filter(|known| !known.registered) {
                known.gone.get_or_insert(Absence::Unregistered);
            }
        }
    }

    /// It was gone before a restart, until it says otherwise.
    pub fn adopt(&mut self, name: &ReceiverName) {
        if let Some(known) = self.known.get_mut(name) {
            known.gone = Some(Absence::FromBefore);
        }
    }

    /// It says that it is there, or gone.
    pub fn register(&mut self, name: &ReceiverName, online: bool) {
        let Some(known) = self.known.get_mut(name) else { return };
        known.registered = online;
        known.gone = if online { None } else { Some(Absence::Offline) };
        if !online {
            known.unconfirmed.clear();
        }
    }

    /// It confirms something: whoever was only silent is there.
    pub fn confirms(&mut self, name: &ReceiverName) {
        if let Some(known) = self.known.get_mut(name) {
            known.gone.take_if(|absence| matches!(absence, Absence::Silent | Absence::FromBefore));
        }
    }

    /// It did not confirm in time what was published of a patient, or has done so after all.
    pub fn unconfirmed(&mut self, name: &ReceiverName, patient: &PatientId, unconfirmed: bool) {
        let Some(known) = self.known.get_mut(name) else { return };
        if !unconfirmed {
            known.unconfirmed.remove(patient);
            return;
        }
        if known.gone.is_some() {
            return;
        }
        known.unconfirmed.insert(patient.clone());
        if known.unconfirmed.len() >= GONE_FROM {
            known.gone = Some(Absence::Silent);
            known.unconfirmed.clear();
        }
    }

    /// It did not confirm in time what was published of a unit or the installation.
    pub fn fail(&mut self, name: &ReceiverName) {
        if let Some(known) = self.known.get_mut(name) {
            known.gone.get_or_insert(Absence::Silent);
        }
    }

    /// Who is gone, and why.
    pub fn gone(&self) -> impl Iterator<Item = (&ReceiverName, Absence)> {
        self.known.iter().filter_map(|(name, known)| Some((name, known.gone?)))
    }
}

impl Absence {
    /// What is said of it.
    pub fn words(self, name: &ReceiverName) -> String {
        match self {
            Self::Offline => format!("Receiver {name} is offline: nobody confirms its alerts"),
            Self::Unregistered => format!("Receiver {name} has not registered: nobody confirms its alerts"),
            Self::Silent => format!("Receiver {name} confirms nothing: its alerts may reach nobody"),
            Self::FromBefore => format!("Receiver {name} is gone: nobody confirms its alerts"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ReceiverName {
        name.parse().unwrap()
    }

    fn listed() -> ReceiverPresence {
        let pager = r#"{"pager":{"filters":["alerts/#"],"fallback":"desk"}}"#;
        let mut presence = ReceiverPresence::default();
        presence.list(&serde_json::from_str(pager).unwrap());
        presence
    }

    fn gone(presence: &ReceiverPresence) -> Option<Absence> {
        presence.gone().next().map(|(_, absence)| absence)
    }

    #[test]
    fn whoever_does_not_register_in_time_is_gone_until_it_does() {
        let mut presence = listed();
        assert_eq!(presence.deadline(), None, "nothing is heard yet");
        presence.listen(Uptime::from_ms(1000));
        presence.listen(Uptime::from_ms(5000));
        assert_eq!(presence.deadline(), Some(Uptime::from_ms(31_000)));
        presence.run_out(Uptime::from_ms(30_999));
        assert_eq!(gone(&presence), None);
        presence.run_out(Uptime::from_ms(31_000));
        assert_eq!(gone(&presence), Some(Absence::Unregistered));
        presence.confirms(&name("pager"));
        assert_eq!(gone(&presence), Some(Absence::Unregistered), "it has to say who it is");
        presence.register(&name("pager"), true);
        assert_eq!(gone(&presence), None);
        presence.register(&name("pager"), false);
        assert_eq!(gone(&presence), Some(Absence::Offline));
    }

    #[test]
    fn three_patients_of_whom_it_does_not_confirm_mean_that_it_is_gone_and_one_confirmation_that_it_is_back()
    {
        let mut presence = listed();
        presence.register(&name("pager"), true);
        let patient = |n: u32| format!("icu-1/p-{n}").parse::<PatientId>().unwrap();
        for (n, unconfirmed, expected) in [
            (1, true, None),
            (2, true, None),
            (2, true, None),
            (1, false, None),
            (3, true, None),
            (4, true, Some(Absence::Silent)),
        ] {
            presence.unconfirmed(&name("pager"), &patient(n), unconfirmed);
            assert_eq!(gone(&presence), expected, "{n}");
        }
        presence.confirms(&name("pager"));
        assert_eq!(gone(&presence), None);
        presence.unconfirmed(&name("pager"), &patient(5), true);
        assert_eq!(gone(&presence), None, "and is counted anew");
    }

    #[test]
    fn of_a_receiver_that_is_not_listed_nothing_is_remembered() {
        let mut presence = listed();
        presence.register(&name("stranger"), false);
        presence.fail(&name("stranger"));
        presence.adopt(&name("stranger"));
        assert_eq!(gone(&presence), None);
        presence.adopt(&name("pager"));
        assert_eq!(gone(&presence), Some(Absence::FromBefore));
        presence.list(&Receivers::new());
        assert_eq!(gone(&presence), None);
    }
}
