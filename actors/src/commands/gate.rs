//! Who may command what: the gate that every command passes before anything is done.

use std::collections::BTreeMap;

use super::{Command, CommandRejection};
use crate::clock::{Span, Uptime};
use crate::settings::Settings;

/// More commands than this a second are no person's, of one sender; a burst may have as many at once.
pub const MOST_A_SECOND: u32 = 50;

/// Decides who may command what; remembers how much each sender commands.
///
/// Only listed senders are remembered, so that no name from outside makes it grow.
#[derive(Debug, Default)]
pub struct CommandGate {
    senders: BTreeMap<String, Budget>,
    /// How many rejections are still answered.
    rejections: Option<Budget>,
}

/// How much a sender may still command now: it fills up by [`MOST_A_SECOND`] each second.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// In thousandths of a command.
    left: i64,
    at: Uptime,
}

const FULL: i64 = MOST_A_SECOND as i64 * 1000;

impl CommandGate {
    /// Whether this may be done, as far as that depends on who asks.
    pub fn admit(
        &mut self,
        command: &Command,
        settings: &Settings,
        now: Uptime,
    ) -> Result<(), CommandRejection> {
        let sender = &command.author.sender;
        self.admit_sender(sender, settings, now)?;
        let rights =
            settings.senders.get(sender).ok_or_else(|| CommandRejection::UnknownSender(sender.clone()))?;
        let unit = command.patient.unit();
        if !rights.reach(unit) {
            return Err(CommandRejection::OtherUnit { sender: sender.clone(), unit: unit.to_owned() });
        }
        let name = command.order.name();
        if rights.permit(name, &command.patient) {
            Ok(())
        } else {
            Err(CommandRejection::NotPermitted { sender: sender.clone(), command: name })
        }
    }

    /// Whether this sender may command anything now.
    pub fn admit_sender(
        &mut self,
        sender: &str,
        settings: &Settings,
        now: Uptime,
    ) -> Result<(), CommandRejection> {
        if !settings.senders.contains_key(sender) {
            return Err(CommandRejection::UnknownSender(sender.to_owned()));
        }
        let budget = self.senders.entry(sender.to_owned()).or_insert(Budget::full(now));
        if budget.spend(now) { Ok(()) } else { Err(CommandRejection::Flood(sender.to_owned())) }
    }

    /// Whether somebody who is rejected here is answered: of a flood of rejections not everybody is.
    pub fn answers(&mut self, now: Uptime) -> bool {
        self.rejections.get_or_insert(Budget::full(now)).spend(now)
    }
}

impl Budget {
    const fn full(at: Uptime) -> Self {
        Self { left: FULL, at }
    }

    /// Takes one, if there is one left.
    fn spend(&mut self, now: Uptime) -> bool {
        let passed = now.since(self.at).max(Span::ZERO).as_ms();
        self.left = self.left.saturating_add(passed.saturating_mul(i64::from(MOST_A_SECOND))).min(FULL);
        self.at = now;
        let enough = self.left >= 1000;
        self.left -= if enough { 1000 } else { 0 };
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Author;
    use crate::clock::Timestamp;
    use crate::commands::{Instruction, ReplyTo};
    use crate::settings::SenderRights;

    fn command(sender: &str, order: Instruction, patient: &str) -> Command {
        let at = Timestamp::from_unix_ms(0);
        Command {
            id: "1".to_owned(),
            patient: patient.parse().unwrap(),
            order,
            author: Author { sender: sender.to_owned(), by: "anna".to_owned(), reason: None },
            at: None,
            received_at: at,
            queued: false,
            reply_to: ReplyTo::default(),
        }
    }

    fn settings() -> Settings {
        let rights: SenderRights =
            serde_json::from_str(r#"{"may":["end_standby"],"units":["icu-1"]}"#).unwrap();
        Settings { senders: [("nurse-call".to_owned(), rights)].into(), ..Settings::default() }
    }

    #[test]
    fn what_is_not_listed_is_rejected_with_its_reason() {
        let (mut gate, settings) = (CommandGate::default(), settings());
        let mut said = |sender, order, patient| {
            let rejection = gate.admit(&command(sender, order, patient), &settings, Uptime::START);
            rejection.err().map_or("fine".to_owned(), |rejection| rejection.to_string())
        };
        assert_eq!(said("nurse-call", Instruction::EndStandby, "icu-1/p-17"), "fine");
        assert_eq!(
            said("pager", Instruction::EndStandby, "icu-1/p-17"),
            "sender `pager` is not listed (senders.NAME)"
        );
        assert_eq!(
            said("nurse-call", Instruction::Discharge, "icu-1/p-17"),
            "sender `nurse-call` may not discharge (senders.nurse-call.may)"
        );
        assert_eq!(
            said("nurse-call", Instruction::EndStandby, "icu-2/p-17"),
            "sender `nurse-call` may not command of unit icu-2 (senders.nurse-call.units)"
        );
    }

    #[test]
    fn a_flood_is_rejected_and_costs_nobody_else_anything() {
        let (mut gate, settings) = (CommandGate::default(), settings());
        let mut admitted = |ms| {
            let command = command("nurse-call", Instruction::EndStandby, "icu-1/p-17");
            gate.admit(&command, &settings, Uptime::from_ms(ms)).is_ok()
        };
        assert_eq!((0..200).filter(|_| admitted(0)).count(), 50);
        assert_eq!((0..200).filter(|_| admitted(100)).count(), 5);
        assert_eq!((0..200).filter(|_| admitted(5000)).count(), 50);
    }
}
