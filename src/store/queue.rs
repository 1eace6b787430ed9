//! What waits for the store: the decisions of the recorder, without I/O.
//!
//! Each entry has two sides. One waits to be committed, in the lanes; the other waits for that commit before
//! consumers get it, in the feed's [`Uncommitted`]. While the store is lost the second side waits no longer.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::commands::AskedFor;
use wardwatch_actors::outlet::Kept;
use wardwatch_actors::patient::outcome::Outcome;
use wardwatch_actors::patient::snapshot::{Saved, Snapshot};
use wardwatch_actors::people::{PatientId, Subject};

use super::audit::AuditNote;
use super::batch::{Batch, Row, Stay};
use super::lanes::Lanes;
use super::running::Running;
use crate::contract::payload::rejected::RejectedMessage;
use crate::feed::{Emission, NumberedChange, Uncommitted};

/// How long things may wait, and how many.
#[derive(Debug, Clone)]
pub struct CommitTerms {
    /// For how long readings wait for others, so that they are committed together.
    pub linger: Duration,
    /// For how long a change waits for its commit before it goes out without.
    pub publish_within: Duration,
    /// After how much waiting the store is lost.
    pub lost_after: Duration,
    /// How many entries wait to be committed; beyond, the store is lost and the oldest readings go.
    pub max_waiting: usize,
    /// How many of these may be changes; beyond, the oldest of the lowest priority go.
    pub max_changes: usize,
    /// How many entries are committed at once.
    pub max_batch: usize,
    /// How many of these may be urgent: the last of them goes out when all are written.
    pub max_urgent: usize,
}

impl CommitTerms {
    /// As in production, with what the site sets.
    pub fn new(linger: Duration, publish_within: Duration) -> Self {
        let lost_after = Duration::from_secs(2);
        let (max_waiting, max_changes, max_batch, max_urgent) = (200_000, 100_000, 20_000, 500);
        Self { linger, publish_within, lost_after, max_waiting, max_changes, max_batch, max_urgent }
    }
}

/// How many rejected messages wait to be kept.
const MAX_REJECTED: usize = 10_000;
/// How many published changes wait to be noted; one too many is published again after a crash.
const MAX_PUBLISHED: usize = 200_000;

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes that went out before their commit.
    pub published_before_commit: u64,
    /// Readings that were not kept.
    pub dropped_readings: u64,
    /// Changes that were published, and are missing in the log.
    pub dropped_changes: u64,
    /// Changes that are missing in the log since another one has their id and sequence.
    pub rejected_changes: u64,
}

/// Everything that waits.
pub struct CommitQueue {
    terms: CommitTerms,
    running: Running,
    /// The next number to be given.
    next: u64,
    lanes: Lanes,
    snapshots: HashMap<PatientId, (u64, Box<Snapshot>)>,
    rejected: VecDeque<RejectedMessage>,
    published: Vec<u64>,
    /// When the oldest in the lanes came, in running time.
    oldest: Option<Duration>,
    uncommitted: Uncommitted,
    lost: bool,
    pub counts: Counts,
}

impl CommitQueue {
    /// An empty queue that numbers from `next`.
    pub fn new(terms: CommitTerms, next: u64, now: Instant) -> Self {
        Self {
            terms,
            running: Running::new(now),
            next,
            lanes: Lanes::default(),
            snapshots: HashMap::new(),
            rejected: VecDeque::new(),
            published: Vec::new(),
            oldest: None,
            uncommitted: Uncommitted::default(),
            lost: false,
            counts: Counts::default(),
        }
    }

    /// Nothing waits for commits any more; whether that is news.
    pub fn lose(&mut self) -> bool {
        !std::mem::replace(&mut self.lost, true)
    }

    /// How many entries are not committed yet.
    pub fn waiting(&self) -> usize {
        self.lanes.len()
    }

    /// Whether receipts and publications wait for no commit.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// How long the process has run since the start of the queue.
    pub fn running(&mut self, now: Instant) -> Duration {
        self.running.at(now)
    }

    /// Something was caused at this time.
    pub fn push(&mut self, kept: Kept, at: Timestamp, now: Instant) {
        let Kept { subject, reading, outcome, saved, record, receipt } = kept;
        let Outcome { changes, scores, state, replies, .. } = outcome;
        let arrived = self.running.at(now);
        let changes: Vec<_> = changes.into_iter().map(|change| self.numbered(change)).collect();
        let number = self.number();
        let stay = self.save(&subject, number, saved).or(record.map(Stay::Described));
        let notes = replies.iter().filter(|reply| reply.asked != AskedFor::Again);
        let notes = notes.map(|reply| AuditNote::Command(Box::new(reply.clone()))).collect();
        let row =
            Row { number, at, subject: subject.clone(), reading, changes: changes.clone(), stay, notes };
        self.uncommitted.push(
            number,
            arrived,
            Emission { subject, at, changes, scores, state, replies, receipt },
        );
        if row.is_urgent() || row.reading.is_some() {
            self.lanes.push(row);
        }
        self.oldest.get_or_insert(arrived);
        self.make_room();
    }

    /// Notes what the patient remembers, in place of what it remembered before.
    fn save(&mut self, subject: &Subject, number: u64, saved: Option<Saved>) -> Option<Stay> {
        let Subject::Patient(patient) = subject else { return None };
        match saved? {
            Saved::Now(snapshot) => {
                self.snapshots.insert(patient.clone(), (number, snapshot));
                None
            }
            Saved::Gone(departure) => {
                self.snapshots.remove(patient);
                Some(Stay::Over { departure })
            }
        }
    }

    fn numbered(&mut self, change: AlertChange) -> NumberedChange {
        NumberedChange { number: self.number(), change: change.into() }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether too much waits.
    fn is_full(&self) -> bool {
        self.waiting() > self.terms.max_waiting || self.lanes.changes() > self.terms.max_changes
    }

    /// What goes for want of room was promised to nobody: the store is lost first.
    fn make_room(&mut self) {
        while self.lost && self.is_full() {
            let row = if self.lanes.changes() > self.terms.max_changes {
                self.lanes.pop_lowest_change()
            } else {
                self.lanes.pop_lowest()
            };
            let Some(row) = row else { return };
            self.counts.dropped_readings += u64::from(row.reading.is_some());
            self.counts.dropped_changes += row.changes.len() as u64;
        }
    }

    /// A message was rejected.
    pub fn reject(&mut self, rejected: RejectedMessage, now: Instant) {
        let arrived = self.running.at(now);
        self.rejected.push_back(rejected);
        if self.rejected.len() > MAX_REJECTED {
            self.rejected.pop_front();
        }
        self.oldest.get_or_insert(arrived);
    }

    /// The audit is to say this.
    pub fn note(&mut self, note: AuditNote, at: Timestamp, now: Instant) {
        let arrived = self.running.at(now);
        let (number, subject, notes) = (self.number(), Subject::Installation, vec![note]);
        self.lanes.push(Row { number, at, subject, reading: None, changes: Vec::new(), stay: None, notes });
        self.oldest.get_or_insert(arrived);
    }

    /// The broker has this change. That is written down with whatever is committed next.
    pub fn published(&mut self, number: u64) {
        if self.published.len() < MAX_PUBLISHED {
            self.published.push(number);
        }
    }

    /// How long the recorder may still wait before it commits; none where there is nothing to commit.
    pub fn commit_in(&mut self, now: Instant) -> Option<Duration> {
        let waited = self.running.at(now).saturating_sub(self.oldest?);
        Some(if self.is_urgent() { Duration::ZERO } else { self.terms.linger.saturating_sub(waited) })
    }

    /// Whether nothing is left to be written.
    pub fn is_drained(&self) -> bool {
        self.oldest.is_none() && self.published.is_empty()
    }

    /// Whether what waits should be committed at once.
    pub fn is_urgent(&self) -> bool {
        self.lanes.is_urgent() || self.waiting() >= self.terms.max_batch
    }

    /// Takes what is to be committed next: all of it, unless a great deal has gathered. Then a memory may
    /// come a commit later than the change that led to it, and the readings between are observed again.
    pub fn take_batch(&mut self) -> Batch {
        let mut rows = Vec::with_capacity(self.waiting().min(self.terms.max_batch));
        let mut urgent = 0;
        while rows.len() < self.terms.max_batch
            && urgent < self.terms.max_urgent
            && let Some(row) = self.lanes.pop_first()
        {
            urgent += usize::from(row.is_urgent());
            rows.push(row);
        }
        let all = self.waiting() == 0;
        let upto = if all { self.next - 1 } else { rows.last().map_or(0, |row| row.number) };
        self.oldest.take_if(|_| all);
        let snapshots = self.snapshots.extract_if(|_, (number, _)| *number <= upto);
        let snapshots = snapshots.map(|(patient, (number, snapshot))| (patient, number, snapshot)).collect();
        let published = self.published.extract_if(.., |number| *number <= upto).collect();
        let rejected = self.rejected.drain(..).collect();
        Batch { upto, whole: all, rows, snapshots, rejected, published, ..Batch::default() }
    }

    /// Everything up to this number is committed: what waited for that, in order, and whether the store
    /// is back with it.
    pub fn committed(&mut self, upto: u64) -> (Vec<Emission>, bool) {
        let emissions = self.uncommitted.committed(upto);
        let back = self.lost && self.waiting() <= self.terms.max_batch / 2;
        self.lost &= !back;
        (emissions, back)
    }

    /// What has waited for too long, in order: changes that go out before their commit and, where the
    /// store is lost, everything. Says since when it is lost, where that is news.
    pub fn overdue(&mut self, now: Instant) -> (Vec<Emission>, Option<Timestamp>) {
        let running = self.running.at(now);
        let is_late = |arrived: Duration| running.saturating_sub(arrived) >= self.terms.lost_after;
        let oldest = self.uncommitted.oldest().filter(|(arrived, _)| self.is_full() || is_late(*arrived));
        let news = oldest.map(|(_, at)| at).filter(|_| !self.lost);
        self.lost |= news.is_some();
        let emissions = if self.lost {
            self.make_room();
            self.uncommitted.release_all()
        } else {
            let before = running.checked_sub(self.terms.publish_within);
            before.map_or_else(Vec::new, |before| self.uncommitted.overdue(before))
        };
        let changes: usize = emissions.iter().map(|emission| emission.changes.len()).sum();
        self.counts.published_before_commit += changes as u64;
        (emissions, news)
    }

    /// In how much running time something is overdue; none where nothing waits for a commit.
    pub fn overdue_in(&mut self, now: Instant) -> Option<Duration> {
        let (oldest, _) = self.uncommitted.oldest()?;
        let unpublished = self.uncommitted.oldest_unpublished();
        let due = unpublished.map_or(Duration::MAX, |arrived| arrived + self.terms.publish_within);
        let due = if self.lost || self.is_full() {
            Duration::ZERO
        } else {
            due.min(oldest + self.terms.lost_after)
        };
        Some(due.saturating_sub(self.running.at(now)))
    }
}
