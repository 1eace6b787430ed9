//! Which command ids were used, and for whom: the same one acts once, whoever it is about.

use std::collections::{BTreeMap, VecDeque};

use super::Command;
use super::answered::REMEMBERED_FOR;
use crate::clock::Timestamp;
use crate::people::PatientId;

/// How many are remembered at most; beyond, the oldest are forgotten here, and the patient still knows its own.
const MOST: usize = 20_000;

/// The ids of the last 24 h, by sender.
#[derive(Debug, Default)]
pub struct UsedCommandIds {
    patients: BTreeMap<(String, String), PatientId>,
    order: VecDeque<(Timestamp, (String, String))>,
}

impl UsedCommandIds {
    /// For whom this sender used this id before.
    pub fn patient(&self, command: &Command) -> Option<&PatientId> {
        self.patients.get(&(command.author.sender.clone(), command.id.clone()))
    }

    /// Remembers an id that is used for this patient.
    pub fn note(&mut self, sender: &str, id: &str, patient: &PatientId, at: Timestamp) {
        let old = |(noted, _): &mut (Timestamp, _)| at.since(*noted) >= REMEMBERED_FOR;
        while let Some((_, key)) = self.order.pop_front_if(old) {
            self.patients.remove(&key);
        }
        if self.order.len() >= MOST
            && let Some((_, key)) = self.order.pop_front()
        {
            self.patients.remove(&key);
        }
        let key = (sender.to_owned(), id.to_owned());
        if self.patients.insert(key.clone(), patient.clone()).is_none() {
            self.order.push_back((at, key));
        }
    }
}
