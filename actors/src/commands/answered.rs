//! Which commands were answered, and how: the same one acts once.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Command, ReplyOutcome};
use crate::clock::{Span, Timestamp};

/// For how long an answer is remembered.
pub(super) const REMEMBERED_FOR: Span = Span::from_hours(24);

/// How many are remembered at most: what was rejected goes first, then the oldest.
const MOST: usize = 512;

/// The answers of the last 24 h, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnsweredCommands {
    answered: VecDeque<Answered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answered {
    at: Timestamp,
    sender: String,
    command_id: String,
    outcome: ReplyOutcome,
}

impl AnsweredCommands {
    /// What was answered to this very command before.
    pub fn get(&self, command: &Command) -> Option<&ReplyOutcome> {
        let same = |of: &&Answered| of.command_id == command.id && of.sender == command.author.sender;
        self.answered.iter().rev().find(same).map(|of| &of.outcome)
    }

    /// Remembers an answer, and forgets what is too old.
    pub fn note(&mut self, command: &Command, outcome: ReplyOutcome, now: Timestamp) {
        self.answered.retain(|of| now.since(of.at) < REMEMBERED_FOR);
        if self.answered.len() == MOST {
            let rejected = self.answered.iter().position(|of| !of.outcome.ok);
            self.answered.remove(rejected.unwrap_or(0));
        }
        let (sender, command_id) = (command.author.sender.clone(), command.id.clone());
        self.answered.push_back(Answered { at: now, sender, command_id, outcome });
    }

    /// The sender, id and time of each.
    pub fn ids(&self) -> impl Iterator<Item = (&str, &str, Timestamp)> {
        self.answered.iter().map(|of| (&*of.sender, &*of.command_id, of.at))
    }

    /// Those of the same person's stay elsewhere count here, too.
    pub fn inherit(&mut self, moved: Self) {
        self.answered.extend(moved.answered);
        self.answered.make_contiguous().sort_by_key(|of| of.at);
        while self.answered.len() > MOST {
            self.answered.pop_front();
        }
    }
}
