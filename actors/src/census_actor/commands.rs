//! What the census does with a command: who may is decided here, and who is here; the rest is the patient's.

use actix::{Context, Handler, Message};
use tracing::info;

use super::CensusActor;
use crate::admission::AdmissionRecord;
use crate::commands::{
    Command, CommandRejection, Done, Instruction, MalformedCommand, RejectedCommand, Reply,
};
use crate::outlet::Kept;
use crate::patient::outcome::Outcome;
use crate::patient_actor::Obey;
use crate::people::{PatientId, Subject, UnitId};
use crate::receipt::Receipt;

/// Somebody commands something.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Commanded {
    pub command: Result<Box<Command>, Box<MalformedCommand>>,
    pub receipt: Receipt,
}

impl Handler<Commanded> for CensusActor {
    type Result = ();

    fn handle(&mut self, Commanded { command, receipt }: Commanded, _: &mut Context<Self>) {
        self.shard.counters.commands.add(1);
        match command {
            Ok(command) => self.command(command, receipt),
            Err(malformed) => self.reject_malformed(&malformed, receipt),
        }
    }
}

impl CensusActor {
    fn command(&mut self, command: Box<Command>, receipt: Receipt) {
        let now = self.shard.clock.uptime();
        let admitted = self.gate.admit(&command, &self.shard.settings(), now);
        if let Err(rejection) = admitted {
            return self.reject_command(&command, &rejection, receipt);
        }
        info!(
            patient = %command.patient, sender = command.author.sender, command = command.order.name().name(),
            "commanded"
        );
        let used = self.used_ids.patient(&command).map(|of| *of == command.patient);
        if used == Some(false) {
            return self.reject_command(&command, &CommandRejection::IdUsed, receipt);
        }
        let (sender, at) = (&command.author.sender, self.shard.clock.now().wall);
        self.used_ids.note(sender, &command.id, &command.patient, at);
        if used.is_some() {
            return self.answer_again(command, receipt);
        }
        self.carry_out(command, receipt);
    }

    /// What came before was answered here, or else by the patient, who answers it again.
    fn answer_again(&mut self, command: Box<Command>, receipt: Receipt) {
        if let Some(before) = self.answered.get(&command) {
            return self.answer(&command.patient, command.reply_again(before.clone()), receipt);
        }
        match self.census.entry(command.patient.as_str()) {
            Some(entry) => entry.address.do_send(Obey { command, receipt }),
            None => self.carry_out(command, receipt),
        }
    }

    fn carry_out(&mut self, command: Box<Command>, receipt: Receipt) {
        match &command.order {
            Instruction::Admit(_) | Instruction::Transfer { .. } | Instruction::Discharge => {
                self.command_stay(&command, receipt)
            }
            Instruction::Alerts(_)
            | Instruction::SetLimits(_)
            | Instruction::Standby { .. }
            | Instruction::EndStandby
            | Instruction::TestAlert => match self.census.entry(command.patient.as_str()) {
                Some(entry) => entry.address.do_send(Obey { command, receipt }),
                None => {
                    let rejection = CommandRejection::NotHere(command.patient.clone());
                    self.reject_command(&command, &rejection, receipt);
                }
            },
        }
    }

    /// Who is here is said by records: what is commanded of that is a record to be published.
    fn command_stay(&mut self, command: &Command, receipt: Receipt) {
        let done = command.is_fresh().and_then(|()| self.publish_stay(command));
        if done.is_err() {
            self.shard.counters.commands_rejected.add(1);
        }
        let reply = command.reply(done.as_ref().copied());
        self.answered.note(command, reply.outcome.clone(), self.shard.clock.now().wall);
        self.answer(&command.patient, reply, receipt);
    }

    fn publish_stay(&mut self, command: &Command) -> Result<Done, CommandRejection> {
        let (patient, outlet) = (&command.patient, &self.shard.outlet);
        match &command.order {
            Instruction::Admit(record) => outlet.publish_record(patient, record),
            Instruction::Transfer { to } => {
                let (there, record) = self.transferred(patient, to)?;
                outlet.publish_record(&there, &record);
            }
            _ => {
                self.here(patient)?;
                outlet.empty_record(patient);
            }
        }
        Ok(Done::default())
    }

    /// The record with which somebody who is here goes on in another unit.
    fn transferred(
        &self,
        patient: &PatientId,
        to: &UnitId,
    ) -> Result<(PatientId, AdmissionRecord), CommandRejection> {
        let record = self.here(patient)?;
        let unit: UnitId = patient.unit().parse().map_err(|_| CommandRejection::NotHere(patient.clone()))?;
        let there = PatientId::in_unit(to, patient.patient())
            .map_err(|_| CommandRejection::NotHere(patient.clone()))?;
        if there == *patient {
            return Err(CommandRejection::SameUnit(to.clone()));
        }
        Ok((there, AdmissionRecord { from: Some(unit), ..record }))
    }

    /// The record of somebody who is here, empty where a reading admitted the patient.
    fn here(&self, patient: &PatientId) -> Result<AdmissionRecord, CommandRejection> {
        let entry = self.census.entry(patient.as_str());
        let entry = entry.ok_or_else(|| CommandRejection::NotHere(patient.clone()))?;
        Ok(entry.record.as_ref().map(|record| AdmissionRecord::clone(record)).unwrap_or_default())
    }

    fn reject_malformed(&mut self, malformed: &MalformedCommand, receipt: Receipt) {
        let now = self.shard.clock.uptime();
        let sender = &malformed.reply_to.sender;
        let admitted = self.gate.admit_sender(sender, &self.shard.settings(), now);
        let rejection = admitted.err().unwrap_or_else(|| malformed.rejection.clone());
        let reply = malformed.reply(&rejection);
        self.reject_answered(&malformed.patient, sender.clone(), rejection, reply, receipt);
    }

    fn reject_command(&mut self, command: &Command, rejection: &CommandRejection, receipt: Receipt) {
        let (reply, sender) = (command.reply(Err(rejection)), command.author.sender.clone());
        self.reject_answered(&command.patient, sender, rejection.clone(), reply, receipt);
    }

    /// Answers that it is rejected; of a flood of rejections the rest is published where all rejections are.
    fn reject_answered(
        &mut self,
        patient: &PatientId,
        sender: String,
        rejection: CommandRejection,
        reply: Reply,
        receipt: Receipt,
    ) {
        self.shard.counters.commands_rejected.add(1);
        let now = self.shard.clock.now();
        if self.gate.answers(now.uptime) {
            return self.answer(patient, reply, receipt);
        }
        let patient = patient.clone();
        self.shard.outlet.reject_command(RejectedCommand { sender, patient, rejection, at: now.wall });
        receipt.settle();
    }

    fn answer(&self, patient: &PatientId, reply: Reply, receipt: Receipt) {
        let outcome = Outcome { replies: vec![reply], ..Outcome::default() };
        let (subject, reading, saved, record) = (Subject::Patient(patient.clone()), None, None, None);
        self.shard.outlet.keep(Kept { subject, reading, outcome, saved, record, receipt });
    }
}
