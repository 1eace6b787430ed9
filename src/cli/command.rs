//! `wardwatch command`: manages alerts from a shell.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::value::RawValue;
use thiserror::Error;
use uuid::Uuid;
use wardwatch::causes::Causes;
use wardwatch::client::command::{self, CommandTopics};
use wardwatch::contract::payload::given_command::{GivenCommand, GivenReply};
use wardwatch::link::random;
use wardwatch_actors::clock::{Clock, Span, Timestamp};
use wardwatch_actors::people::{PatientId, UnitId, check_name};
use wardwatch_actors::settings::CommandName;

use super::assess::parse_duration;
use super::broker::{BrokerFlags, unusable};
use super::{Unusable, output};

/// The exit status of a command that is rejected, and of one that has no answer.
const REJECTED: u8 = 1;
const NO_ANSWER: u8 = 4;

/// By how much the clocks may differ before that is said.
const SAME_TIME: Span = Span::from_secs(5);

/// Give a command: acknowledge or pause alerts, set limits, admit, and whatever else is managed
///
/// Prints the answer. The exit status is 0 where it was carried out, 1 where it is rejected, 2 where the flags cannot be
/// used, and 4 where no answer came: then it is not known whether it was carried out.
#[derive(Debug, Args)]
pub struct Give {
    /// What to do
    #[arg(value_parser = PossibleValuesParser::new(CommandName::ALL.iter().map(|name| name.name())))]
    command: String,
    /// Which alert, by its id; of pauses and switches: without it, all of the patient's
    alert: Option<Uuid>,
    /// The unit
    #[arg(long)]
    unit: String,
    /// The patient
    #[arg(long)]
    patient: String,
    /// Who gives it: a person
    #[arg(long)]
    by: String,
    /// The system that sends it, as it stands under [senders]
    #[arg(long)]
    sender: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// When what is timed ends: a time, or how long from now, as 5min
    #[arg(long, value_parser = parse_until)]
    until: Option<Until>,
    /// For set_limits: what differs, as {"heart_rate":{"high":140}}; {} takes back what was set before
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    limits: Option<Json>,
    /// For admit: the record, as {"bed":"B"}
    #[arg(long, value_name = "JSON", value_parser = parse_json)]
    record: Option<Json>,
    /// For transfer: the unit
    #[arg(long)]
    to: Option<UnitId>,
    /// The id of the command: one that was given before is answered as then, and not carried out again
    #[arg(long)]
    id: Option<String>,
    /// How long to wait for the answer
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    within: Duration,
    #[command(flatten)]
    broker: BrokerFlags,
}

/// When something ends.
#[derive(Debug, Clone, Copy)]
enum Until {
    At(Timestamp),
    After(Duration),
}

#[derive(Debug, Error)]
#[error("{0} is neither a time, as 2026-11-22T06:35:00Z, nor a length of time, as 5min")]
struct NoEnd(String);

fn parse_until(text: &str) -> Result<Until, NoEnd> {
    let at = || serde_json::from_value(text.into()).map(Until::At);
    parse_duration(text).map(Until::After).or_else(|_| at()).map_err(|_| NoEnd(text.to_owned()))
}

/// JSON as it was typed.
#[derive(Debug, Clone)]
struct Json(Box<RawValue>);

fn parse_json(text: &str) -> Result<Json, serde_json::Error> {
    serde_json::from_str(text).map(Json)
}

impl Give {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let topics = self.broker.topics()?;
        check_name(&self.sender).map_err(|fault| unusable("--sender", fault))?;
        let patient = format!("{}/{}", self.unit, self.patient);
        let patient =
            PatientId::from_str(&patient).map_err(|fault| unusable("--unit and --patient", fault))?;
        let link = self.broker.link(&format!("{}-command-{:08x}", self.sender, random() as u32))?;
        let topics = CommandTopics {
            command: topics.command(&self.sender, &patient),
            reply: topics.replies(&self.sender),
        };
        let within = self.within;
        let command = self.given(Clock::system().now().wall)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot give a command")?;
        match runtime.block_on(command::give(&link, &topics, &command, within)) {
            Ok(reply) => {
                output::print(answer(&reply))?;
                Ok(if reply.ok { ExitCode::SUCCESS } else { ExitCode::from(REJECTED) })
            }
            Err(fault) => {
                output::remark(format_args!("wardwatch: {}", Causes(&fault)));
                Ok(ExitCode::from(NO_ANSWER))
            }
        }
    }

    /// The command, given now.
    fn given(self, now: Timestamp) -> Result<GivenCommand, Unusable> {
        let command = CommandName::named(&self.command)
            .ok_or_else(|| Unusable(anyhow::anyhow!("there is no command {}", self.command)))?;
        let until = self.until.map(|until| match until {
            Until::At(at) => at,
            Until::After(length) => now + Span::from_ms(length.as_millis() as i64),
        });
        Ok(GivenCommand {
            command_id: self.id.unwrap_or_else(|| format!("{:016x}", random())),
            command,
            by: self.by,
            at: now,
            alert: self.alert,
            until,
            reason: self.reason,
            limits: self.limits.map(|Json(limits)| limits),
            record: self.record.map(|Json(record)| record),
            to: self.to,
        })
    }
}

/// The answer, in a line.
fn answer(reply: &GivenReply) -> String {
    let of_alert = reply.alert.map(|alert| match reply.sequence {
        Some(sequence) => format!(": alert {alert}, sequence {sequence}"),
        None => format!(": alert {alert}"),
    });
    let said = match (&reply.reason, reply.ok) {
        (_, true) => format!("done{}", of_alert.unwrap_or_default()),
        (reason, false) => format!("rejected: {}", reason.as_deref().unwrap_or("no reason is given")),
    };
    let apart = reply.difference_ms.map(Span::from_ms).filter(|apart| apart.abs() > SAME_TIME);
    let apart = apart.map_or(String::new(), |apart| {
        format!(" (by WardWatch's clock it came {} s after it was given)", apart.as_ms() / 1000)
    });
    format!("{said}{apart}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(reply: &str) -> String {
        answer(&serde_json::from_str(reply).unwrap())
    }

    #[test]
    fn an_answer_says_what_was_done_or_why_not() {
        let alert = "4c1c1b1e-6f0d-5d0b-9a52-77a49d1c3e70";
        let done =
            format!(r#"{{"command_id":"1","ok":true,"alert":"{alert}","sequence":3,"difference_ms":-12}}"#);
        assert_eq!(said(&done), format!("done: alert {alert}, sequence 3\n"));
        assert_eq!(said(r#"{"command_id":"1","ok":true}"#), "done\n");
        let rejected =
            r#"{"command_id":"1","ok":false,"reason":"the alert is not latched","difference_ms":61000}"#;
        let apart = "(by WardWatch's clock it came 61 s after it was given)";
        assert_eq!(said(rejected), format!("rejected: the alert is not latched {apart}\n"));
    }

    #[test]
    fn an_end_is_a_time_or_a_length() {
        assert!(matches!(parse_until("5min"), Ok(Until::After(length)) if length.as_secs() == 300));
        assert!(matches!(parse_until("2026-11-22T06:35:00Z"), Ok(Until::At(_))));
        assert!(parse_until("tomorrow").is_err());
    }
}
