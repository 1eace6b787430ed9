//! What a decision looks like on the bus: topics and payloads of changes, scores and states.

use bytes::Bytes;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::Score;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::Reply;
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::people::{PatientId, Subject};

use super::payload::alert::AlertMessage;
use super::payload::command::ReplyMessage;
use super::payload::json;
use super::payload::rejected::RejectedMessage;
use super::payload::state::{ScoreMessage, StateMessage};
use super::topics::Topics;

/// A topic and what is published on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    pub topic: String,
    pub payload: Bytes,
}

/// An alert change: on the topic of its priority and, where that changed, on the one before.
pub fn change(topics: &Topics, change: &AlertChange) -> impl Iterator<Item = Announcement> {
    let payload = Bytes::from(json(&AlertMessage::from(change)));
    let subject = change.subject.to_string();
    let on = |priority: Priority| topics.alerts(priority.name(), &subject);
    let (now, before) = (on(change.priority), change.previous_priority.map(on));
    let first = Announcement { topic: now, payload: payload.clone() };
    [Some(first), before.map(|topic| Announcement { topic, payload })].into_iter().flatten()
}

/// A score that changed.
pub fn score(topics: &Topics, patient: &PatientId, score: &Score, time: Timestamp) -> Announcement {
    let payload = json(&ScoreMessage::new(patient, score, time)).into();
    Announcement { topic: topics.scores(score.name.as_str(), patient), payload }
}

/// The retained state; empty where the patient is not here any more.
pub fn state(topics: &Topics, patient: &PatientId, state: &StateChange) -> Announcement {
    let payload = match state {
        StateChange::Now(state) => json(&StateMessage::new(patient, state)).into(),
        StateChange::Emptied => Bytes::new(),
    };
    Announcement { topic: topics.state(patient), payload }
}

/// An answer to a command.
pub fn reply(topics: &Topics, reply: &Reply) -> Announcement {
    Announcement { topic: topics.reply(&reply.to), payload: json(&ReplyMessage::from(reply)).into() }
}

/// The record of somebody who is here from now on, or of whom it says something else.
pub fn record(topics: &Topics, patient: &PatientId, record: &AdmissionRecord) -> Announcement {
    Announcement { topic: topics.record(patient), payload: json(record).into() }
}

/// What was rejected.
pub fn rejected(topics: &Topics, message: &RejectedMessage) -> Announcement {
    Announcement { topic: topics.rejected(), payload: json(message).into() }
}

/// The patient of a subject, where it is one.
pub fn patient(subject: &Subject) -> Option<&PatientId> {
    match subject {
        Subject::Patient(patient) => Some(patient),
        Subject::Unit(_) | Subject::Installation => None,
    }
}
