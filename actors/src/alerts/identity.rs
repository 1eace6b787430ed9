//! What names an alert, and what sees to it that no two alerts share a name.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::conditions::Condition;
use crate::people::Subject;
use crate::vitals::ReadingRef;

/// The namespace of alert ids, itself derived from the project's name.
const ALERTS: Uuid = Uuid::from_u128(0x2f6c_1b1e_6f0d_5d0b_9a52_77a4_9d1c_3e70);

/// Of so many conditions it is remembered what named their last alerts; a patient has a handful.
const REMEMBERED: usize = 64;

/// How often an alert of the condition began with the same reading before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Again {
    /// Never.
    #[default]
    First,
    /// So often.
    Same(u32),
    /// The reading is older than that of an alert before: it is the so manieth such alert of the subject.
    Older(u32),
}

/// The id of an alert: the same subject, condition and onset reading, used so often before, always give the same one.
///
/// Without an onset reading, `anchor` distinguishes one occurrence from the next: the end of the last such
/// alert, or the start of the stay where there was none. With one, `former` distinguishes what began in this stay from
/// what began in a former one of the same name, which a count that starts again would name alike: when that one ended.
pub fn alert_id(
    subject: &Subject,
    condition: &Condition,
    onset: Option<&ReadingRef>,
    anchor: Option<Timestamp>,
    again: Again,
    former: Option<Timestamp>,
) -> Uuid {
    let device = condition.device().map_or("", |device| device.as_str());
    let mut name = format!("{subject}\n{condition}\n{device}\n");
    match onset {
        Some(reading) => {
            let seq = reading.seq.map(|seq| seq.to_string()).unwrap_or_default();
            // The arrival counts only where the device sent neither a time nor a count.
            let time = if counts_alone(reading) { String::new() } else { reading.time.to_string() };
            name.push_str(&format!("{seq}\n{time}"));
            if counts_alone(reading) && reading.generation > 0 {
                name.push_str(&format!("\ncount {}", reading.generation));
            }
        }
        None => name.push_str(&anchor.map(|end| end.to_string()).unwrap_or_default()),
    }
    match again {
        Again::First => {}
        Again::Same(times) => name.push_str(&format!("\nagain {times}")),
        Again::Older(times) => name.push_str(&format!("\nolder {times}")),
    }
    if let (Some(_), Some(end)) = (onset, former) {
        name.push_str(&format!("\nafter {end}"));
    }
    Uuid::new_v5(&ALERTS, name.as_bytes())
}

/// Whether nothing but its count distinguishes this reading from another.
const fn counts_alone(reading: &ReadingRef) -> bool {
    reading.seq.is_some() && !reading.timed
}

/// Where a reading stands among those that its device sent: by its time, or by its count alone.
type ReadingPlace = (i64, u64);

/// With which reading the newest alert of a condition began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Newest {
    condition: Condition,
    /// Whether the place is one by count alone.
    by_count: bool,
    place: ReadingPlace,
    /// How many alerts more than one began with it.
    again: u32,
}

/// What named the alerts of one subject until now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ids {
    newest: Vec<Newest>,
    /// How many alerts began with a reading older than that of an alert before.
    older: u32,
    /// When alerts that began without a reading last ended, which names the next one.
    pub ends: Vec<(Condition, Timestamp)>,
    /// No end that is not remembered any more was later.
    #[serde(default)]
    forgotten: Option<Timestamp>,
    /// When the last stay of this name ended, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_stay: Option<Timestamp>,
}

impl Ids {
    /// The id of the alert that begins now.
    pub fn begin(
        &mut self,
        subject: &Subject,
        condition: &Condition,
        onset: Option<&ReadingRef>,
        stay: Timestamp,
    ) -> Uuid {
        match onset {
            Some(reading) => {
                let again = self.again(condition, reading);
                alert_id(subject, condition, onset, None, again, self.former_stay)
            }
            None => {
                alert_id(subject, condition, None, Some(self.anchor(condition, stay)), Again::First, None)
            }
        }
    }

    /// What names an alert that begins without a reading.
    fn anchor(&self, condition: &Condition, stay: Timestamp) -> Timestamp {
        let end = self.ends.iter().find(|(ended, _)| ended == condition).map(|(_, end)| *end);
        end.unwrap_or_else(|| self.forgotten.map_or(stay, |forgotten| forgotten.max(stay)))
    }

    /// Remembers the end that names the next such alert; never one that has named another.
    pub fn note_end(&mut self, condition: &Condition, end: Timestamp, stay: Timestamp) {
        let next = Timestamp::from_unix_ms(self.anchor(condition, stay).unix_ms() + 1);
        self.ends.retain(|(ended, _)| ended != condition);
        if self.ends.len() == REMEMBERED {
            let (_, forgotten) = self.ends.remove(0);
            self.forgotten = self.forgotten.max(Some(forgotten));
        }
        self.ends.push((condition.clone(), end.max(next)));
    }

    /// How often an alert of the condition began with this reading before.
    ///
    /// Only the newest reading is remembered: where a clock was set back, or a count started anew, another number shows
    /// the alerts apart.
    fn again(&mut self, condition: &Condition, reading: &ReadingRef) -> Again {
        let by_count = counts_alone(reading);
        let seq = reading.seq.unwrap_or_default();
        let place =
            if by_count { (i64::from(reading.generation), seq) } else { (reading.time.unix_ms(), seq) };
        let known = self.newest.iter_mut().find(|n| n.condition == *condition && n.by_count == by_count);
        match known {
            Some(newest) if newest.place == place => {
                newest.again += 1;
                Again::Same(newest.again)
            }
            Some(newest) if newest.place > place => {
                self.older += 1;
                Again::Older(self.older)
            }
            Some(newest) => {
                (newest.place, newest.again) = (place, 0);
                Again::First
            }
            None => {
                if self.newest.len() == REMEMBERED {
                    self.newest.remove(0);
                }
                self.newest.push(Newest { condition: condition.clone(), by_count, place, again: 0 });
                Again::First
            }
        }
    }

    /// Takes up what named the alerts of the same person in another unit: the newest of both counts.
    pub fn inherit(&mut self, moved: Self) {
        for theirs in moved.newest {
            let has_room = self.newest.len() < REMEMBERED;
            let own = |n: &&mut Newest| n.condition == theirs.condition && n.by_count == theirs.by_count;
            match self.newest.iter_mut().find(own) {
                Some(own) if (own.place, own.again) < (theirs.place, theirs.again) => *own = theirs,
                Some(_) => {}
                None if has_room => self.newest.push(theirs),
                None => {}
            }
        }
        self.older = self.older.max(moved.older);
        self.forgotten = self.forgotten.max(moved.forgotten);
        for (condition, end) in moved.ends {
            let has_room = self.ends.len() < REMEMBERED;
            match self.ends.iter_mut().find(|(own, _)| *own == condition) {
                Some((_, own)) => *own = end.max(*own),
                None if has_room => self.ends.push((condition, end)),
                None => self.forgotten = self.forgotten.max(Some(end)),
            }
        }
    }

    /// An alert of which nothing else is remembered began with this reading or an earlier one.
    pub fn note_adopted(&mut self, condition: &Condition, reading: Option<&ReadingRef>) {
        if let Some(reading) = reading {
            self.again(condition, reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitals::Vital;

    const CONDITION: Condition = Condition::High(Vital::HeartRate);

    fn reading(seq: Option<u64>, ms: i64, timed: bool) -> ReadingRef {
        let time = Timestamp::from_unix_ms(ms);
        ReadingRef { device: None, seq, time, timed, generation: 0, simulated: false }
    }

    fn subject(id: &str) -> Subject {
        Subject::Patient(id.parse().unwrap())
    }

    #[test]
    fn the_same_onset_reading_gives_the_same_id_and_the_arrival_counts_only_where_nothing_was_sent() {
        let subject = subject("icu-1/p-17");
        let id =
            |reading: ReadingRef| alert_id(&subject, &CONDITION, Some(&reading), None, Again::First, None);
        assert_eq!(id(reading(Some(1), 5, true)), id(reading(Some(1), 5, true)));
        assert_ne!(id(reading(Some(1), 5, true)), id(reading(Some(2), 5, true)));
        assert_eq!(id(reading(Some(1), 5, false)), id(reading(Some(1), 6, false)));
        assert_ne!(id(reading(None, 5, false)), id(reading(None, 6, false)));
        let restarted = ReadingRef { generation: 1, ..reading(Some(1), 5, false) };
        assert_ne!(id(restarted), id(reading(Some(1), 5, false)));
    }

    /// The ids of alerts that begin with these readings, one after the other.
    fn ids(readings: &[ReadingRef]) -> Vec<Uuid> {
        let (mut ids, subject) = (Ids::default(), subject("icu-1/p-17"));
        readings.iter().map(|reading| ids.begin(&subject, &CONDITION, Some(reading), reading.time)).collect()
    }

    fn differ(ids: &[Uuid]) -> bool {
        (1..ids.len()).all(|n| !ids[..n].contains(&ids[n]))
    }

    #[test]
    fn the_first_alert_of_a_reading_is_named_by_it_alone() {
        let subject = subject("icu-1/p-17");
        for reading in [reading(Some(1), 5, true), reading(Some(1), 5, false), reading(None, 5, true)] {
            let alone = alert_id(&subject, &CONDITION, Some(&reading), None, Again::First, None);
            assert_eq!(ids(std::slice::from_ref(&reading)), [alone]);
        }
    }

    #[test]
    fn another_stay_of_the_same_name_names_no_alert_as_the_former_one_did() {
        let (subject, reading) = (subject("icu-1/p-17"), reading(Some(1), 5, false));
        let former_stay = Some(Timestamp::from_unix_ms(20));
        let id =
            Ids { former_stay, ..Ids::default() }.begin(&subject, &CONDITION, Some(&reading), reading.time);
        assert_ne!(vec![id], ids(&[reading]));
    }

    #[test]
    fn alerts_that_begin_with_the_same_reading_differ() {
        for reading in [reading(Some(1), 5, true), reading(Some(1), 5, false), reading(None, 5, true)] {
            assert!(differ(&ids(&vec![reading; 4])));
        }
    }

    #[test]
    fn a_clock_that_is_set_back_over_and_over_names_no_two_alerts_alike() {
        let times = [5, 6, 7, 5, 6, 7, 7, 5, 8, 5, 8];
        assert!(differ(&ids(&times.map(|ms| reading(None, ms, true)))));
        assert!(differ(&ids(&times.map(|ms| reading(None, ms, false)))));
    }

    #[test]
    fn a_count_that_starts_again_or_another_device_names_no_two_alerts_alike() {
        let counts = [1, 2, 3, 1, 2, 3, 3, 1, 4, 1];
        assert!(differ(&ids(&counts.map(|seq| reading(Some(seq), 9, false)))));
        let mixed = counts.map(|seq| reading(Some(seq), 9, seq % 2 == 0));
        assert!(differ(&ids(&mixed)));
    }

    #[test]
    fn without_a_reading_no_two_alerts_are_named_alike_though_our_own_clock_is_set_back() {
        let (mut ids, subject, stay) = (Ids::default(), subject("icu-1/p-17"), Timestamp::from_unix_ms(0));
        let mut named = Vec::new();
        for end in [0, 5, 5, 3, 4, 0, 9] {
            named.push(ids.begin(&subject, &CONDITION, None, stay));
            ids.note_end(&CONDITION, Timestamp::from_unix_ms(end), stay);
        }
        assert!(differ(&named));
    }

    #[test]
    fn devices_without_number_are_forgotten_and_still_named_apart() {
        let (mut ids, subject, stay) = (Ids::default(), subject("icu-1/p-17"), Timestamp::from_unix_ms(0));
        let mut named = Vec::new();
        for round in 0..3 {
            for n in 0..100 {
                let condition = Condition::DeviceSilent(format!("gateway-{n}").parse().unwrap());
                named.push(ids.begin(&subject, &condition, None, stay));
                ids.note_end(&condition, Timestamp::from_unix_ms(round * 100 + n), stay);
            }
        }
        assert!(differ(&named));
        assert_eq!(ids.ends.len(), REMEMBERED);
    }
}
