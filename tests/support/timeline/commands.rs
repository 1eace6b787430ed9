//! Commands in a timeline: what is commanded names an alert by its condition, and its id is known once it was raised.

use serde_json::{Value, json};
use wardwatch_actors::clock::Span;

use super::words::{said, span, start, time};
use super::{PATIENT, Sent, Timeline};
use crate::assessed::Published;

/// The system that commands, and the one that confirms, where none is named.
const SENDER: &str = "desk";
const RECEIVER: &str = "pager";

/// What people, and what they receive alerts with, say.
pub fn said_by_people(at: Span, number: usize, verb: &str, rest: &str) -> Option<Sent> {
    match verb {
        "commanded" => command(at, number, rest),
        "confirmed" => confirmation(at, rest),
        _ => {
            let (receiver, status) = rest.split_once(' ')?;
            let payload = json!({"online": status == "online"});
            let topic = format!("wardwatch/receivers/{receiver}");
            Some(Sent { at, topic, payload, counted: false, about: None })
        }
    }
}

/// `acknowledge heart_rate.high by anna`, as it is sent; the condition whose alert it is about is still to be looked up.
fn command(at: Span, number: usize, rest: &str) -> Option<Sent> {
    let said = said(rest)?;
    let mut words = said.words.iter();
    let name = words.next()?;
    let condition = words.next().cloned();
    let named = |name: &str| said.named.get(name).map(String::as_str);
    let (patient, sender) = (named("of").unwrap_or(PATIENT), named("from").unwrap_or(SENDER));
    let id = named("as").map_or_else(|| format!("c-{}-{number}", at.as_ms()), str::to_owned);
    let mut payload =
        json!({"command_id": id, "command": name, "by": named("by").unwrap_or("anna"), "at": time(at)});
    if let Some(until) = named("until") {
        payload["until"] = json!(time(span(until)?.0));
    }
    if let Some(Value::Object(more)) = said.json {
        payload.as_object_mut()?.extend(more);
    }
    let topic = format!("wardwatch/commands/{sender}/{patient}");
    Some(Sent { at, topic, payload, counted: false, about: condition })
}

/// `heart_rate.high from pager as accepted`, as it is sent; id and sequence are still to be looked up.
fn confirmation(at: Span, rest: &str) -> Option<Sent> {
    let said = said(rest)?;
    let condition = said.words.first().cloned();
    let named = |name: &str| said.named.get(name).map(String::as_str);
    let topic = format!("wardwatch/confirmations/{}", named("from").unwrap_or(RECEIVER));
    let of = named("of").unwrap_or(PATIENT);
    let payload = json!({"status": named("as").unwrap_or("received"), "time": time(at), "of": of});
    Some(Sent { at, topic, payload, counted: false, about: condition })
}

impl Timeline {
    /// What is sent before the first command whose alert is still to be looked up, if there is one.
    pub fn unresolved(&self) -> Option<(String, std::time::Duration)> {
        let first = self.sent.iter().position(|sent| sent.about.is_some())?;
        let last = self.sent[..first].last().map_or(Span::ZERO, |sent| sent.at);
        let linger = (self.sent[first].at - last).to_duration();
        Some((self.sent[..first].iter().map(Sent::line).collect(), linger))
    }

    /// Looks up the alert of the first such command among those that are open by then.
    pub fn resolve(&mut self, published: &[Published]) {
        let Some(sent) = self.sent.iter_mut().find(|sent| sent.about.is_some()) else { return };
        let condition = sent.about.take().unwrap_or_default();
        let confirms = sent.payload["of"].as_str().map(str::to_owned);
        let commanded = sent.topic.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
        let patient = confirms.clone().unwrap_or(commanded);
        let until = start() + sent.at;
        let of_it = |message: &&Published| {
            message.is_change()
                && message.at <= until
                && message.text("condition") == condition
                && message.topic.ends_with(&format!("/{patient}"))
        };
        let last = published.iter().rev().find(of_it);
        let id = last.map_or("00000000-0000-0000-0000-000000000000", |message| message.text("id"));
        if confirms.is_some() {
            sent.payload["id"] = json!(id);
            sent.payload["sequence"] = last.map_or(json!(1), |message| message.payload["sequence"].clone());
        } else {
            sent.payload["alert"] = json!(id);
        }
    }
}

/// An answer as a scenario says it.
pub fn answer(message: &Published) -> String {
    match message.payload["ok"] == true {
        true => "answered ok".to_owned(),
        false => format!("answered {:?}", message.text("reason")),
    }
}
